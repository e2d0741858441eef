/**
 * A service port, or a subset of it, as seen by some clients: its endpoints and how to choose among them.
 *
 * Invariants (test/l7/upstream/cluster.test.ts): an endpoint that stays in the configuration keeps its object, and so its
 * pools and counts; `pick` never returns a removed endpoint.
 */
import type { HeaderNames } from '../message/header-names.ts';
import type { ClusterConfig, EndpointConfig } from '../snapshot.ts';
import { createBalancer } from './balancer.ts';
import { Endpoint } from './endpoint.ts';
import { HashPolicy } from './hash-policy.ts';
import type { Balancer } from './pick.ts';

/** Routes refer to a slot, so that they need not be built again when a cluster comes, changes or goes. */
export class ClusterSlot {
  readonly id: string;
  cluster: Cluster | null = null;

  constructor(id: string) {
    this.id = id;
  }

  update(config: ClusterConfig | null, names: HeaderNames): void {
    if (config === null) {
      this.cluster?.dispose();
      this.cluster = null;
    } else if (this.cluster === null) {
      this.cluster = new Cluster(config, names);
    } else {
      this.cluster.update(config, names);
    }
  }
}

export class Cluster {
  config: ClusterConfig;
  endpoints: readonly Endpoint[] = [];
  /** Where the hash of a request comes from; null without consistent hashing. */
  hash: HashPolicy | null = null;
  #balancer!: Balancer;

  constructor(config: ClusterConfig, names: HeaderNames) {
    this.config = config;
    this.update(config, names);
  }

  update(config: ClusterConfig, names: HeaderNames): void {
    const known = new Map(this.endpoints.map((endpoint) => [addressKey(endpoint.config), endpoint]));
    this.endpoints = config.endpoints.map((next) => {
      const endpoint = known.get(addressKey(next));
      known.delete(addressKey(next));
      if (endpoint === undefined) return new Endpoint(next);
      if (endpoint.config !== next) for (const pool of endpoint.pools.values()) pool.forgetSeries();
      endpoint.config = next;
      return endpoint;
    });
    for (const gone of known.values()) gone.remove();
    this.config = config;
    const { balancer } = config;
    this.hash = 'key' in balancer ? new HashPolicy(balancer.key, names) : null;
    this.#balancer = createBalancer(balancer, this.endpoints);
  }

  /**
   * The endpoint for the next try, or null when there is none.
   * @param hash of the request's key; -1 without one.
   * @param avoid endpoints to pass over where another one can be had (at most 5 more draws, as Envoy's host predicate).
   */
  pick(hash: number, random: () => number, avoid: readonly Endpoint[] | null): Endpoint | null {
    let endpoint = this.#balancer.pick(hash, random);
    for (let draw = 0; avoid !== null && endpoint !== null && draw < 5 && avoid.includes(endpoint); draw++) {
      endpoint = this.#balancer.pick(-1, random);
    }
    return endpoint;
  }

  dispose(): void {
    for (const endpoint of this.endpoints) endpoint.remove();
    this.endpoints = [];
  }
}

function addressKey(endpoint: EndpointConfig): string {
  return `${endpoint.address}|${endpoint.port}`;
}
