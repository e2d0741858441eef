import type { RecordDelta, Snapshot, SnapshotDelta } from '../../l7/snapshot.ts';

/** A snapshot as the change that leads to it from nothing: what a new worker is told first. */
export function wholeDelta(snapshot: Snapshot): SnapshotDelta {
  return {
    version: snapshot.version,
    mesh: snapshot.mesh,
    workloads: everything(snapshot.workloads),
    scopes: everything(snapshot.scopes),
    gateways: everything(snapshot.gateways),
    clusters: everything(snapshot.clusters),
  };
}

function everything<T>(record: Readonly<Record<string, T>>): RecordDelta<T> {
  return { set: record, remove: [] };
}
