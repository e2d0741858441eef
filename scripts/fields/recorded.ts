/** Which fields of which kinds the recorded sets have. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readWhole } from '../../src/agent/sources/yaml-text.ts';

const SETS = 'test/conformance/istio';

export interface RecordedSet {
  readonly name: string;
  /** `Kind field.of.spec`, with all that is above it. */
  readonly fields: ReadonlySet<string>;
}

export function recordedSets(): RecordedSet[] {
  return readdirSync(SETS)
    .sort()
    .map((name) => ({ name, fields: fieldsIn(join(SETS, name)) }));
}

function fieldsIn(directory: string): Set<string> {
  const found = new Set<string>();
  const manifests = join(directory, 'manifests');
  for (const file of readdirSync(manifests)) {
    for (const { kind, spec } of documentsOf(join(manifests, file)) as readonly { readonly kind: string; readonly spec?: unknown }[]) {
      collect(`${kind} `, spec, '', found);
    }
  }
  const mesh = join(directory, 'mesh.yaml');
  if (existsSync(mesh)) for (const document of documentsOf(mesh)) collect('MeshConfig ', document, '', found);
  return found;
}

function documentsOf(file: string): readonly unknown[] {
  const parsed = readWhole(readFileSync(file, 'utf8'));
  if (!parsed.ok) throw new Error(`${file}: ${JSON.stringify(parsed.faults)}`);
  return parsed.values;
}

function collect(kind: string, value: unknown, path: string, found: Set<string>): void {
  if (path !== '') found.add(kind + path);
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) for (const item of value) collect(kind, item, path, found);
  else for (const [name, below] of Object.entries(value)) collect(kind, below, path === '' ? name : `${path}.${name}`, found);
}
