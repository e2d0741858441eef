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
  type SnapshotRecords,
} from '../../../l7/snapshot.ts';
import {
  isLight,
  type PackedKind,
  type PackedRecord,
  type PackedValues,
  packRecord,
  unpackRecord,
} from '../../../l7/packed/record-form.ts';
import type { CompiledDelta } from '../../../l7/packed/record-packer.ts';
import { Output } from '../incremental/output.ts';
import { type Form, PackedOutput } from '../incremental/packed-output.ts';
import { share } from '../incremental/share.ts';

const formOf = <K extends PackedKind>(kind: K): Form<PackedValues[K], PackedRecord<K>> => ({
  pack: (id, record) => packRecord(kind, id, record),
  unpack: (id, packed) => unpackRecord(kind, id, packed),
});

const packedOutput = <K extends PackedKind>(kind: K): PackedOutput<PackedValues[K], PackedRecord<K>> => new PackedOutput(formOf(kind));

type Records = { -readonly [K in RecordKind]?: RecordDelta<SnapshotRecords[K]> };
type Light = { [K in PackedKind]?: Map<string, PackedRecord> };

export class Outputs {
  readonly clusters = packedOutput('clusters');
  readonly virtualHosts = packedOutput('virtualHosts');
  readonly addresses = packedOutput('addresses');
  readonly endpoints = packedOutput('endpoints');
  readonly gateways = new Output<SnapshotRecords['gateways']>();
  readonly scopes = new Output<SnapshotRecords['scopes']>();
  readonly workloads = new Output<SnapshotRecords['workloads']>();
  /** Under the empty key. */
  readonly mesh = new Output<MeshSettings>();
  readonly snapshot: Snapshot;

  constructor(mesh: MeshSettings) {
    const records = Object.fromEntries(RECORD_KINDS.map((kind) => [kind, this[kind].values])) as unknown as Snapshot['records'];
    this.snapshot = { version: 0, mesh, records, endpoints: this.endpoints.values };
  }

  /** Brings everything that is pending into the snapshot. Null: nothing has changed. */
  commit(): CompiledDelta | null {
    const { snapshot } = this;
    const records: Records = {};
    const light: Light = {};
    for (const kind of ['clusters', 'virtualHosts', 'addresses'] as const) commitPacked(kind, this[kind], records, light);
    for (const kind of ['gateways', 'scopes', 'workloads'] as const) commitObjects(kind, this[kind], records);
    const endpoints = commitEndpoints(this.endpoints, light);
    const mesh = this.mesh.commit()[0]?.after;
    const first = snapshot.version === 0;
    const changes = mesh !== undefined || endpoints.length > 0 || Object.keys(records).length > 0 || Object.keys(light).length > 0;
    if (!first && !changes) return null;
    snapshot.version++;
    if (mesh !== undefined) snapshot.mesh = mesh;
    return { version: snapshot.version, ...((first || mesh !== undefined) && { mesh: snapshot.mesh }), records, endpoints, light };
  }
}

function commitObjects<K extends 'gateways' | 'scopes' | 'workloads'>(kind: K, output: Output<SnapshotRecords[K]>, records: Records): void {
  const changes = output.commit();
  if (changes.length === 0) return;
  const set = new Map<string, SnapshotRecords[K]>();
  const remove: string[] = [];
  for (const { key, after } of changes) {
    if (after === undefined) remove.push(key);
    else set.set(key, after);
  }
  Object.assign(records, { [kind]: { set, remove } });
}

function commitPacked<K extends 'clusters' | 'virtualHosts' | 'addresses'>(
  kind: K,
  output: PackedOutput<PackedValues[K], PackedRecord<K>>,
  records: Records,
  light: Light,
): void {
  const set = new Map<string, PackedValues[K]>();
  const remove: string[] = [];
  for (const { key, after } of output.commit()) {
    if (after === undefined) remove.push(key);
    else if (isLight(after)) (light[kind] ??= new Map()).set(key, after);
    else set.set(key, unpackRecord(kind, key, after));
  }
  if (set.size > 0 || remove.length > 0) Object.assign(records, { [kind]: { set, remove } });
}

/** What is light travels as a whole. */
function commitEndpoints(output: Outputs['endpoints'], light: Light): EndpointsDelta[] {
  const deltas: EndpointsDelta[] = [];
  const read = (id: string, packed: PackedRecord<'endpoints'> | undefined): readonly EndpointConfig[] =>
    packed === undefined ? [] : unpackRecord('endpoints', id, packed);
  for (const { key, before, after } of output.commit()) {
    if (after === undefined) continue;
    if (isLight(after)) (light.endpoints ??= new Map()).set(key, after);
    else deltas.push(...endpointsDelta(key, read(key, before), read(key, after)));
  }
  return deltas;
}

/** Nothing for a cluster that came without endpoints. */
function endpointsDelta(cluster: string, before: readonly EndpointConfig[], after: readonly EndpointConfig[]): EndpointsDelta[] {
  const known = new Map(before.map((endpoint) => [addressKey(endpoint), endpoint]));
  const set = after.filter((endpoint) => {
    const key = addressKey(endpoint);
    const same = known.get(key);
    known.delete(key);
    return same === undefined || share(same, endpoint) !== same;
  });
  const remove = [...known.keys()];
  return set.length === 0 && remove.length === 0 ? [] : [{ cluster, set, remove }];
}
