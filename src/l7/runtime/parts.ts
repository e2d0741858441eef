/**
 * A change of the configuration in pieces, each so small that a worker takes it over well within a millisecond. A record that is
 * larger than a piece is cut too: a virtual host by its routes, endpoints by their number.
 */
import type { RouteConfig } from '../config/route.ts';
import { isPackedKind, type PackedKind } from '../packed/record-form.ts';
import type { PackedPlaces } from '../packed/packed-delta.ts';
import {
  RECORD_KINDS,
  type EndpointsDelta,
  type MeshSettings,
  type RecordKind,
  type SnapshotDelta,
  type SnapshotRecords,
} from '../snapshot.ts';

export type DeltaPart =
  | { readonly what: 'mesh'; readonly mesh: MeshSettings }
  /** Slabs of packed records that the worker does not know yet. */
  | { readonly what: 'memory'; readonly slabs: readonly SharedArrayBuffer[] }
  /** Packed records, by their places. */
  | { readonly what: 'packed'; readonly kind: PackedKind; readonly places: readonly number[] }
  | SetPart
  /** More routes of the virtual host that the part before had last. */
  | { readonly what: 'routes'; readonly routes: readonly RouteConfig[] }
  | { readonly what: 'remove'; readonly kind: RecordKind; readonly ids: readonly string[] }
  | { readonly what: 'endpoints'; readonly deltas: readonly EndpointsDelta[] };

export type SetPart = {
  [K in RecordKind]: {
    readonly what: 'set';
    readonly kind: K;
    readonly records: readonly (readonly [id: string, record: SnapshotRecords[K]])[];
  };
}[RecordKind];

/** What a piece may weigh; a route, an endpoint or an address weighs one. Some 300 µs for a worker. */
const MOST = 32;

type Entry<K extends RecordKind> = readonly [id: string, record: SnapshotRecords[K]];

/** Packed records are read later: their names are what is taken over. */
const MOST_PACKED = 32;

/** @param delta packed or not. @param slabs that its places are in and the receiver does not know. */
export function* partsOf(
  delta: SnapshotDelta & { readonly packed?: PackedPlaces },
  slabs: readonly SharedArrayBuffer[] = [],
): Generator<DeltaPart> {
  if (slabs.length > 0) yield { what: 'memory', slabs };
  if (delta.mesh !== undefined) yield { what: 'mesh', mesh: delta.mesh };
  for (const kind of RECORD_KINDS) {
    yield* packedParts(kind, delta.packed);
    yield* setParts(kind, delta.records[kind]?.set ?? []);
    yield* removeParts(kind, delta.records[kind]?.remove ?? []);
  }
  yield* packedParts('endpoints', delta.packed);
  yield* endpointParts(delta.endpoints);
}

function* packedParts(kind: RecordKind | 'endpoints', packed: PackedPlaces | undefined): Generator<DeltaPart> {
  if (packed === undefined || !isPackedKind(kind)) return;
  const places = packed[kind];
  for (let at = 0; at < places.length; at += MOST_PACKED) yield { what: 'packed', kind, places: places.slice(at, at + MOST_PACKED) };
}

function* setParts<K extends RecordKind>(kind: K, records: Iterable<Entry<K>>): Generator<DeltaPart> {
  let batch: Entry<K>[] = [];
  let weight = 0;
  for (const [id, record] of records) {
    const [first, more] = cut(record);
    batch.push([id, first]);
    weight += weigh(first);
    if (weight < MOST && more.length === 0) continue;
    yield { what: 'set', kind, records: batch } as unknown as SetPart;
    for (let at = 0; at < more.length; at += MOST) yield { what: 'routes', routes: more.slice(at, at + MOST) };
    batch = [];
    weight = 0;
  }
  if (batch.length > 0) yield { what: 'set', kind, records: batch } as unknown as SetPart;
}

/** A record and what of it travels afterwards. */
function cut<T extends SnapshotRecords[RecordKind]>(record: T): readonly [T, readonly RouteConfig[]] {
  if (!('routes' in record) || record.routes.length <= MOST) return [record, []];
  return [{ ...record, routes: record.routes.slice(0, MOST) }, record.routes.slice(MOST)];
}

function weigh(record: SnapshotRecords[RecordKind]): number {
  if ('routes' in record) return 1 + record.routes.length;
  return 'entries' in record ? 1 + record.entries.length / 4 : 1;
}

function* removeParts(kind: RecordKind, ids: readonly string[]): Generator<DeltaPart> {
  for (let at = 0; at < ids.length; at += MOST) yield { what: 'remove', kind, ids: ids.slice(at, at + MOST) };
}

function* endpointParts(deltas: Iterable<EndpointsDelta>): Generator<DeltaPart> {
  let batch: EndpointsDelta[] = [];
  let weight = 0;
  for (const delta of deltas) {
    for (const piece of cutEndpoints(delta)) {
      batch.push(piece);
      weight += 1 + piece.set.length + piece.remove.length / 4;
      if (weight < MOST) continue;
      yield { what: 'endpoints', deltas: batch };
      batch = [];
      weight = 0;
    }
  }
  if (batch.length > 0) yield { what: 'endpoints', deltas: batch };
}

function* cutEndpoints({ cluster, set, remove }: EndpointsDelta): Generator<EndpointsDelta> {
  if (set.length + remove.length <= MOST) {
    yield { cluster, set, remove };
    return;
  }
  for (let at = 0; at < remove.length; at += MOST) yield { cluster, set: [], remove: remove.slice(at, at + MOST) };
  for (let at = 0; at < set.length; at += MOST) yield { cluster, set: set.slice(at, at + MOST), remove: [] };
}
