/**
 * Packs the light records of a configuration once for all workers (see light.ts). A change then names places; what is not light is in it
 * as objects.
 */
import type { EndpointConfig } from '../config/cluster.ts';
import type { VirtualHostConfig } from '../config/route.ts';
import { RECORD_KINDS, type RecordDelta, type RecordKind, type Snapshot, type SnapshotDelta, type SnapshotRecords } from '../snapshot.ts';
import { headerNamesOf } from './header-names.ts';
import { lightAddresses, lightCluster, lightEndpoints, lightVirtualHost } from './light.ts';
import { PlainWriter } from './plain-data.ts';
import { RecordMemory } from './record-memory.ts';

/** Kinds that have light records; `endpoints`: all of a cluster, by its id. */
export const PACKED_KINDS = ['clusters', 'virtualHosts', 'addresses', 'endpoints'] as const;
export type PackedKind = (typeof PACKED_KINDS)[number];
export type PackedPlaces = { readonly [K in PackedKind]: readonly number[] };

/** A change as it goes to workers. */
export interface PackedDelta extends SnapshotDelta {
  /** Where the places are; there may be more of them later. */
  readonly slabs: readonly SharedArrayBuffer[];
  readonly packed: PackedPlaces;
}

type Light = { readonly [K in PackedKind]?: (id: string, record: never) => boolean };
const LIGHT: Light = {
  clusters: (_id: string, record: SnapshotRecords['clusters']) => lightCluster(record),
  virtualHosts: lightVirtualHost,
  addresses: lightAddresses,
  endpoints: lightEndpoints,
};

export class RecordPacker {
  readonly memory = new RecordMemory();
  readonly #writer = new PlainWriter();
  readonly #places: { readonly [K in PackedKind]: Map<string, number> } = {
    clusters: new Map(),
    virtualHosts: new Map(),
    addresses: new Map(),
    endpoints: new Map(),
  };

  /** @param endpointsOf all that a cluster has after the change. */
  pack(delta: SnapshotDelta, endpointsOf: (cluster: string) => readonly EndpointConfig[] | undefined): PackedDelta {
    const { version } = delta;
    const packed: { readonly [K in PackedKind]: number[] } = { clusters: [], virtualHosts: [], addresses: [], endpoints: [] };
    const records: SnapshotDelta['records'] = Object.fromEntries(
      RECORD_KINDS.map((kind) => [kind, this.#packRecords<unknown>(kind, delta.records[kind], version, packed)] as const),
    );
    for (const id of delta.records.clusters?.remove ?? []) this.#forget('endpoints', id, version);
    const endpoints = delta.endpoints.filter(({ cluster }) => !this.#take('endpoints', cluster, endpointsOf(cluster), version, packed));
    return { ...delta, records, endpoints, packed, slabs: this.memory.slabs };
  }

  /** A snapshot, all changes of which have been packed, as the change that leads to it from nothing. Later changes do not matter to it. */
  whole({ version, mesh, records, endpoints }: Snapshot): PackedDelta {
    const heavy = RECORD_KINDS.map((kind) => [kind, { set: this.#heavy<unknown>(kind, records[kind]), remove: [] }] as const);
    return {
      version,
      mesh,
      records: Object.fromEntries(heavy),
      endpoints: [...this.#heavy('endpoints', endpoints)].map(([cluster, set]) => ({ cluster, set, remove: [] })),
      slabs: this.memory.slabs,
      packed: Object.fromEntries(PACKED_KINDS.map((kind) => [kind, [...this.#places[kind].values()]])) as unknown as PackedPlaces,
    };
  }

  #heavy<T>(kind: RecordKind | 'endpoints', records: ReadonlyMap<string, T>): Map<string, T> {
    if (!isPackedKind(kind)) return new Map(records);
    return new Map([...records].filter(([id]) => !this.#places[kind].has(id)));
  }

  #packRecords<T>(
    kind: RecordKind,
    delta: RecordDelta<T> | undefined,
    version: number,
    packed: { readonly [K in PackedKind]: number[] },
  ): RecordDelta<T> | undefined {
    if (delta === undefined || !isPackedKind(kind)) return delta;
    for (const id of delta.remove) this.#forget(kind, id, version);
    return { set: new Map([...delta.set].filter(([id, record]) => !this.#take(kind, id, record, version, packed))), remove: delta.remove };
  }

  /** @returns whether the record is light. */
  #take(kind: PackedKind, id: string, record: unknown, version: number, packed: { readonly [K in PackedKind]: number[] }): boolean {
    const bytes = this.#bytesOf(kind, id, record);
    const known = this.#places[kind].get(id);
    if (bytes !== null && known !== undefined && this.memory.holds(known, bytes)) return true;
    this.#forget(kind, id, version);
    if (bytes === null) return false;
    const place = this.memory.write(bytes);
    this.#places[kind].set(id, place);
    packed[kind].push(place);
    return true;
  }

  #bytesOf(kind: PackedKind, id: string, record: unknown): Buffer | null {
    if (record === undefined || LIGHT[kind]?.(id, record as never) !== true) return null;
    return this.#writer.pack(id, kind === 'virtualHosts' ? routesLast(record as SnapshotRecords['virtualHosts']) : record);
  }

  #forget(kind: PackedKind, id: string, version: number): void {
    const place = this.#places[kind].get(id);
    if (place === undefined) return;
    this.#places[kind].delete(id);
    this.memory.free(place, version);
  }
}

/** A virtual host as it is packed: a worker reads the names of all, and the routes of those that are used. */
export interface PackedVirtualHost extends VirtualHostConfig {
  readonly headerNames?: readonly string[] | undefined;
}

/** The last key of what is read of all of them. */
export const LAST_NAME = 'local';

/** Other names contain the first domain. */
function routesLast(host: VirtualHostConfig): PackedVirtualHost {
  const { layer, port, domains, name, local, routes } = host;
  return { layer, port, domains, name, headerNames: headerNamesOf(host), local, routes };
}

export function isPackedKind(kind: RecordKind | 'endpoints'): kind is PackedKind {
  return (PACKED_KINDS as readonly string[]).includes(kind);
}
