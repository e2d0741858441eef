/**
 * Consistent hashing: a request's key always meets the same endpoint, and a change of the endpoints moves about 1/n of the keys.
 * Keys of endpoints are their addresses, so that all workers (and agents) build the same ring and table.
 */
import { murmur3Text } from '../../base/hash.ts';
import type { Endpoint } from './endpoint.ts';
import { indexBelow, type Balancer } from './pick.ts';

/** Envoy's maximum_ring_size. */
const MAX_RING = 8 * 1024 * 1024;

function keyOf(endpoint: Endpoint): string {
  return `${endpoint.address}:${endpoint.port}`;
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

/** Points on a circle, in number proportional to the weight; a key belongs to the nearest point clockwise. */
export class RingHashBalancer implements Balancer {
  readonly #points: Uint32Array;
  readonly #owners: readonly Endpoint[];

  constructor(endpoints: readonly Endpoint[], minimumSize: number) {
    const lightest = Math.min(...endpoints.map((endpoint) => endpoint.weight));
    const points = pointsOfLightest(endpoints.length, minimumSize);
    const ring = endpoints.flatMap((endpoint) => {
      const count = Math.min(Math.round((points * endpoint.weight) / lightest), Math.floor(MAX_RING / endpoints.length));
      return Array.from({ length: count }, (_, i) => ({ endpoint, point: murmur3Text(`${keyOf(endpoint)}_${i}`, 0) }));
    });
    ring.sort((a, b) => a.point - b.point || (keyOf(a.endpoint) < keyOf(b.endpoint) ? -1 : 1));
    this.#points = Uint32Array.from(ring, (entry) => entry.point);
    this.#owners = ring.map((entry) => entry.endpoint);
  }

  pick(hash: number, random: () => number): Endpoint | null {
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
    return this.#owners[low === points.length ? 0 : low] ?? null;
  }
}

/** Maglev (Eisenbud et al., NSDI 2016, §3.4): every endpoint fills the table by its own permutation, by turns, as often as its weight says. */
export class MaglevBalancer implements Balancer {
  readonly #table: Uint16Array | Uint32Array;
  readonly #endpoints: readonly Endpoint[];

  constructor(endpoints: readonly Endpoint[], size: number) {
    this.#endpoints = [...endpoints].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    this.#table = endpoints.length < 65_536 ? new Uint16Array(endpoints.length === 0 ? 0 : size) : new Uint32Array(size);
    if (endpoints.length > 0) this.#fill(size);
  }

  pick(hash: number, random: () => number): Endpoint | null {
    const size = this.#table.length;
    if (size === 0) return null;
    const slot = hash < 0 ? indexBelow(size, random()) : hash % size;
    return this.#endpoints[this.#table[slot] as number] ?? null;
  }

  #fill(size: number): void {
    const heaviest = Math.max(...this.#endpoints.map((endpoint) => endpoint.weight));
    const builders = this.#endpoints.map((endpoint) => ({
      at: murmur3Text(keyOf(endpoint), 0) % size,
      skip: (murmur3Text(keyOf(endpoint), 1) % (size - 1)) + 1,
      share: endpoint.weight / heaviest,
      credit: 0,
    }));
    const taken = new Uint8Array(size);
    for (let filled = 0; filled < size;) {
      for (let i = 0; i < builders.length && filled < size; i++) {
        const builder = builders[i] as (typeof builders)[number];
        builder.credit += builder.share;
        if (builder.credit < 1) continue;
        builder.credit -= 1;
        while (taken[builder.at] === 1) builder.at = (builder.at + builder.skip) % size;
        taken[builder.at] = 1;
        this.#table[builder.at] = i;
        filled++;
      }
    }
  }
}
