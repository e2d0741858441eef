/** All pools of a worker: finds the one for {namespace, endpoint}, and closes connections that were idle for long. */
import { Timer } from '../../base/timer-wheel.ts';
import type { Http1Wire } from '../http1/wire.ts';
import type { Cluster } from './cluster.ts';
import type { Endpoint } from './endpoint.ts';
import type { Guard, Guards } from './guards.ts';
import { type PoolReport, poolReport } from './pool-report.ts';
import { Pool, type PoolGround } from './pool.ts';

const SWEEP_MS = 30_000;

export class Pools implements PoolGround {
  readonly wire: Http1Wire;
  readonly mark: number;
  draining = false;
  readonly counted: PoolGround['counted'];
  readonly guards: Guards;
  readonly #all = new Set<Pool>();
  readonly #timer = new Timer(() => this.#sweep());

  constructor(wire: Http1Wire, mark: number, guards: Guards, counted: PoolGround['counted']) {
    this.wire = wire;
    this.guards = guards;
    this.mark = mark;
    this.counted = counted;
  }

  get size(): number {
    return this.#all.size;
  }

  /** @param cluster of the endpoint; null: it is an original destination. @param guard of the client there. */
  of(endpoint: Endpoint, netns: number, guard: Guard | null, cluster: Cluster | null): Pool {
    // Nobody else puts pools there.
    const pool = (endpoint.pools.get(netns) as Pool | undefined) ?? this.#make(endpoint, netns, cluster);
    if (guard !== null) pool.guardBy(guard);
    return pool;
  }

  /** For people. */
  report(): PoolReport[] {
    return [...this.#all].map(poolReport);
  }

  #make(endpoint: Endpoint, netns: number, cluster: Cluster | null): Pool {
    const pool = new Pool(this, endpoint, netns, cluster);
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
      pool.closeUnused(limits.idleTimeoutMs);
      if (pool.open > 0 || pool.waiting > 0 || (pool.endpoint.active > 0 && !pool.endpoint.removed)) continue;
      pool.leaveGuard();
      pool.endpoint.pools.delete(pool.netns);
      this.#all.delete(pool);
    }
    this.guards.sweep(transport.now);
    if (this.#all.size > 0) transport.timers.arm(this.#timer, SWEEP_MS);
  }
}
