/**
 * Writes which recorded set or test proves each field of Istio's traffic kinds and of MeshConfig. The fields are those of the agent's own
 * schemas. A field that nothing proves is an error.
 */
import { writeFileSync } from 'node:fs';
import { shapeOfKind } from '../../src/agent/model/schema/kinds.ts';
import { meshConfig } from '../../src/agent/model/schema/mesh-config.ts';
import { type Shape, shapeOf } from '../../src/agent/model/schema/shape.ts';
import { recordedSets } from './recorded.ts';
import { testOf } from './tests.ts';

const TRAFFIC = ['VirtualService', 'DestinationRule', 'ServiceEntry', 'WorkloadEntry', 'Sidecar', 'Gateway'] as const;
const MESH_CONFIG = 'MeshConfig';
/** Sets that are named for a field; more of them say nothing new. */
const MOST_SETS = 2;
/** What both ends of TLS are told; it is checked and not served. */
const TLS = /(^|\.)tls\.(?!mode$|httpsRedirect$)|^ingress\.tls\./;
const TLS_REASON = 'TLS neither begins nor ends here yet; what stands there is checked';
/** Blocks that stand at several places, which the same code reads. */
const SHARED = /(^|\.)((?:connectionPool|outlierDetection|loadBalancer|localityLbSetting|zoneAwareLbSetting)\..*)$/;
const PLACES = ['DestinationRule trafficPolicy.', 'DestinationRule trafficPolicy.loadBalancer.'];

interface Field {
  readonly path: readonly string[];
  /** Why it is not served; null: it is. */
  readonly reason: string | null;
}

function* fieldsOf(shape: Shape, path: readonly string[]): Generator<Field> {
  switch (shape.kind) {
    case 'unsupported':
      return yield { path, reason: shape.reason };
    case 'list':
      return yield* fieldsOf(shape.element, path);
    case 'object':
      if (shape.fields.size === 0) yield { path, reason: null };
      for (const [name, { shape: below }] of shape.fields) yield* fieldsOf(below, [...path, name]);
      return;
    case 'map':
    case 'scalar':
      yield { path, reason: TLS.test(path.join('.')) ? TLS_REASON : null };
  }
}

const sets = recordedSets();

/** Sets that were made for something come before random ones. @param key `Kind path`. */
function provenBy(key: string): string[] {
  const using = sets.filter(({ fields }) => fields.has(key)).map(({ name }) => name);
  const chosen = [...using.filter((name) => !name.startsWith('random-')), ...using.filter((name) => name.startsWith('random-'))];
  return chosen.slice(0, MOST_SETS).map((name) => `\`${name}\``);
}

const unproven: string[] = [];

function rowOf(kind: string, { path, reason }: Field): string {
  const name = `\`${path.join('.')}\``;
  if (reason !== null) return `| ${name} | not served: ${reason.replaceAll('|', '\\|')} |`;
  const proof = proofOf(kind, path);
  if (proof === null) unproven.push(`${kind} ${path.join('.')}`);
  return `| ${name} | ${proof ?? 'nothing'} |`;
}

function proofOf(kind: string, path: readonly string[]): string | null {
  const recorded = provenBy(`${kind} ${path.join('.')}`);
  if (recorded.length > 0) return recorded.join(', ');
  const [, , block] = SHARED.exec(path.join('.').replace(/^inboundConnectionPool/, 'connectionPool')) ?? [];
  const elsewhere = block === undefined ? [] : PLACES.flatMap((place) => provenBy(place + block));
  if (elsewhere.length > 0) return `at another place: ${elsewhere.slice(0, MOST_SETS).join(', ')}`;
  const test = testOf(kind, path) ?? (block === undefined ? null : testOf('DestinationRule', block.split('.')));
  return test === null ? null : `\`${test}\``;
}

function tableOf(kind: string, shape: Shape): string {
  const rows = [...fieldsOf(shape, [])].map((field) => rowOf(kind, field));
  return [`## ${kind}`, '', '| field | proven by |', '| --- | --- |', ...rows, ''].join('\n');
}

function specOf(kind: (typeof TRAFFIC)[number]): Shape {
  const shape = shapeOfKind(kind);
  const spec = shape.kind === 'object' ? shape.fields.get('spec')?.shape : undefined;
  if (spec === undefined) throw new Error(`${kind} has no spec`);
  return spec;
}

const HEAD = `# Fields and their proofs

Written by \`scripts/generate-fields\` from the agent's schemas; not to be edited. Each field of these kinds, with recorded
sets of Istio's own answers in which objects have it (folders of \`test/conformance/istio\`, which \`scripts/conformance
istio\` replays), or else the test that has it. [Resources](resources.md) says what works.
`;

const tables = [...TRAFFIC.map((kind) => tableOf(kind, specOf(kind))), tableOf(MESH_CONFIG, shapeOf(meshConfig))];
writeFileSync(process.argv[2] ?? 'docs/reference/fields.md', [HEAD, ...tables].join('\n'));
for (const field of unproven) process.stderr.write(`${field}: no recorded set and no test has it\n`);
process.exitCode = unproven.length === 0 ? 0 : 1;
