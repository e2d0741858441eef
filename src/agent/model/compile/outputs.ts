/** The records that leave the compiler, as a snapshot and as the changes of it. */
import type { EndpointConfig } from '../../../l7/config/cluster.ts';
import {
  addressKey,
  type EndpointsDelta,
  type MeshSettings,
  RECORD_KINDS,
  type RecordDelta,
  type RecordKind,
  type Snapshot,
  type SnapshotDelta,
  type SnapshotRecords,
} from '../../../l7/snapshot.ts';
import { Output, type OutputChange } from '../incremental/output.ts';
import { PackedOutput } from '../incremental/packed-output.ts';
import { share } from '../incremental/share.ts';

type RecordOutputs = { readonly [K in RecordKind]: Output<SnapshotRecords[K]> | PackedOutput<SnapshotRecords[K]> };

export class Outputs implements RecordOutputs {
  readonly clusters = new PackedOutput<SnapshotRecords['clusters']>();
  readonly virtualHosts = new PackedOutput<SnapshotRecords['virtualHosts']>();
  readonly addresses = new PackedOutput<SnapshotRecords['addresses']>();
  readonly gateways = new Output<SnapshotRecords['gateways']>();
  readonly scopes = new Output<SnapshotRecords['scopes']>();
  readonly workloads = new Output<SnapshotRecords['workloads']>();
  readonly endpoints = new PackedOutput<readonly EndpointConfig[]>();
  /** Under the empty key. */
  readonly mesh = new Output<MeshSettings>();
  readonly snapshot: Snapshot;

  constructor(mesh: MeshSettings) {
    this.snapshot = { version: 0, mesh, records: recordsOf(this), endpoints: this.endpoints.values };
  }

  /** Brings everything that is pending into the snapshot. Null: nothing has changed. */
  commit(): SnapshotDelta | null {
    const { snapshot } = this;
    const records: { -readonly [K in RecordKind]?: RecordDelta<SnapshotRecords[K]> } = {};
    for (const kind of RECORD_KINDS) commitKind(kind, this, records);
    const endpoints = this.endpoints.commit().flatMap(endpointsDelta);
    const mesh = this.mesh.commit()[0]?.after;
    const first = snapshot.version === 0;
    if (!first && mesh === undefined && endpoints.length === 0 && Object.keys(records).length === 0) return null;
    snapshot.version++;
    if (mesh !== undefined) snapshot.mesh = mesh;
    return { version: snapshot.version, ...((first || mesh !== undefined) && { mesh: snapshot.mesh }), records, endpoints };
  }
}

function recordsOf(outputs: RecordOutputs): Snapshot['records'] {
  return Object.fromEntries(RECORD_KINDS.map((kind) => [kind, outputs[kind].values])) as unknown as Snapshot['records'];
}

function commitKind<K extends RecordKind>(kind: K, outputs: RecordOutputs, records: { [P in K]?: RecordDelta<SnapshotRecords[P]> }): void {
  const changes: readonly OutputChange<SnapshotRecords[K]>[] = outputs[kind].commit();
  if (changes.length === 0) return;
  const set = new Map<string, SnapshotRecords[K]>();
  const remove: string[] = [];
  for (const { key, after } of changes) {
    if (after === undefined) remove.push(key);
    else set.set(key, after);
  }
  records[kind] = { set, remove };
}

/** Nothing for a cluster that is gone, whose removal says so, and for one that came without endpoints. */
function endpointsDelta({ key, before = [], after }: OutputChange<readonly EndpointConfig[]>): EndpointsDelta[] {
  if (after === undefined) return [];
  const known = new Map(before.map((endpoint) => [addressKey(endpoint), endpoint]));
  const set = after.filter((endpoint) => {
    const key = addressKey(endpoint);
    const same = known.get(key);
    known.delete(key);
    return same === undefined || share(same, endpoint) !== same;
  });
  const remove = [...known.keys()];
  return set.length === 0 && remove.length === 0 ? [] : [{ cluster: key, set, remove }];
}
