/** All pools of a worker: finds the one for {namespace, endpoint}, and closes connections that were idle for long. */
import { Timer } from '../../base/timer-wheel.ts';
import type { Http1Wire } from '../http1/wire.ts';
import type { Endpoint } from './endpoint.ts';
import type { Guard, Guards } from './guards.ts';
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

  /** @param guard of the client at the endpoint's cluster. */
  of(endpoint: Endpoint, netns: number, guard: Guard | null): Pool {
    // Nobody else puts pools there.
    const pool = (endpoint.pools.get(netns) as Pool | undefined) ?? this.#make(endpoint, netns);
    if (guard !== null) pool.guardBy(guard);
    return pool;
  }

  #make(endpoint: Endpoint, netns: number): Pool {
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
