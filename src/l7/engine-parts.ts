/** The machinery that exchanges share besides the context: writers, endpoints that are not in any cluster, and their metric series. */
import type { Context } from './context.ts';
import type { CapturedOrigin, Origin } from './downstream/origin.ts';
import { RequestWriter } from './exchange/request-writer.ts';
import { ResponseWriter } from './exchange/response-writer.ts';
import type { PeerSeries } from './record/peer-series.ts';
import { type ServiceRef, UNKNOWN_IDENTITY } from './snapshot.ts';
import type { Cluster } from './upstream/cluster.ts';
import type { Endpoint } from './upstream/endpoint.ts';
import type { Pool } from './upstream/pool.ts';
import { OriginalCluster } from './upstream/original-cluster.ts';

export class EngineParts {
  readonly requests: RequestWriter;
  readonly responses: ResponseWriter;
  readonly originals = new OriginalCluster();
  readonly #context: Context;
  readonly #unrouted = new Map<string, PeerSeries>();

  constructor(context: Context) {
    this.#context = context;
    this.requests = new RequestWriter(context);
    this.responses = new ResponseWriter(context);
  }

  /** Where a captured connection was going, with whoever of this node is there. */
  originalEndpoint(origin: CapturedOrigin): Endpoint {
    const { ip, port } = origin.destination;
    const callee = origin.kind === 'inbound' ? origin.workload : this.#context.runtime.workloadAt(ip);
    const local = origin.kind === 'inbound' ? null : (callee?.key ?? null);
    return this.originals.endpoint(ip, port, callee?.identity ?? UNKNOWN_IDENTITY, local);
  }

  /** The caller's record; on the inbound side of a pod, where the caller is not ours, it is the callee's. */
  clientSeries(pool: Pool, origin: Origin, cluster: Cluster | null, fallbackService: string): PeerSeries {
    return (pool.clientSeries ??= this.#clientSeries(origin, pool.endpoint, cluster, fallbackService));
  }

  /** The callee's record of what a caller of the same node sent it; null when it is not enrolled here. */
  serverSeries(pool: Pool, origin: Origin, cluster: Cluster | null): PeerSeries | null {
    if (pool.endpoint.config.local === null) return null;
    return (pool.serverSeries ??= this.#serverSeries(origin, pool.endpoint, cluster));
  }

  #clientSeries(origin: Origin, endpoint: Endpoint, cluster: Cluster | null, fallbackService: string): PeerSeries {
    const inbound = origin.kind === 'inbound';
    return this.#context.recorder.peers({
      reporter: inbound ? 'destination' : 'source',
      source: origin.identity,
      destination: endpoint.config.identity,
      service: inbound ? this.#serviceAt(origin) : (cluster?.config.service ?? null),
      fallbackService,
    });
  }

  #serverSeries(origin: Origin, endpoint: Endpoint, cluster: Cluster | null): PeerSeries {
    return this.#context.recorder.peers({
      reporter: 'destination',
      source: origin.identity,
      destination: endpoint.config.identity,
      service: cluster?.config.service ?? null,
      fallbackService: 'unknown',
    });
  }

  /** Requests that reached no endpoint: no route, no cluster, nobody there. @param cluster the id of the cluster that was meant. */
  unroutedSeries(origin: Origin, cluster: string | null): PeerSeries {
    const key = `${origin.kind}|${origin.workload?.key ?? origin.port}|${cluster ?? ''}`;
    const known = this.#unrouted.get(key);
    if (known !== undefined) return known;
    const series = this.#context.recorder.peers({
      reporter: origin.kind === 'inbound' ? 'destination' : 'source',
      source: origin.identity,
      destination: UNKNOWN_IDENTITY,
      service: cluster === null ? null : (this.#context.runtime.slot(cluster).cluster?.config.service ?? null),
      fallbackService: 'unknown',
    });
    this.#unrouted.set(key, series);
    return series;
  }

  #serviceAt(origin: Origin): ServiceRef | null {
    return origin.workload?.inbound[origin.port]?.service ?? null;
  }
}
