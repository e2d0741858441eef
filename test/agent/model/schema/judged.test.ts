/** Blocks are judged as the parse of the whole object met them: the same ones, in the same order, as if each was parsed by itself. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { meetJudged } from '../../../../src/agent/model/schema/fields.ts';
import { kindOf, KINDS, shapeOfKind } from '../../../../src/agent/model/schema/kinds.ts';
import { type Complain, reportUnserved } from '../../../../src/agent/model/schema/report.ts';
import { withoutUnset } from '../../../../src/agent/model/schema/unset.ts';

const ROOT = join(import.meta.dirname, '../../../conformance/istio');
const RECORDED = globSync('*/manifests/**/*.{yaml,yml}', { cwd: ROOT }).map((file) => readFileSync(join(ROOT, file), 'utf8'));

/** Fields in another order than the schema's, and blocks of several judges beside each other. */
const MIXED = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: a, namespace: default }
spec:
  subsets:
    - { name: v1, labels: { version: v1 }, trafficPolicy: { tls: { mode: SIMPLE } } }
    - { name: v2, trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, tls: { mode: MUTUAL } }], tls: { mode: ISTIO_MUTUAL } } }
  trafficPolicy: { tls: { mode: MUTUAL }, portLevelSettings: [{ port: { number: 81 }, tls: { mode: ISTIO_MUTUAL } }] }
  host: a
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: a, namespace: default }
spec:
  http:
    - { route: [{ destination: { host: a } }], timeout: 1s }
    - { match: [{ uri: { prefix: /late } }], route: [{ destination: { host: a } }], fault: { abort: { httpStatus: 500 } } }
    - { fault: { abort: { httpStatus: 501 }, delay: { fixedDelay: 1s } }, redirect: { uri: / } }
  hosts: [a]
`;

function said(report: (complain: Complain) => void): string[] {
  const lines: string[] = [];
  report((severity, path, message) => lines.push(`${severity} ${path.join('.')} ${message}`));
  return lines;
}

t.test('what the parse met is what each block is by itself', async (t) => {
  let judged = 0;
  let found = 0;
  for (const text of [...RECORDED, MIXED]) {
    for (const document of parseAllDocuments(text)) {
      const object = document.toJS() as { apiVersion: string; kind: string } | null;
      const kind = object === null ? null : kindOf(object.apiVersion, object.kind);
      if (object === null || kind === null) continue;
      const shape = shapeOfKind(kind);
      const given = withoutUnset(shape, object);
      const { result, met } = meetJudged(() => KINDS[kind].safeParse(given));
      if (!result.success) continue;
      judged += [...met.values()].flat().length;
      const alone = said((complain) => reportUnserved(shape, given, null, complain));
      found += alone.length;
      t.strictSame(
        said((complain) => reportUnserved(shape, given, met, complain)),
        alone,
        JSON.stringify(object),
      );
    }
  }
  t.ok(judged > 500 && found > 5, `${judged} blocks, ${found} findings`);
});
