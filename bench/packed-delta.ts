/** A change of plain records as the control thread gives it to workers. */
import type { EndpointConfig } from '../src/l7/config/cluster.ts';
import type { PackedDelta } from '../src/l7/packed/packed-delta.ts';
import type { KeptChange } from '../src/l7/packed/kept-records.ts';
import type { PackedRecords } from '../src/l7/packed/packed-records.ts';
import { isPackedKind, type PackedKind, type PackedValues, packRecord } from '../src/l7/packed/record-form.ts';
import { RECORD_KINDS, type SnapshotDelta } from '../src/l7/snapshot.ts';

/** @param endpointsOf all that a cluster has after the change; undefined: only what has changed is known. */
export function packedDelta(
  kept: PackedRecords,
  delta: SnapshotDelta,
  endpointsOf: (cluster: string) => readonly EndpointConfig[] | undefined,
): PackedDelta {
  const { version } = delta;
  const places: { [K in PackedKind]?: readonly number[] } = {};
  const records: Record<string, unknown> = { ...delta.records };
  for (const kind of RECORD_KINDS) {
    const given = delta.records[kind];
    if (given === undefined || !isPackedKind(kind)) continue;
    const removed = given.remove.flatMap((id) => kept.kinds[kind].remove(id, version) ?? []);
    const told = kept.told<PackedKind>(kind, [...removed, ...put(kept, kind, given.set as ReadonlyMap<string, never>, version)]);
    places[kind] = told.places;
    records[kind] = { set: told.set, remove: given.remove };
  }
  for (const id of delta.records.clusters?.remove ?? []) kept.kinds.endpoints.remove(id, version);
  const whole = delta.endpoints.flatMap(({ cluster }): [string, readonly EndpointConfig[]][] => {
    const all = endpointsOf(cluster);
    return all === undefined ? [] : [[cluster, all]];
  });
  const told = kept.told('endpoints', put(kept, 'endpoints', new Map(whole), version));
  const light = new Set(whole.map(([cluster]) => cluster).filter((cluster) => typeof kept.kinds.endpoints.get(cluster) === 'number'));
  const endpoints = delta.endpoints.filter(({ cluster }) => !light.has(cluster));
  const none = { clusters: [], virtualHosts: [], addresses: [] };
  return { ...delta, records, endpoints, packed: { ...none, ...places, endpoints: told.places }, slabs: kept.memory.slabs };
}

function put<K extends PackedKind>(
  kept: PackedRecords,
  kind: K,
  set: ReadonlyMap<string, PackedValues[K]>,
  version: number,
): KeptChange<K>[] {
  return [...set].flatMap(([id, record]) => kept.kinds[kind].put(id, packRecord(kind, id, record), version) ?? []);
}
