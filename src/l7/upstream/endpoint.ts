/** One address that a cluster may send to, with what is going on there. */
import type { EndpointConfig } from '../snapshot.ts';
import type { Pool } from './pool.ts';

export class Endpoint {
  readonly address: string;
  readonly port: number;
  config: EndpointConfig;
  /** Requests and tunnels under way, over all pools: what LEAST_REQUEST compares. */
  active = 0;
  /** No longer in its cluster: what is under way finishes, nothing is pooled any more. */
  removed = false;
  /** By the network namespace (descriptor) that the connections are made in. */
  readonly pools = new Map<number, Pool>();

  constructor(config: EndpointConfig) {
    this.address = config.address;
    this.port = config.port;
    this.config = config;
  }

  get weight(): number {
    return this.config.weight;
  }

  remove(): void {
    this.removed = true;
    for (const pool of this.pools.values()) pool.closeIdle();
  }
}
