/** How an endpoint is chosen: Istio's simple load balancers and consistent hashing, each O(1) or O(log n) per pick with equal weights. */
import type { BalancerConfig } from '../snapshot.ts';
import { MaglevBalancer, RingHashBalancer } from './consistent-hash.ts';
import type { Endpoint } from './endpoint.ts';
import { indexBelow, type Balancer } from './pick.ts';

export function createBalancer(config: BalancerConfig, endpoints: readonly Endpoint[]): Balancer {
  switch (config.kind) {
    case 'round-robin':
      return new RoundRobin(endpoints);
    case 'least-request':
      return new LeastRequest(endpoints);
    case 'random':
      return new RandomChoice(endpoints);
    case 'ring-hash':
      return new RingHashBalancer(endpoints, config.minimumRingSize);
    case 'maglev':
      return new MaglevBalancer(endpoints, config.tableSize);
  }
}

function equalWeights(endpoints: readonly Endpoint[]): boolean {
  return endpoints.every((endpoint) => endpoint.weight === endpoints[0]?.weight);
}

/** Endpoints by weight with a cumulative table. */
export class RandomChoice implements Balancer {
  readonly #endpoints: readonly Endpoint[];
  /** Null when all weights are equal. */
  readonly #upTo: readonly number[] | null;
  readonly #total: number;

  constructor(endpoints: readonly Endpoint[]) {
    this.#endpoints = endpoints;
    let sum = 0;
    const upTo = endpoints.map((endpoint) => (sum += endpoint.weight));
    this.#total = sum;
    this.#upTo = equalWeights(endpoints) ? null : upTo;
  }

  pick(_hash: number, random: () => number): Endpoint | null {
    const endpoints = this.#endpoints;
    if (endpoints.length <= 1) return endpoints[0] ?? null;
    if (this.#upTo === null) return endpoints[indexBelow(endpoints.length, random())] ?? null;
    const point = (random() / 2 ** 32) * this.#total;
    return endpoints[this.#upTo.findIndex((limit) => point < limit)] ?? null;
  }
}

/** In turn; with unequal weights smooth weighted round robin, which spreads the heavy endpoint's turns. Each worker starts elsewhere. */
class RoundRobin implements Balancer {
  readonly #endpoints: readonly Endpoint[];
  /** Null when all weights are equal. */
  readonly #credit: number[] | null;
  #next = -1;

  constructor(endpoints: readonly Endpoint[]) {
    this.#endpoints = endpoints;
    this.#credit = equalWeights(endpoints) ? null : endpoints.map(() => 0);
  }

  pick(_hash: number, random: () => number): Endpoint | null {
    const endpoints = this.#endpoints;
    if (endpoints.length <= 1) return endpoints[0] ?? null;
    if (this.#credit !== null) return this.#weighted(this.#credit);
    if (this.#next < 0) this.#next = indexBelow(endpoints.length, random());
    this.#next = (this.#next + 1) % endpoints.length;
    return endpoints[this.#next] ?? null;
  }

  #weighted(credit: number[]): Endpoint | null {
    let best = 0;
    let total = 0;
    for (let i = 0; i < credit.length; i++) {
      const weight = (this.#endpoints[i] as Endpoint).weight;
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
  readonly #equal: boolean;

  constructor(endpoints: readonly Endpoint[]) {
    this.#endpoints = endpoints;
    this.#equal = equalWeights(endpoints);
  }

  pick(_hash: number, random: () => number): Endpoint | null {
    const endpoints = this.#endpoints;
    const count = endpoints.length;
    if (count <= 1) return endpoints[0] ?? null;
    if (!this.#equal) return this.#heaviest(random);
    const first = endpoints[indexBelow(count, random())] as Endpoint;
    const second = endpoints[indexBelow(count, random())] as Endpoint;
    return second.active < first.active ? second : first;
  }

  #heaviest(random: () => number): Endpoint | null {
    const { length } = this.#endpoints;
    const offset = indexBelow(length, random());
    let best: Endpoint | null = null;
    let bestShare = -1;
    for (let k = 0; k < length; k++) {
      const endpoint = this.#endpoints[(offset + k) % length] as Endpoint;
      const share = endpoint.weight / (endpoint.active + 1);
      if (share > bestShare) {
        best = endpoint;
        bestShare = share;
      }
    }
    return best;
  }
}
