import { RECORD_KINDS, type RecordDelta, type Snapshot, type SnapshotDelta } from '../../l7/snapshot.ts';

/** A snapshot as the change that leads to it from nothing: what a new worker gets first. Later changes of the snapshot do not matter. */
export function wholeDelta(snapshot: Snapshot): SnapshotDelta {
  const records = Object.fromEntries(RECORD_KINDS.map((kind) => [kind, everything<unknown>(snapshot.records[kind])]));
  return {
    version: snapshot.version,
    mesh: snapshot.mesh,
    records,
    endpoints: Array.from(snapshot.endpoints, ([cluster, set]) => ({ cluster, set, remove: [] })),
  };
}

function everything<T>(records: ReadonlyMap<string, T>): RecordDelta<T> {
  return { set: new Map(records), remove: [] };
}
