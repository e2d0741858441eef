/** How an endpoint is chosen: Istio's simple load balancers and consistent hashing, each O(1) or O(log n) per pick with equal weights. */
import type { BalancerConfig } from '../config/cluster.ts';
import { MaglevBalancer, RingHashBalancer, ringSize } from './consistent-hash.ts';
import type { Endpoint } from './endpoint.ts';
import { type Balancer, drawAllowed, type EndpointFilter, finish, firstAllowed, indexBelow, type Steps, type Odds } from './pick.ts';
import { oddsByWeight, oddsOfLessBusy } from './odds.ts';
import { Turns } from './turns.ts';
import { Warming } from './warming.ts';

/** At once; see `buildBalancer`. */
export function createBalancer(config: BalancerConfig, endpoints: readonly Endpoint[]): Balancer {
  return finish(buildBalancer(config, endpoints));
}

/** @param endpoints with the weights that they are about to have. */
export function* buildBalancer(config: BalancerConfig, endpoints: readonly Endpoint[]): Steps<Balancer> {
  switch (config.kind) {
    case 'round-robin': {
      const balancer = new RoundRobin(endpoints);
      return config.warmup === undefined ? balancer : new Warming(balancer, endpoints, config.warmup, weightOf);
    }
    case 'least-request': {
      const balancer = new LeastRequest(endpoints);
      return config.warmup === undefined ? balancer : new Warming(balancer, endpoints, config.warmup, shareOf);
    }
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

const weightOf = (endpoint: Endpoint): number => endpoint.upcoming.weight;
/** What an endpoint should get at the moment, as Envoy weighs it. */
const shareOf = (endpoint: Endpoint): number => endpoint.upcoming.weight / (endpoint.active + 1);

function equalWeights(endpoints: readonly Endpoint[]): boolean {
  const [first] = endpoints;
  return endpoints.every((endpoint) => weightOf(endpoint) === weightOf(first as Endpoint));
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
    this.#upTo = equalWeights(endpoints) ? null : endpoints.map((endpoint) => (sum += weightOf(endpoint)));
    this.#total = sum;
  }

  pick(_hash: number, random: () => number, filter: EndpointFilter | null = null): Endpoint | null {
    const endpoints = this.#endpoints;
    if (this.#upTo === null) return drawAllowed(endpoints, random, filter);
    if (filter !== null) return this.#among(random, filter);
    const point = (random() / 2 ** 32) * this.#total;
    return endpoints[this.#upTo.findIndex((limit) => point < limit)] ?? null;
  }

  odds(_hash: number, filter: EndpointFilter | null): Odds {
    return oddsByWeight(this.#endpoints, weightOf, filter);
  }

  #among(random: () => number, filter: EndpointFilter): Endpoint | null {
    let total = 0;
    for (const endpoint of this.#endpoints) if (filter.allows(endpoint)) total += weightOf(endpoint);
    let point = (random() / 2 ** 32) * total;
    for (const endpoint of this.#endpoints) {
      if (!filter.allows(endpoint)) continue;
      point -= weightOf(endpoint);
      if (point < 0) return endpoint;
    }
    return null;
  }
}

/** In turn. Each worker starts elsewhere. */
class RoundRobin implements Balancer {
  readonly #endpoints: readonly Endpoint[];
  /** Null when all weights are equal. */
  readonly #turns: Turns | null;
  #next = -1;

  constructor(endpoints: readonly Endpoint[]) {
    this.#endpoints = endpoints;
    this.#turns = equalWeights(endpoints) ? null : new Turns(endpoints);
  }

  pick(_hash: number, random: () => number, filter: EndpointFilter | null = null): Endpoint | null {
    const endpoints = this.#endpoints;
    if (this.#turns !== null) return this.#turns.take(weightOf, random, filter);
    if (endpoints.length === 0) return null;
    if (this.#next < 0) this.#next = indexBelow(endpoints.length, random());
    this.#next = (this.#next + 1) % endpoints.length;
    const endpoint = endpoints[this.#next] as Endpoint;
    if (filter === null || filter.allows(endpoint)) return endpoint;
    const other = firstAllowed(endpoints, this.#next + 1, filter);
    if (other !== null) this.#next = endpoints.indexOf(other);
    return other;
  }

  /** Over all workers and clients, whose turns are nobody's to know. */
  odds(_hash: number, filter: EndpointFilter | null): Odds {
    return oddsByWeight(this.#endpoints, weightOf, filter);
  }
}

/** Equal weights: the less busy of two drawn at random. Unequal: in turn, each by its weight per (active + 1), as Envoy weighs them. */
class LeastRequest implements Balancer {
  readonly #endpoints: readonly Endpoint[];
  /** Null when all weights are equal. */
  readonly #turns: Turns | null;

  constructor(endpoints: readonly Endpoint[]) {
    this.#endpoints = endpoints;
    this.#turns = equalWeights(endpoints) ? null : new Turns(endpoints);
  }

  pick(_hash: number, random: () => number, filter: EndpointFilter | null = null): Endpoint | null {
    const endpoints = this.#endpoints;
    if (this.#turns !== null) return this.#turns.take(shareOf, random, filter);
    const first = drawAllowed(endpoints, random, filter);
    if (first === null || endpoints.length === 1) return first;
    const second = drawAllowed(endpoints, random, filter) ?? first;
    return second.active < first.active ? second : first;
  }

  odds(_hash: number, filter: EndpointFilter | null): Odds {
    return this.#turns === null ? oddsOfLessBusy(this.#endpoints, filter) : oddsByWeight(this.#endpoints, shareOf, filter);
  }
}
