/** One address that a cluster may send to, with what is going on there. */
import { change, current, reverted, settled, upcoming, type Changing, Epoch, type Held } from '../../base/epoch.ts';
import type { EndpointConfig } from '../config/cluster.ts';

/** Connections to an endpoint, as far as the endpoint is concerned. */
export interface EndpointPool {
  closeIdle(): void;
}

export class Endpoint implements Changing {
  readonly address: string;
  readonly port: number;
  /** Requests and tunnels under way, over all pools: what LEAST_REQUEST compares. */
  active = 0;
  /** When it was first looked at by a balancer that spares new ones; -1: not yet. */
  knownSince = -1;
  readonly #epoch: Epoch;
  #config: Held<EndpointConfig>;
  #removed: Held<boolean> = false;
  #pools: Map<number, EndpointPool> | null = null;

  /** @param epoch of the configuration that it belongs to; without one it stays until `remove`. */
  constructor(config: EndpointConfig, epoch: Epoch = new Epoch()) {
    this.address = config.address;
    this.port = config.port;
    this.#config = config;
    this.#epoch = epoch;
  }

  get config(): EndpointConfig {
    return current(this.#config, this.#epoch);
  }

  get weight(): number {
    return this.config.weight;
  }

  /** It is no longer in its cluster: what is under way finishes, and no connection is kept. */
  get removed(): boolean {
    return current(this.#removed, this.#epoch);
  }

  /** By the network namespace (descriptor) that the connections are made in. Most endpoints of a mesh never see any. */
  get pools(): Map<number, EndpointPool> {
    return (this.#pools ??= new Map());
  }

  /** What `config` will be. */
  get upcoming(): EndpointConfig {
    return upcoming(this.#config);
  }

  /** To be settled after the commit. @param config null: it goes. */
  stage(config: EndpointConfig | null): void {
    this.#removed = change(this.#removed, config === null, this.#epoch);
    if (config !== null) this.#config = change(this.#config, config, this.#epoch);
  }

  /** Takes back what has been staged. */
  revert(): void {
    this.#config = reverted(this.#config, this.#epoch);
    this.#removed = reverted(this.#removed, this.#epoch);
  }

  settle(): boolean {
    this.#config = settled(this.#config, this.#epoch);
    this.#removed = settled(this.#removed, this.#epoch);
    if (this.#removed) this.#closePools();
    return true;
  }

  remove(): void {
    this.#removed = true;
    this.#closePools();
  }

  #closePools(): void {
    for (const pool of this.#pools?.values() ?? []) pool.closeIdle();
  }
}
