/**
 * Consistent hashing: a request's key always meets the same endpoint, and a change of the endpoints moves about 1/n of the keys.
 * Keys of endpoints are their addresses, so that all workers (and agents) build the same ring and table.
 *
 * Both are built in steps, since a table of millions takes longer than a worker may pause. Until a new one is ready the old one
 * serves: endpoints that have gone meanwhile are passed over, so that their keys go where the new ring would send them.
 */
import { murmur3, murmur3Text } from '../../base/hash.ts';
import type { Endpoint } from './endpoint.ts';
import { certain, oddsByWeight } from './odds.ts';
import { type Balancer, type EndpointFilter, firstAllowed, indexBelow, type Steps, type Odds } from './pick.ts';

/** Envoy's maximum_ring_size. */
const MAX_RING = 8 * 1024 * 1024;
/** Points or cells that are made in one step: some tens of microseconds. */
const STEP = 1024;
/** How far a pick goes past points or cells of endpoints that have gone. */
const MAX_SKIPPED = 256;

function keyOf(endpoint: Endpoint): string {
  return `${endpoint.address}:${endpoint.port}`;
}

const weightOf = (endpoint: Endpoint): number => endpoint.weight;

/** In the order that all workers agree on. */
function byKey(endpoints: readonly Endpoint[]): Endpoint[] {
  const keyed = endpoints.map((endpoint) => ({ key: keyOf(endpoint), endpoint }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ endpoint }) => endpoint);
}

/**
 * Envoy divides the ring's minimum size by the endpoints, so that every change of their number takes points away from all of
 * them, and keys move between endpoints that stayed. Ours has more points, and their number per endpoint changes only when the
 * number of endpoints doubles.
 */
function pointsOfLightest(endpoints: number, minimumSize: number): number {
  if (endpoints <= 16) return minimumSize;
  return Math.max(64, 2 ** Math.ceil(Math.log2((16 * minimumSize) / endpoints)));
}

/** Points that each endpoint has. Together they are at most MAX_RING. */
function pointsPerEndpoint(weights: readonly number[], minimumSize: number): number[] {
  const lightest = weights.reduce((least, weight) => Math.min(least, weight), Infinity);
  const points = pointsOfLightest(weights.length, minimumSize);
  const most = Math.max(1, Math.floor(MAX_RING / weights.length));
  return weights.map((weight) => Math.min(Math.round((points * weight) / lightest), most));
}

/** Points that a ring over these endpoints has. */
export function ringSize(weights: readonly number[], minimumSize: number): number {
  return weights.length === 0 ? 0 : pointsPerEndpoint(weights, minimumSize).reduce((sum, count) => sum + count, 0);
}

/** Where each point of an endpoint lies: the hash of `address:port_i`, without making a string of it. */
class PointHash {
  readonly #bytes = Buffer.alloc(96);
  readonly #prefix: number;

  constructor(key: string) {
    this.#prefix = this.#bytes.write(`${key}_`, 'latin1');
  }

  at(index: number): number {
    let digits = 1;
    for (let rest = index; rest >= 10; rest = Math.floor(rest / 10)) digits++;
    const end = this.#prefix + digits;
    for (let p = end - 1, rest = index; p >= this.#prefix; p--, rest = Math.floor(rest / 10)) this.#bytes[p] = 48 + (rest % 10);
    return murmur3(this.#bytes, 0, end, 0);
  }
}

/** Points on a circle, in number proportional to the weight; a key belongs to the nearest point clockwise. */
export class RingHashBalancer implements Balancer {
  readonly #points: Uint32Array;
  readonly #owners: Uint16Array | Uint32Array;
  readonly #endpoints: readonly Endpoint[];

  private constructor(points: Uint32Array, owners: Uint16Array | Uint32Array, endpoints: readonly Endpoint[]) {
    this.#points = points;
    this.#owners = owners;
    this.#endpoints = endpoints;
  }

  static *build(unsorted: readonly Endpoint[], minimumSize: number): Steps<RingHashBalancer> {
    const endpoints = byKey(unsorted);
    const weights = endpoints.map((endpoint) => endpoint.upcoming.weight);
    const counts = weights.length === 0 ? [] : pointsPerEndpoint(weights, minimumSize);
    const size = counts.reduce((sum, count) => sum + count, 0);
    const points = new Uint32Array(size);
    const owners = endpoints.length < 65_536 ? new Uint16Array(size) : new Uint32Array(size);
    yield* fillRing(endpoints, counts, points, owners);
    return new RingHashBalancer(points, owners, endpoints);
  }

  pick(hash: number, random: () => number, filter: EndpointFilter | null = null): Endpoint | null {
    const points = this.#points;
    if (points.length === 0) return null;
    const key = hash < 0 ? random() : hash;
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((points[middle] as number) < key) low = middle + 1;
      else high = middle;
    }
    return firstThatStays(this.#endpoints, this.#owners, low, random, filter);
  }

  odds(hash: number, filter: EndpointFilter | null): Odds {
    return hash < 0 ? oddsByWeight(this.#endpoints, weightOf, filter) : certain(this.pick(hash, () => 0, filter));
  }
}

/**
 * Counting sort into buckets by the highest bits, some eight points to a bucket, then insertion sort within each: no second array is
 * needed. Equal points keep the order of their endpoints.
 */
function* fillRing(
  endpoints: readonly Endpoint[],
  counts: readonly number[],
  points: Uint32Array,
  owners: Uint16Array | Uint32Array,
): Steps<void> {
  const bits = Math.min(24, Math.max(1, Math.ceil(Math.log2(points.length / 8 + 1))));
  const shift = 32 - bits;
  // Where each bucket begins; while points are placed, where its next one goes.
  const next = new Int32Array(2 ** bits + 1);
  for (let owner = 0; owner < endpoints.length; owner++) {
    const hashes = new PointHash(keyOf(endpoints[owner] as Endpoint));
    for (let i = 0; i < (counts[owner] as number); i++) {
      const bucket = (hashes.at(i) >>> shift) + 1;
      next[bucket] = (next[bucket] as number) + 1;
      if (i % STEP === STEP - 1) yield;
    }
    if (owner % 16 === 15) yield;
  }
  for (let bucket = 1; bucket < next.length; bucket++) {
    next[bucket] = (next[bucket] as number) + (next[bucket - 1] as number);
    if (bucket % (16 * STEP) === 0) yield;
  }
  for (let owner = 0; owner < endpoints.length; owner++) {
    const hashes = new PointHash(keyOf(endpoints[owner] as Endpoint));
    for (let i = 0; i < (counts[owner] as number); i++) {
      const point = hashes.at(i);
      const at = next[point >>> shift] as number;
      next[point >>> shift] = at + 1;
      points[at] = point;
      owners[at] = owner;
      if (i % STEP === STEP - 1) yield;
    }
    if (owner % 16 === 15) yield;
  }
  // Each bucket ends now where the next one begins.
  for (let bucket = 0, from = 0; bucket + 1 < next.length; bucket++) {
    const to = next[bucket] as number;
    sortBucket(points, owners, from, to);
    from = to;
    if (bucket % (STEP / 4) === 0) yield;
  }
}

function sortBucket(points: Uint32Array, owners: Uint16Array | Uint32Array, from: number, to: number): void {
  for (let i = from + 1; i < to; i++) {
    const point = points[i] as number;
    const owner = owners[i] as number;
    let k = i;
    for (; k > from && (points[k - 1] as number) > point; k--) {
      points[k] = points[k - 1] as number;
      owners[k] = owners[k - 1] as number;
    }
    points[k] = point;
    owners[k] = owner;
  }
}

/** The owner at `index`, or the nearest one after it that has not gone and is allowed. */
function firstThatStays(
  endpoints: readonly Endpoint[],
  owners: Uint16Array | Uint32Array,
  index: number,
  random: () => number,
  filter: EndpointFilter | null,
): Endpoint | null {
  const size = owners.length;
  for (let step = 0, at = index % size; step < Math.min(size, MAX_SKIPPED); step++, at = at + 1 === size ? 0 : at + 1) {
    const endpoint = endpoints[owners[at] as number] as Endpoint;
    if (!endpoint.removed && (filter === null || filter.allows(endpoint))) return endpoint;
  }
  return firstAllowed(endpoints, indexBelow(endpoints.length, random()), filter);
}

/** Maglev (Eisenbud et al., NSDI 2016, §3.4): every endpoint fills the table by its own permutation, by turns, as often as its weight says. */
export class MaglevBalancer implements Balancer {
  readonly #table: Uint16Array | Uint32Array;
  readonly #endpoints: readonly Endpoint[];

  private constructor(table: Uint16Array | Uint32Array, endpoints: readonly Endpoint[]) {
    this.#table = table;
    this.#endpoints = endpoints;
  }

  static *build(unsorted: readonly Endpoint[], size: number): Steps<MaglevBalancer> {
    const endpoints = byKey(unsorted);
    const cells = endpoints.length === 0 ? 0 : size;
    const table = endpoints.length < 65_536 ? new Uint16Array(cells) : new Uint32Array(cells);
    if (cells > 0) yield* fillTable(endpoints, table);
    return new MaglevBalancer(table, endpoints);
  }

  pick(hash: number, random: () => number, filter: EndpointFilter | null = null): Endpoint | null {
    const size = this.#table.length;
    if (size === 0) return null;
    const slot = hash < 0 ? indexBelow(size, random()) : hash % size;
    return firstThatStays(this.#endpoints, this.#table, slot, random, filter);
  }

  odds(hash: number, filter: EndpointFilter | null): Odds {
    return hash < 0 ? oddsByWeight(this.#endpoints, weightOf, filter) : certain(this.pick(hash, () => 0, filter));
  }
}

function* fillTable(endpoints: readonly Endpoint[], table: Uint16Array | Uint32Array): Steps<void> {
  const size = table.length;
  const weights = endpoints.map((endpoint) => endpoint.upcoming.weight);
  const heaviest = weights.reduce((most, weight) => Math.max(most, weight), 0);
  const builders = endpoints.map((endpoint, i) => ({
    at: murmur3Text(keyOf(endpoint), 0) % size,
    skip: (murmur3Text(keyOf(endpoint), 1) % (size - 1)) + 1,
    share: (weights[i] as number) / heaviest,
    credit: 0,
  }));
  const taken = new Uint8Array(size);
  for (let filled = 0, turns = 0; filled < size;) {
    for (let i = 0; i < builders.length && filled < size; i++) {
      if (++turns % STEP === 0) yield;
      const builder = builders[i] as (typeof builders)[number];
      builder.credit += builder.share;
      if (builder.credit < 1) continue;
      builder.credit -= 1;
      for (; taken[builder.at] === 1; builder.at = (builder.at + builder.skip) % size) if (++turns % STEP === 0) yield;
      taken[builder.at] = 1;
      table[builder.at] = i;
      filled++;
    }
  }
}
