/** All pools of HTTP/2 connections of a worker: finds the one for {namespace, endpoint}, and closes connections that were idle for long. */
import { Timer } from '../../base/timer-wheel.ts';
import type { Http2Fault } from '../http2/connection.ts';
import type { Http2Wire } from '../http2/wire.ts';
import type { Cluster } from './cluster.ts';
import type { Endpoint } from './endpoint.ts';
import type { Guard } from './guards.ts';
import { type PoolReport, poolReport } from './pool-report.ts';
import { Http2Pool, type Http2PoolGround } from './http2-pool.ts';

const SWEEP_MS = 30_000;

export class Http2Pools implements Http2PoolGround {
  readonly http2: Http2Wire;
  readonly mark: number;
  draining = false;
  readonly counted: Http2PoolGround['counted'];
  readonly broken: (fault: Http2Fault) => void;
  readonly #all = new Set<Http2Pool>();
  readonly #timer = new Timer(() => this.#sweep());

  constructor(http2: Http2Wire, mark: number, counted: Http2PoolGround['counted'], broken: (fault: Http2Fault) => void) {
    this.http2 = http2;
    this.mark = mark;
    this.counted = counted;
    this.broken = broken;
  }

  /** @param cluster of the endpoint; null: it is an original destination. @param guard of the client there. */
  of(endpoint: Endpoint, netns: number, guard: Guard | null, cluster: Cluster | null): Http2Pool {
    // Nobody else puts pools there.
    const pool = (endpoint.pools.get(placeOf(netns)) as Http2Pool | undefined) ?? this.#make(endpoint, netns, cluster);
    if (guard !== null) pool.guardBy(guard);
    return pool;
  }

  /** For people. */
  report(): PoolReport[] {
    return [...this.#all].map(poolReport);
  }

  #make(endpoint: Endpoint, netns: number, cluster: Cluster | null): Http2Pool {
    const pool = new Http2Pool(this, endpoint, netns, cluster);
    endpoint.pools.set(placeOf(netns), pool);
    this.#all.add(pool);
    const { timers } = this.http2.transport;
    if (!this.#timer.armed) timers.arm(this.#timer, SWEEP_MS);
    return pool;
  }

  /** Closes every idle connection, and those that are busy when their streams have ended. */
  closeIdle(netns?: number): void {
    for (const pool of this.#all) if (netns === undefined || pool.netns === netns) pool.closeIdle();
  }

  #sweep(): void {
    const { transport, limits } = this.http2;
    for (const pool of this.#all) {
      pool.closeUnused(limits.idleTimeoutMs);
      if (pool.open > 0 || pool.waiting > 0 || (pool.endpoint.active > 0 && !pool.endpoint.removed)) continue;
      pool.leaveGuard();
      pool.endpoint.pools.delete(placeOf(pool.netns));
      this.#all.delete(pool);
    }
    if (this.#all.size > 0) transport.timers.arm(this.#timer, SWEEP_MS);
  }
}

/** Pools of HTTP/1 stand at their namespace, which is −1 or a descriptor; those of HTTP/2 at what is left below. */
function placeOf(netns: number): number {
  return -3 - netns;
}
