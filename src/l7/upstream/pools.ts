/** A worker's pools of HTTP/1 connections, and the guards of all its pools. */
import type { Http1Wire } from '../http1/wire.ts';
import type { Cluster } from './cluster.ts';
import type { Endpoint } from './endpoint.ts';
import type { Guards } from './guards.ts';
import type { PoolCounts } from './guarded-pool.ts';
import { Pool, type PoolGround } from './pool.ts';
import { WorkerPools } from './worker-pools.ts';

export class Pools extends WorkerPools<Pool> implements PoolGround {
  readonly wire: Http1Wire;
  readonly guards: Guards;

  constructor(wire: Http1Wire, mark: number, guards: Guards, counts: PoolCounts) {
    super(wire.transport, wire.limits.idleTimeoutMs, mark, counts);
    this.wire = wire;
    this.guards = guards;
  }

  protected placeOf(netns: number): number {
    return netns;
  }

  protected make(endpoint: Endpoint, netns: number, cluster: Cluster | null): Pool {
    return new Pool(this, endpoint, netns, cluster);
  }

  protected override onSwept(): void {
    this.guards.sweep(this.wire.transport.now);
  }
}
