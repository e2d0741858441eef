/** All pools of a worker: finds the one for {namespace, endpoint}, and closes connections that were idle for long. */
import { Timer } from '../../base/timer-wheel.ts';
import type { Http1Wire } from '../http1/wire.ts';
import type { Endpoint } from './endpoint.ts';
import { Pool, type PoolGround } from './pool.ts';

const SWEEP_MS = 30_000;

export class Pools implements PoolGround {
  readonly wire: Http1Wire;
  readonly mark: number;
  draining = false;
  readonly counted: PoolGround['counted'];
  readonly #all = new Set<Pool>();
  readonly #timer = new Timer(() => this.#sweep());

  constructor(wire: Http1Wire, mark: number, counted: PoolGround['counted']) {
    this.wire = wire;
    this.mark = mark;
    this.counted = counted;
  }

  get size(): number {
    return this.#all.size;
  }

  of(endpoint: Endpoint, netns: number): Pool {
    // Nobody else puts pools there.
    const known = endpoint.pools.get(netns) as Pool | undefined;
    if (known !== undefined) return known;
    const pool = new Pool(this, endpoint, netns);
    endpoint.pools.set(netns, pool);
    this.#all.add(pool);
    const { timers } = this.wire.transport;
    if (!this.#timer.armed) timers.arm(this.#timer, SWEEP_MS);
    return pool;
  }

  /** Closes every idle connection, so that nothing is left behind in a namespace that is given up, or at the end. */
  closeIdle(netns?: number): void {
    for (const pool of this.#all) if (netns === undefined || pool.netns === netns) pool.closeIdle();
  }

  #sweep(): void {
    const { transport, limits } = this.wire;
    for (const pool of this.#all) {
      pool.closeIdle(transport.now - limits.idleTimeoutMs);
      if (pool.open > 0 || pool.waiting > 0 || (pool.endpoint.active > 0 && !pool.endpoint.removed)) continue;
      pool.endpoint.pools.delete(pool.netns);
      this.#all.delete(pool);
    }
    if (this.#all.size > 0) transport.timers.arm(this.#timer, SWEEP_MS);
  }
}
