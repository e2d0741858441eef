/**
 * A copy of a request whose answer nobody reads (HTTPMirrorPolicy): an attempt that passes nothing on. It has its own endpoint and
 * connection. If the connection cannot keep up with the body, or there is none at once, the copy is given up: it never slows the
 * original down. Not retried; the route's timeout bounds it. The Host stays as it is, as in today's Istio.
 */
import type { Head } from '../message/head.ts';
import type { LocalReply } from '../message/local-reply.ts';
import { OUTCOME, type Outcome } from '../message/outcome.ts';
import { type DetachedConnection, NOT_RAW, type StreamFailure, type Trailers, type UpstreamStream } from '../message/stream.ts';
import type { ForwardAction } from '../runtime/actions.ts';
import type { Address, ConnectionId } from '../transport.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import { Attempt, type AttemptSink } from './attempt.ts';
import type { BodyTap } from './body-tap.ts';
import type { Exchange } from './exchange.ts';
import { requestOps } from './header-values.ts';
import type { MetricsConfig } from '../config/telemetry.ts';
import { type ExchangeRecord, NO_TAGS } from '../record/exchange-record.ts';
import { recordOf } from './fill-record.ts';

/** A missing mirror cluster, or one without endpoints, is silently ignored, as Envoy does. */
export function startMirrors(exchange: Exchange, { mirrors, timeoutMs }: ForwardAction): void {
  const { tools, origin } = exchange;
  for (const { slot, share } of mirrors) {
    if (!exchange.drawn(share)) continue;
    const { cluster } = slot;
    const endpoint = cluster === null ? null : tools.pools.guards.pick(cluster, -1, origin, null);
    if (cluster !== null && endpoint !== null) exchange.addMirror(new Mirror(exchange, cluster, endpoint, timeoutMs));
  }
}

class Mirror implements AttemptSink, BodyTap {
  requestBytes = 0;
  responseBytes = 0;
  responseHeadBytes = 0;
  readonly requestHeadBytes: number;
  readonly #exchange: Exchange;
  readonly #attempt: Attempt;

  /** Only while the exchange's head is the parsed one. */
  constructor(exchange: Exchange, cluster: Cluster, endpoint: Endpoint, timeoutMs: number) {
    const { tools, origin } = exchange;
    this.#exchange = exchange;
    this.requestHeadBytes = exchange.requestHeadBytes;
    tools.recorder.mirrored();
    this.#attempt = new Attempt(tools, this, origin, cluster, endpoint);
    this.#attempt.begin(timeoutMs);
    if (this.#attempt.stream === null) this.#end(OUTCOME.givenUp);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    this.requestBytes += end - start;
    this.#attempt.stream?.data(bytes, start, end);
  }

  finish(trailers: Trailers): void {
    this.#attempt.stream?.end(trailers);
  }

  /** Nobody counts what a copy is answered. */
  readonly grpc = null;

  get clientAddress(): Address {
    return this.#exchange.clientAddress;
  }

  get idempotent(): boolean {
    return this.#exchange.idempotent;
  }

  get clientHttp2(): boolean {
    return this.#exchange.clientHttp2;
  }

  onStream(attempt: Attempt, stream: UpstreamStream): void {
    const exchange = this.#exchange;
    const { forward } = exchange;
    const { requests } = exchange.tools;
    exchange.expectedMs = exchange.timeFor(attempt);
    const changes = requests.prepare(exchange, exchange.head, requestOps(exchange), forward?.rewrite ?? null);
    stream.head(attempt, exchange.head, changes, exchange.requestLength, exchange);
  }

  onInformational(_head: Head): void {}

  onHead(attempt: Attempt, head: Head): boolean {
    attempt.answered = true;
    this.responseHeadBytes = head.end - head.start;
    return true;
  }

  onData(_bytes: Uint8Array, start: number, end: number): void {
    this.responseBytes += end - start;
  }

  onMoved(bytes: number): void {
    this.responseBytes += bytes;
  }

  onEnd(): void {
    this.#end(OUTCOME.completed);
  }

  onUpgraded(_attempt: Attempt, _head: Head, connection: DetachedConnection | null): void {
    if (connection !== null) this.#exchange.tools.transport.close(connection.id);
    connection?.released?.();
    this.#end(OUTCOME.upgraded);
  }

  onFailed(_attempt: Attempt, { outcome }: StreamFailure): void {
    this.#end(outcome);
  }

  calleeRefused(attempt: Attempt, reply: LocalReply): void {
    this.#end(reply.outcome, () => attempt.endRefused(reply));
  }

  tellCallee(record: ExchangeRecord, local: string): void {
    const { runtime } = this.#exchange.tools;
    this.#rule(record, runtime.workloads.get(local)?.telemetry?.inbound.metrics);
  }

  onFault(error: unknown, doing: string): void {
    this.#exchange.tools.fault(error, doing);
    this.#end(OUTCOME.fault);
  }

  onBlocked(): void {
    this.#end(OUTCOME.givenUp);
  }

  onDrained(): void {}

  rawTarget(): ConnectionId {
    return NOT_RAW;
  }

  #end(outcome: Outcome, endAttempt = (): void => this.#attempt.giveUp(outcome)): void {
    const attempt = this.#attempt;
    if (attempt.over) return;
    endAttempt();
    const { recorder, transport } = this.#exchange.tools;
    const record = recordOf(this.#exchange, attempt);
    record.attempts = 1;
    record.outcome = outcome;
    record.status = attempt.answered ? attempt.status : outcome.status;
    record.flags = outcome.flags;
    record.requestBytes = this.requestBytes;
    record.requestHeadBytes = this.requestHeadBytes;
    record.responseBytes = this.responseBytes;
    record.responseHeadBytes = this.responseHeadBytes;
    record.startedAt = record.sentAt = attempt.startedAt;
    record.answeredAt = 0;
    record.endedAt = transport.now;
    this.#rule(record, this.#exchange.origin.telemetry?.metrics);
    recorder.exchange(record);
  }

  /** Nobody has noted the copy: what its request said is not known any more. */
  #rule(record: ExchangeRecord, metrics: MetricsConfig | undefined): void {
    const policy = this.#exchange.tools.tellings.metrics.of(metrics);
    record.rules = policy;
    record.tags = policy?.unknownTags ?? NO_TAGS;
  }
}
