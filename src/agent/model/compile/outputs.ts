/** The records that leave the compiler, as a snapshot and as the changes of it. */
import type { EndpointConfig } from '../../../l7/config/cluster.ts';
import type { Kept, KeptChange } from '../../../l7/packed/kept-records.ts';
import type { PackedDelta, PackedPlaces } from '../../../l7/packed/packed-delta.ts';
import { PackedRecords, type PackedSnapshot } from '../../../l7/packed/packed-records.ts';
import { type PackedKind, packRecord } from '../../../l7/packed/record-form.ts';
import {
  addressKey,
  type EndpointsDelta,
  type MeshSettings,
  type RecordDelta,
  type RecordKind,
  type SnapshotRecords,
} from '../../../l7/snapshot.ts';
import { Output } from '../incremental/output.ts';
import { share } from '../incremental/share.ts';
import { PackedOutput } from './packed-output.ts';

type Places = { -readonly [K in PackedKind]?: readonly number[] };
type Records = { -readonly [K in RecordKind]?: RecordDelta<SnapshotRecords[K]> };

const NOWHERE: PackedPlaces = { clusters: [], virtualHosts: [], addresses: [], endpoints: [] };
/** In the order in which they are committed: what is behind clusters goes by which of them there are. */
const PACKED_RECORDS = ['clusters', 'virtualHosts', 'addresses'] as const;
const OTHER_RECORDS = ['gateways', 'scopes', 'workloads'] as const;

export class Outputs {
  readonly #packed = new PackedRecords();
  readonly clusters = new PackedOutput('clusters', this.#packed.kinds.clusters);
  readonly virtualHosts = new PackedOutput('virtualHosts', this.#packed.kinds.virtualHosts);
  readonly addresses = new PackedOutput('addresses', this.#packed.kinds.addresses);
  readonly endpoints = new PackedOutput('endpoints', this.#packed.kinds.endpoints);
  readonly gateways = new Output<SnapshotRecords['gateways']>();
  readonly scopes = new Output<SnapshotRecords['scopes']>();
  readonly workloads = new Output<SnapshotRecords['workloads']>();
  /** Under the empty key. */
  readonly mesh = new Output<MeshSettings>();
  readonly snapshot: PackedSnapshot;

  constructor(mesh: MeshSettings) {
    const { clusters, virtualHosts, addresses, endpoints } = this.#packed.kinds;
    const packed = { clusters: clusters.values, virtualHosts: virtualHosts.values, addresses: addresses.values };
    const others = { gateways: this.gateways.values, scopes: this.scopes.values, workloads: this.workloads.values };
    this.snapshot = { version: 0, mesh, records: { ...packed, ...others }, endpoints: endpoints.values, packed: this.#packed };
  }

  /** Brings everything that is pending into the snapshot. Null: nothing has changed. */
  commit(): PackedDelta | null {
    const { snapshot } = this;
    const version = snapshot.version + 1;
    const records: Records = {};
    const places: Places = {};
    for (const kind of PACKED_RECORDS) this.#commitPacked(kind, version, records, places);
    for (const kind of OTHER_RECORDS) commitObjects(kind, this[kind], records);
    const endpoints = this.#commitEndpoints(version, places);
    const mesh = this.mesh.commit()[0]?.after;
    const first = snapshot.version === 0;
    const changes = mesh !== undefined || endpoints.length > 0 || Object.keys(records).length > 0 || Object.keys(places).length > 0;
    if (!first && !changes) return null;
    snapshot.version = version;
    if (mesh !== undefined) snapshot.mesh = mesh;
    return {
      version,
      ...((first || mesh !== undefined) && { mesh: snapshot.mesh }),
      records,
      endpoints,
      packed: { ...NOWHERE, ...places },
      slabs: this.#packed.memory.slabs,
    };
  }

  #commitPacked(kind: (typeof PACKED_RECORDS)[number], version: number, records: Records, places: Places): void {
    const told = this.#packed.told<PackedKind>(kind, this[kind].commit(version));
    if (told.places.length > 0) places[kind] = told.places;
    if (told.set.size > 0 || told.remove.length > 0) Object.assign(records, { [kind]: { set: told.set, remove: told.remove } });
  }

  /** What is light travels as a whole. */
  #commitEndpoints(version: number, places: Places): EndpointsDelta[] {
    const deltas: EndpointsDelta[] = [];
    const light: number[] = [];
    for (const change of this.endpoints.commit(version)) {
      const now = this.#remaining(change, version);
      if (typeof now === 'number') light.push(now);
      else if (now !== undefined) deltas.push(...this.#endpointsDelta(change, now));
    }
    if (light.length > 0) places.endpoints = light;
    return deltas;
  }

  /** A cluster that stays although its endpoints are gone has none from now on. */
  #remaining({ id, after }: KeptChange<'endpoints'>, version: number): Kept<'endpoints'> | undefined {
    const { clusters, endpoints } = this.#packed.kinds;
    if (after !== undefined || !clusters.has(id)) return after;
    return endpoints.put(id, packRecord('endpoints', id, []), version)?.after;
  }

  #endpointsDelta({ id, before }: KeptChange<'endpoints'>, now: Kept<'endpoints'>): EndpointsDelta[] {
    const { endpoints } = this.#packed.kinds;
    return endpointsDelta(id, before === undefined ? [] : endpoints.read(id, before), endpoints.read(id, now));
  }
}

function commitObjects<K extends (typeof OTHER_RECORDS)[number]>(kind: K, output: Output<SnapshotRecords[K]>, records: Records): void {
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
