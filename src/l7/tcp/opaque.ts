/**
 * A client's connection that is not HTTP/1: it is passed to where it was going, through the service's load balancing where
 * the address belongs to one, and counted. Bytes that were read to find the protocol go first.
 */
import type { Context } from '../context.ts';
import type { EngineParts } from '../engine-parts.ts';
import type { CapturedOrigin } from '../downstream/origin.ts';
import type { PeerSeries } from '../record/peer-series.ts';
import type { CloseReason, ConnectionHandler, ConnectionId } from '../transport.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import { Tunnel, type TunnelBytes } from './tunnel.ts';

/** What a server did before its client's protocol was known. */
export type EarlyServer =
  { readonly kind: 'spoke'; readonly bytes: Uint8Array } | { readonly kind: 'ended' } | { readonly kind: 'unreachable' };

/** The endpoint of an opaque connection, and the cluster it was taken from. */
interface Target {
  readonly endpoint: Endpoint;
  readonly cluster: Cluster | null;
}

/** Where such a connection goes; null when its service has nobody to take it. */
export function opaqueTarget(context: Context, parts: EngineParts, origin: CapturedOrigin, clusterId: string | null): Target | null {
  if (clusterId !== null) {
    const cluster = context.runtime.slot(clusterId).cluster;
    const endpoint = cluster?.pick(-1, context.random, null) ?? null;
    return endpoint === null ? null : { endpoint, cluster };
  }
  return { endpoint: parts.originalEndpoint(origin), cluster: null };
}

export class OpaqueConnection implements ConnectionHandler {
  readonly #context: Context;
  readonly #parts: EngineParts;
  readonly #origin: CapturedOrigin;
  readonly #target: Target;
  readonly #client: ConnectionId;
  readonly #upstream: ConnectionId;
  readonly #early: (early: EarlyServer) => void;
  #joined = false;

  /**
   * Opens the upstream connection.
   * @param early called when something happens at the server before `join`.
   */
  constructor(
    context: Context,
    parts: EngineParts,
    origin: CapturedOrigin,
    target: Target,
    client: ConnectionId,
    early: (early: EarlyServer) => void,
  ) {
    this.#context = context;
    this.#parts = parts;
    this.#origin = origin;
    this.#target = target;
    this.#client = client;
    this.#early = early;
    const { address, port } = target.endpoint;
    const timeoutMs = target.cluster?.config.connectTimeoutMs ?? context.runtime.mesh.connectTimeoutMs;
    target.endpoint.active++;
    this.#upstream = context.transport.connect({ address, port, netns: origin.netns, mark: context.mark, timeoutMs }, this);
  }

  /** Joins client and server. @param first what the client has sent already. @param ended who has sent FIN already. */
  join(first: Uint8Array | null, ended: 'none' | 'first' | 'second' = 'none'): void {
    if (this.#joined) return;
    this.#joined = true;
    const series = this.#series();
    series.forEach((one) => one.tcp('opened_total', '-'));
    const tunnel = new Tunnel(this.#context, (bytes) => this.#over(series, bytes, first?.length ?? 0));
    if (first !== null) this.#context.send(this.#upstream, first, 0, first.length);
    tunnel.join(this.#client, this.#upstream, ended);
  }

  /** The connection turned out not to be opaque. */
  cancel(): void {
    this.#target.endpoint.active--;
    this.#context.transport.close(this.#upstream);
  }

  onConnect(): void {}

  onData(start: number, end: number): void {
    this.#early({ kind: 'spoke', bytes: this.#context.transport.arena.slice(start, end) });
  }

  onEnd(): void {
    this.#early({ kind: 'ended' });
  }

  onClose(_reason: CloseReason): void {
    this.#target.endpoint.active--;
    this.#early({ kind: 'unreachable' });
  }

  onBlocked(): void {}
  onDrained(): void {}
  onRelayed(): void {}

  #over(series: readonly PeerSeries[], bytes: TunnelBytes, first: number): void {
    this.#target.endpoint.active--;
    for (const one of series) {
      one.tcpBytes(bytes.backward, bytes.forward + first, '-');
      one.tcp('closed_total', '-');
    }
  }

  #series(): readonly PeerSeries[] {
    const { endpoint, cluster } = this.#target;
    const pool = this.#context.pools.of(endpoint, this.#origin.netns, 0);
    const client = this.#parts.clientSeries(pool, this.#origin, cluster, 'PassthroughCluster');
    const server = this.#parts.serverSeries(pool, this.#origin, cluster);
    return server === null ? [client] : [client, server];
  }
}
