/** A change as the compiler would have given it. */
import type { EndpointConfig } from '../src/l7/config/cluster.ts';
import { isLight, PACKED_KINDS, type PackedKind, type PackedRecord, type PackedValues, packRecord } from '../src/l7/packed/record-form.ts';
import type { CompiledDelta } from '../src/l7/packed/record-packer.ts';
import type { SnapshotDelta } from '../src/l7/snapshot.ts';

type Light = { [K in PackedKind]?: Map<string, PackedRecord> };

/** @param endpointsOf all that a cluster has after the change. */
export function compiledDelta(
  delta: SnapshotDelta,
  endpointsOf: (cluster: string) => readonly EndpointConfig[] | undefined,
): CompiledDelta {
  const light: Light = {};
  const records: Record<string, unknown> = { ...delta.records };
  for (const kind of PACKED_KINDS) {
    if (kind === 'endpoints') continue;
    const given = delta.records[kind];
    if (given === undefined) continue;
    const set = [...(given.set as ReadonlyMap<string, PackedValues[typeof kind]>)].filter(([id, record]) => !keep(light, kind, id, record));
    records[kind] = { set: new Map(set), remove: given.remove };
  }
  const endpoints = delta.endpoints.filter(({ cluster }) => {
    const all = endpointsOf(cluster);
    return all === undefined || !keep(light, 'endpoints', cluster, all);
  });
  return { ...delta, records, endpoints, light };
}

/** @returns whether it is light, and kept as such. */
function keep<K extends PackedKind>(light: Light, kind: K, id: string, record: PackedValues[K]): boolean {
  const packed = packRecord(kind, id, record);
  if (!isLight(packed)) return false;
  (light[kind] ??= new Map<string, PackedRecord>()).set(id, packed);
  return true;
}
