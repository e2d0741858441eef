/**
 * Endpoints that are not all alike to the client: by priority, and within one by groups with shares of their own (localities). As in
 * Envoy, a priority or group gives way to the others when less than 1 / 1.4 of it can be used.
 */
import type { Endpoint } from './endpoint.ts';
import { certain, mixedOdds, NO_ODDS } from './odds.ts';
import { type Balancer, type EndpointFilter, indexBelow, type Odds } from './pick.ts';

/** Envoy's overprovisioning factor. */
const FACTOR = 1.4;

export interface Part {
  readonly endpoints: readonly Endpoint[];
  readonly balancer: Balancer;
}

/** How much of a part can be used, from 0 to 1. */
function availability({ endpoints }: Part, filter: EndpointFilter): number {
  let usable = 0;
  for (const endpoint of endpoints) if (!endpoint.removed && filter.allows(endpoint)) usable++;
  return Math.min(1, (FACTOR * usable) / endpoints.length);
}

/** Between 0 and 1; the same for the same key. */
const drawn = (hash: number, random: () => number): number => (hash < 0 ? random() : hash) / 2 ** 32;

/** The first priority gets what it can take, the next ones the rest. */
export class Priorities implements Balancer {
  readonly #parts: readonly Part[];

  /** @param parts none of them empty. */
  constructor(parts: readonly Part[]) {
    this.#parts = parts;
  }

  pick(hash: number, random: () => number, filter: EndpointFilter | null = null, now = 0): Endpoint | null {
    const [first] = this.#parts;
    if (filter === null) return first?.balancer.pick(hash, random, null, now) ?? null;
    const available = this.#parts.map((part) => availability(part, filter));
    const total = Math.min(
      1,
      available.reduce((sum, one) => sum + one, 0),
    );
    let point = drawn(hash, random) * total;
    for (const [index, part] of this.#parts.entries()) {
      const own = available[index] as number;
      if (own > 0 && point < own) return part.balancer.pick(hash, random, filter, now);
      point -= own;
    }
    return null;
  }

  odds(hash: number, filter: EndpointFilter | null, now: number): Odds {
    const [first] = this.#parts;
    if (filter === null) return first?.balancer.odds(hash, null, now) ?? NO_ODDS;
    if (hash >= 0) return certain(this.pick(hash, () => 0, filter, now));
    let left = 1;
    const shares = this.#parts.map((part) => {
      const share = Math.min(left, availability(part, filter));
      left -= share;
      return [share, (): Odds => part.balancer.odds(hash, filter, now)] as const;
    });
    return mixedOdds(shares);
  }
}

export interface Group extends Part {
  readonly weight: number;
}

export class Groups implements Balancer {
  readonly #groups: readonly Group[];

  constructor(groups: readonly Group[]) {
    this.#groups = groups;
  }

  pick(hash: number, random: () => number, filter: EndpointFilter | null = null, now = 0): Endpoint | null {
    const weights = this.#groups.map((group) => group.weight * (filter === null ? 1 : availability(group, filter)));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    if (total === 0) return null;
    let point = drawn(hash, random) * total;
    const at = weights.findIndex((weight) => (point -= weight) < 0);
    const group = this.#groups[at] ?? this.#groups[indexBelow(this.#groups.length, random())];
    return group?.balancer.pick(hash, random, filter, now) ?? null;
  }

  odds(hash: number, filter: EndpointFilter | null, now: number): Odds {
    if (hash >= 0) return certain(this.pick(hash, () => 0, filter, now));
    const share = (group: Group): number => group.weight * (filter === null ? 1 : availability(group, filter));
    return mixedOdds(this.#groups.map((group) => [share(group), () => group.balancer.odds(hash, filter, now)]));
  }
}
