/** All pools of a worker: finds the one for {namespace, endpoint}, and lets connections that nobody used for long go. */
import { Timer } from '../../base/timer-wheel.ts';
import type { Context } from '../context.ts';
import type { Endpoint } from './endpoint.ts';
import { Pool } from './pool.ts';

const SWEEP_MS = 30_000;

export class Pools {
  readonly #context: Context;
  readonly #all = new Set<Pool>();
  readonly #timer: Timer;

  constructor(context: Context) {
    this.#context = context;
    this.#timer = new Timer(() => this.#sweep());
  }

  get size(): number {
    return this.#all.size;
  }

  of(endpoint: Endpoint, netns: number, connectTimeoutMs: number): Pool {
    const known = endpoint.pools.get(netns) as Pool | undefined;
    if (known !== undefined) return known;
    const pool = new Pool(this.#context, endpoint, netns, connectTimeoutMs);
    endpoint.pools.set(netns, pool);
    this.#all.add(pool);
    if (!this.#timer.armed) this.#context.transport.timers.arm(this.#timer, SWEEP_MS);
    return pool;
  }

  /** Closes every idle connection, so that nothing is left behind in a namespace that is given up, or at the end. */
  closeIdle(netns?: number): void {
    for (const pool of this.#all) if (netns === undefined || pool.netns === netns) pool.closeIdle();
  }

  #sweep(): void {
    const since = this.#context.transport.now - this.#context.limits.idleTimeoutMs;
    for (const pool of this.#all) {
      pool.closeIdle(since);
      if (pool.open > 0 || (pool.endpoint.active > 0 && !pool.endpoint.removed)) continue;
      pool.endpoint.pools.delete(pool.netns);
      this.#all.delete(pool);
    }
    if (this.#all.size > 0) this.#context.transport.timers.arm(this.#timer, SWEEP_MS);
  }
}
