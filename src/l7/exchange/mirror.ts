/**
 * A copy of a request whose answer nobody waits for (HTTPMirrorPolicy). It has its own endpoint and connection; when that
 * connection cannot keep up with the body, the copy is given up, never the original slowed down. Not retried; the route's
 * time-out bounds it. The Host stays as it is, as in today's Istio.
 */
import { Timer } from '../../base/timer-wheel.ts';
import type { Framing, Head } from '../message/head.ts';
import type { Mirror as MirrorConfig } from '../runtime/actions.ts';
import type { ConnectionId } from '../transport.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { EngineParts } from '../engine-parts.ts';
import type { Exchange } from './exchange.ts';
import type { ResponseSink, UpstreamGone, UpstreamStream } from './ports.ts';

export function startMirrors(exchange: Exchange): boolean {
  const { action } = exchange;
  if (action === null || action.kind !== 'forward' || action.mirrors.length === 0) return true;
  for (const mirror of action.mirrors) startMirror(exchange, mirror, action.timeoutMs);
  return true;
}

/** A missing mirror cluster, or one without endpoints, is silently ignored, as Envoy does. */
function startMirror(exchange: Exchange, config: MirrorConfig, timeoutMs: number): void {
  if (exchange.context.random() >= config.threshold) return;
  const cluster = config.slot.cluster;
  const endpoint = cluster?.pick(-1, exchange.context.random, null) ?? null;
  if (cluster === null || endpoint === null) return;
  exchange.addMirror(new Mirror(exchange, cluster, endpoint, timeoutMs));
}

export class Mirror implements ResponseSink {
  readonly #parts: EngineParts;
  readonly #exchange: Exchange;
  readonly #cluster: Cluster;
  readonly #endpoint: Endpoint;
  readonly #startedAt: number;
  readonly #timeout: Timer | null;
  #client: UpstreamStream | null;
  #status = 0;

  constructor(exchange: Exchange, cluster: Cluster, endpoint: Endpoint, timeoutMs: number) {
    const { context, parts } = exchange;
    this.#exchange = exchange;
    this.#parts = parts;
    this.#cluster = cluster;
    this.#endpoint = endpoint;
    this.#startedAt = context.transport.now;
    endpoint.active++;
    context.recorder.mirrored();
    this.#client = context.pools.of(endpoint, exchange.origin.netns, cluster.config.connectTimeoutMs).acquire(false);
    const edits = parts.requests.prepareMirror(exchange, exchange.head);
    this.#client.sendHead(this, exchange.head, edits, exchange.isHead);
    if (!exchange.hasBody) this.#client.finishRequest();
    this.#timeout = timeoutMs > 0 ? new Timer(() => this.#giveUp('UT')) : null;
    if (this.#timeout !== null) context.transport.timers.arm(this.#timeout, timeoutMs);
  }

  sendBody(bytes: Uint8Array, start: number, end: number): void {
    this.#client?.sendBody(bytes, start, end);
  }

  finishRequest(): void {
    this.#client?.finishRequest();
  }

  onInformational(_head: Head): void {}

  onResponseHead(head: Head, _framing: Framing): boolean {
    this.#status = head.status;
    return true;
  }

  onResponseBody(_bytes: Uint8Array, _start: number, _end: number): void {}

  onResponseEnd(): void {
    this.#end(this.#status, '-');
  }

  onUpgraded(head: Head, connection: ConnectionId): void {
    this.#exchange.context.transport.close(connection);
    this.#end(head.status, '-');
  }

  onUpstreamGone(gone: UpstreamGone): void {
    this.#end(gone.answered ? this.#status : 503, gone.connected ? 'UC' : 'UF');
  }

  onUpstreamBlocked(): void {
    this.#giveUp('-');
  }

  onUpstreamDrained(): void {}

  relayTarget(): ConnectionId {
    return -1;
  }

  #giveUp(flag: string): void {
    this.#client?.cancel();
    this.#end(this.#status, flag);
  }

  #end(status: number, flag: string): void {
    if (this.#client === null) return;
    this.#client = null;
    this.#endpoint.active--;
    const { context, origin } = this.#exchange;
    if (this.#timeout !== null) context.transport.timers.disarm(this.#timeout);
    const elapsed = context.transport.now - this.#startedAt;
    const pool = context.pools.of(this.#endpoint, origin.netns, this.#cluster.config.connectTimeoutMs);
    this.#parts.clientSeries(pool, origin, this.#cluster, 'unknown').request(status, flag, elapsed);
    if (flag === '-') this.#parts.serverSeries(pool, origin, this.#cluster)?.request(status, '-', elapsed);
  }
}
