/** A worker's pools of HTTP/2 connections. */
import type { Http2Fault } from '../http2/connection.ts';
import type { Http2Wire } from '../http2/wire.ts';
import type { Cluster } from './cluster.ts';
import type { Endpoint } from './endpoint.ts';
import type { PoolCounts } from './guarded-pool.ts';
import { Http2Pool, type Http2PoolGround } from './http2-pool.ts';
import { WorkerPools } from './worker-pools.ts';

export class Http2Pools extends WorkerPools<Http2Pool> implements Http2PoolGround {
  readonly http2: Http2Wire;
  readonly broken: (fault: Http2Fault) => void;

  constructor(http2: Http2Wire, mark: number, counts: PoolCounts, broken: (fault: Http2Fault) => void) {
    super(http2.transport, http2.limits.idleTimeoutMs, mark, counts);
    this.http2 = http2;
    this.broken = broken;
  }

  /** Pools of HTTP/1 stand at their namespace, which is −1 or a descriptor; those of HTTP/2 at what is left below. */
  protected placeOf(netns: number): number {
    return -3 - netns;
  }

  protected make(endpoint: Endpoint, netns: number, cluster: Cluster | null): Http2Pool {
    return new Http2Pool(this, endpoint, netns, cluster);
  }
}
