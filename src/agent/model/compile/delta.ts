/** What changed between two snapshots, found by identity: the compiler keeps that of everything that stayed equal. */
import type { RecordDelta, Snapshot, SnapshotDelta } from '../../../l7/snapshot.ts';

export function diffSnapshots(previous: Snapshot | null, next: Snapshot): SnapshotDelta {
  return {
    version: next.version,
    ...(previous?.mesh !== next.mesh && { mesh: next.mesh }),
    workloads: diffRecords(previous?.workloads, next.workloads),
    scopes: diffRecords(previous?.scopes, next.scopes),
    gateways: diffRecords(previous?.gateways, next.gateways),
    clusters: diffRecords(previous?.clusters, next.clusters),
  };
}

function diffRecords<T>(previous: Readonly<Record<string, T>> = {}, next: Readonly<Record<string, T>>): RecordDelta<T> {
  if (previous === next) return { set: {}, remove: [] };
  const set = Object.fromEntries(Object.entries(next).filter(([key, value]) => previous[key] !== value));
  return { set, remove: Object.keys(previous).filter((key) => !Object.hasOwn(next, key)) };
}
