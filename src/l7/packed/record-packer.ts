/**
 * Puts the light records of a configuration where all workers read them (see light.ts). A change then names places; what is not light is
 * in it as objects.
 */
import { RECORD_KINDS, type RecordKind, type Snapshot, type SnapshotDelta } from '../snapshot.ts';
import { isPackedKind, PACKED_KINDS, type PackedKind, type PackedRecord } from './record-form.ts';
import { RecordMemory } from './record-memory.ts';

export type PackedPlaces = { readonly [K in PackedKind]: readonly number[] };

/** A change as it was compiled: what is light is packed, and does not stand among the records and endpoints. */
export interface CompiledDelta extends SnapshotDelta {
  readonly light: { readonly [K in PackedKind]?: ReadonlyMap<string, PackedRecord> };
}

/** A change as it goes to workers. */
export interface PackedDelta extends SnapshotDelta {
  /** Where the places are; there may be more of them later. */
  readonly slabs: readonly SharedArrayBuffer[];
  readonly packed: PackedPlaces;
}

export class RecordPacker {
  readonly memory = new RecordMemory();
  readonly #places: { readonly [K in PackedKind]: Map<string, number> } = {
    clusters: new Map(),
    virtualHosts: new Map(),
    addresses: new Map(),
    endpoints: new Map(),
  };

  pack({ light, ...delta }: CompiledDelta): PackedDelta {
    const { version, records, endpoints } = delta;
    const leaving: { readonly [K in PackedKind]: Iterable<string> } = {
      clusters: notLight(records.clusters),
      virtualHosts: notLight(records.virtualHosts),
      addresses: notLight(records.addresses),
      endpoints: [...(records.clusters?.remove ?? []), ...endpoints.map(({ cluster }) => cluster)],
    };
    for (const kind of PACKED_KINDS) for (const id of leaving[kind]) this.#forget(kind, id, version);
    const places = PACKED_KINDS.map((kind) => [kind, [...(light[kind] ?? [])].map(([id, record]) => this.#put(kind, id, record, version))]);
    return { ...delta, packed: Object.fromEntries(places) as PackedPlaces, slabs: this.memory.slabs };
  }

  /** A snapshot, all changes of which have been packed, as the change that leads to it from nothing. Later changes do not matter to it. */
  whole({ version, mesh, records, endpoints }: Snapshot): PackedDelta {
    const others = RECORD_KINDS.map((kind) => [kind, { set: this.#notLight<unknown>(kind, records[kind]), remove: [] }] as const);
    return {
      version,
      mesh,
      records: Object.fromEntries(others),
      endpoints: [...this.#notLight('endpoints', endpoints)].map(([cluster, set]) => ({ cluster, set, remove: [] })),
      slabs: this.memory.slabs,
      packed: Object.fromEntries(PACKED_KINDS.map((kind) => [kind, [...this.#places[kind].values()]])) as unknown as PackedPlaces,
    };
  }

  /** Records are made into objects when they are read, so only those are that are needed. */
  #notLight<T>(kind: RecordKind | 'endpoints', records: ReadonlyMap<string, T>): Map<string, T> {
    if (!isPackedKind(kind)) return new Map(records);
    const ids = [...records.keys()].filter((id) => !this.#places[kind].has(id));
    return new Map(ids.map((id) => [id, records.get(id) as T]));
  }

  #put(kind: PackedKind, id: string, record: PackedRecord, version: number): number {
    this.#forget(kind, id, version);
    const place = this.memory.write(record);
    this.#places[kind].set(id, place);
    return place;
  }

  #forget(kind: PackedKind, id: string, version: number): void {
    const place = this.#places[kind].get(id);
    if (place === undefined) return;
    this.#places[kind].delete(id);
    this.memory.free(place, version);
  }
}

/** Whose places are given up: records that go, and those that are not light any more. */
function notLight(delta: SnapshotDelta['records'][RecordKind]): string[] {
  return delta === undefined ? [] : [...delta.remove, ...delta.set.keys()];
}
