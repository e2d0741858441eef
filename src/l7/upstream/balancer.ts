/** How an endpoint is chosen: Istio's simple load balancers and consistent hashing, each O(1) or O(log n) per pick with equal weights. */
import type { BalancerConfig } from '../config/cluster.ts';
import { MaglevBalancer, RingHashBalancer, ringSize } from './consistent-hash.ts';
import type { Endpoint } from './endpoint.ts';
import { finish, indexBelow, type Balancer, type Steps } from './pick.ts';

/** At once; see `buildBalancer`. */
export function createBalancer(config: BalancerConfig, endpoints: readonly Endpoint[]): Balancer {
  return finish(buildBalancer(config, endpoints));
}

/** @param endpoints with the weights that they are about to have. */
export function* buildBalancer(config: BalancerConfig, endpoints: readonly Endpoint[]): Steps<Balancer> {
  switch (config.kind) {
    case 'round-robin':
      return new RoundRobin(endpoints);
    case 'least-request':
      return new LeastRequest(endpoints);
    case 'random':
      return new RandomChoice(endpoints);
    case 'ring-hash':
      return yield* RingHashBalancer.build(endpoints, config.minimumRingSize);
    case 'maglev':
      return yield* MaglevBalancer.build(endpoints, config.tableSize);
  }
}

/** Cells of the table behind a balancer: the time and memory that building it takes. */
export function balancerSize(config: BalancerConfig, endpoints: readonly Endpoint[]): number {
  if (config.kind === 'maglev') return endpoints.length === 0 ? 0 : config.tableSize;
  if (config.kind !== 'ring-hash') return endpoints.length;
  return ringSize(
    endpoints.map((endpoint) => endpoint.upcoming.weight),
    config.minimumRingSize,
  );
}

/** Null when all weights are equal. */
function unequalWeights(endpoints: readonly Endpoint[]): readonly number[] | null {
  const weights = endpoints.map((endpoint) => endpoint.upcoming.weight);
  return weights.every((weight) => weight === weights[0]) ? null : weights;
}
/** Endpoints by weight with a cumulative table. */
class RandomChoice implements Balancer {
  readonly #endpoints: readonly Endpoint[];
  /** Null when all weights are equal. */
  readonly #upTo: readonly number[] | null;
  readonly #total: number;

  constructor(endpoints: readonly Endpoint[]) {
    this.#endpoints = endpoints;
    let sum = 0;
    this.#upTo = unequalWeights(endpoints)?.map((weight) => (sum += weight)) ?? null;
    this.#total = sum;
  }

  pick(_hash: number, random: () => number): Endpoint | null {
    const endpoints = this.#endpoints;
    if (endpoints.length <= 1) return endpoints[0] ?? null;
    if (this.#upTo === null) return endpoints[indexBelow(endpoints.length, random())] ?? null;
    const point = (random() / 2 ** 32) * this.#total;
    return endpoints[this.#upTo.findIndex((limit) => point < limit)] ?? null;
  }
}

const NO_CREDIT: number[] = [];

/** In turn; with unequal weights smooth weighted round robin, which spreads the heavy endpoint's turns. Each worker starts elsewhere. */
class RoundRobin implements Balancer {
  readonly #endpoints: readonly Endpoint[];
  /** Null when all weights are equal. */
  readonly #weights: readonly number[] | null;
  readonly #credit: number[];
  #next = -1;

  constructor(endpoints: readonly Endpoint[]) {
    this.#endpoints = endpoints;
    this.#weights = unequalWeights(endpoints);
    this.#credit = this.#weights?.map(() => 0) ?? NO_CREDIT;
  }

  pick(_hash: number, random: () => number): Endpoint | null {
    const endpoints = this.#endpoints;
    if (endpoints.length <= 1) return endpoints[0] ?? null;
    if (this.#weights !== null) return this.#weighted(this.#weights, this.#credit);
    if (this.#next < 0) this.#next = indexBelow(endpoints.length, random());
    this.#next = (this.#next + 1) % endpoints.length;
    return endpoints[this.#next] ?? null;
  }

  #weighted(weights: readonly number[], credit: number[]): Endpoint | null {
    let best = 0;
    let total = 0;
    for (let i = 0; i < credit.length; i++) {
      const weight = weights[i] as number;
      total += weight;
      credit[i] = (credit[i] as number) + weight;
      if ((credit[i] as number) > (credit[best] as number)) best = i;
    }
    credit[best] = (credit[best] as number) - total;
    return this.#endpoints[best] ?? null;
  }
}

/** Equal weights: the less busy of two drawn at random. Unequal: the largest weight per (active + 1), as Envoy weighs them. */
class LeastRequest implements Balancer {
  readonly #endpoints: readonly Endpoint[];
  /** Null when all weights are equal. */
  readonly #weights: readonly number[] | null;

  constructor(endpoints: readonly Endpoint[]) {
    this.#endpoints = endpoints;
    this.#weights = unequalWeights(endpoints);
  }

  pick(_hash: number, random: () => number): Endpoint | null {
    const endpoints = this.#endpoints;
    const count = endpoints.length;
    if (count <= 1) return endpoints[0] ?? null;
    if (this.#weights !== null) return this.#heaviest(this.#weights, random);
    const first = endpoints[indexBelow(count, random())] as Endpoint;
    const second = endpoints[indexBelow(count, random())] as Endpoint;
    return second.active < first.active ? second : first;
  }

  #heaviest(weights: readonly number[], random: () => number): Endpoint | null {
    const { length } = this.#endpoints;
    const offset = indexBelow(length, random());
    let best: Endpoint | null = null;
    let bestShare = -1;
    for (let k = 0; k < length; k++) {
      const index = (offset + k) % length;
      const endpoint = this.#endpoints[index] as Endpoint;
      const share = (weights[index] as number) / (endpoint.active + 1);
      if (share > bestShare) {
        best = endpoint;
        bestShare = share;
      }
    }
    return best;
  }
}
