/** All pools of a worker for one wire: finds the one for {namespace, endpoint}, and closes connections that were idle for long. */
import { Timer } from '../../base/timer-wheel.ts';
import type { Transport } from '../transport.ts';
import type { Cluster } from './cluster.ts';
import type { Endpoint } from './endpoint.ts';
import type { GuardedGround, GuardedPool, PoolCounts } from './guarded-pool.ts';
import type { Guard } from './guards.ts';
import { type PoolReport, poolReport } from './pool-report.ts';

const SWEEP_MS = 30_000;

export abstract class WorkerPools<P extends GuardedPool> implements GuardedGround {
  readonly mark: number;
  draining = false;
  readonly counts: PoolCounts;
  readonly #transport: Transport;
  /** Where no rule says how long a connection may be idle. */
  readonly #idleTimeoutMs: number;
  readonly #all = new Set<P>();
  readonly #timer = new Timer(() => this.#sweep());

  constructor(transport: Transport, idleTimeoutMs: number, mark: number, counts: PoolCounts) {
    this.#transport = transport;
    this.#idleTimeoutMs = idleTimeoutMs;
    this.mark = mark;
    this.counts = counts;
  }

  /** Key of a namespace's pool at an endpoint, which no other wire's has. */
  protected abstract placeOf(netns: number): number;
  protected abstract make(endpoint: Endpoint, netns: number, cluster: Cluster | null): P;
  /** Pools that nothing is left of have gone. */
  protected onSwept(): void {}

  get size(): number {
    return this.#all.size;
  }

  /** @param cluster of the endpoint; null: it is an original destination. @param guard of the client there. */
  of(endpoint: Endpoint, netns: number, guard: Guard | null, cluster: Cluster | null): P {
    // Nobody else puts pools there.
    const pool = (endpoint.pools.get(this.placeOf(netns)) as P | undefined) ?? this.#add(endpoint, netns, cluster);
    if (guard !== null) pool.guardBy(guard);
    return pool;
  }

  /** For people. */
  report(): PoolReport[] {
    return [...this.#all].map(poolReport);
  }

  /**
   * Closes every idle connection, so that nothing is left behind in a namespace that is given up, or at the end; one that is shared by
   * streams goes when they have ended.
   */
  closeIdle(netns?: number): void {
    for (const pool of this.#all) if (netns === undefined || pool.netns === netns) pool.closeIdle();
  }

  #add(endpoint: Endpoint, netns: number, cluster: Cluster | null): P {
    const pool = this.make(endpoint, netns, cluster);
    endpoint.pools.set(this.placeOf(netns), pool);
    this.#all.add(pool);
    const { timers } = this.#transport;
    if (!this.#timer.armed) timers.arm(this.#timer, SWEEP_MS);
    return pool;
  }

  #sweep(): void {
    for (const pool of this.#all) {
      pool.closeUnused(this.#idleTimeoutMs);
      if (pool.open > 0 || pool.waiting > 0 || (pool.endpoint.active > 0 && !pool.endpoint.removed)) continue;
      pool.leaveGuard();
      pool.endpoint.pools.delete(this.placeOf(pool.netns));
      this.#all.delete(pool);
    }
    this.onSwept();
    if (this.#all.size > 0) this.#transport.timers.arm(this.#timer, SWEEP_MS);
  }
}
