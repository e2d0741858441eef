/** The snapshot as the admin endpoint shows it: plain objects in place of maps. */
import type { EndpointConfig } from '../../l7/config/cluster.ts';
import { RECORD_KINDS, type MeshSettings, type RecordKind, type Snapshot, type SnapshotRecords } from '../../l7/snapshot.ts';

type RecordsView = { readonly [K in RecordKind]: Readonly<Record<string, SnapshotRecords[K]>> };

export interface SnapshotView extends RecordsView {
  readonly version: number;
  readonly mesh: MeshSettings;
  /** By cluster. */
  readonly endpoints: Readonly<Record<string, readonly EndpointConfig[]>>;
}

export function snapshotView({ version, mesh, records, endpoints }: Snapshot): SnapshotView {
  const views = Object.fromEntries(RECORD_KINDS.map((kind) => [kind, Object.fromEntries<unknown>(records[kind])]));
  return { version, mesh, ...(views as unknown as RecordsView), endpoints: Object.fromEntries(endpoints) };
}
