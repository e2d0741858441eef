/**
 * One attempt to get a request answered: an endpoint, a stream there, and how it ends. A retry is another attempt, and a
 * mirrored copy is one whose answer nobody reads.
 *
 *     waiting for a stream ──onStream──▶ sent ──onHead──▶ answered ──onEnd──▶ over
 *              │ refused                  │ failed, given up, timed out  │ broken off
 *              └──────────────────────────┴──────────────▶ over ◀────────┘
 *
 * One that is over may be aimed again, by an owner who knows that nobody else holds it.
 *
 * Invariants (test/l7/exchange/exchange.test.ts; the callee's records: test/l7/engine/stages.test.ts):
 *  1. the endpoint's `active` goes up once and down once;
 *  2. an attempt that is over holds no stream, place in a queue or timer, and its sink hears nothing more of it;
 *  3. a callee of this node records each attempt that reached it, once.
 */
import { Timer } from '../../base/timer-wheel.ts';
import type { Head } from '../message/head.ts';
import { type LocalReply, REPLY } from '../message/local-reply.ts';
import { httpStatusOfGrpc } from '../message/grpc-status.ts';
import { H } from '../message/header-names.ts';
import { Failing, Flag, OUTCOME, type Outcome } from '../message/outcome.ts';
import type { DetachedConnection, ResponseSink, StreamFailure, Trailers, UpstreamStream } from '../message/stream.ts';
import { type ExchangeRecord, NO_TAGS } from '../record/exchange-record.ts';
import { ConnectionStream } from '../tcp/connection-stream.ts';
import { proxyHeader } from '../tcp/proxy-protocol.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { Guard } from '../upstream/guards.ts';
import type { StreamPool, StreamUser } from '../upstream/stream-pool.ts';
import type { Address, ConnectionId } from '../transport.ts';
import type { GrpcCall } from './grpc-call.ts';
import { noteGrpc } from './note-grpc.ts';
import type { Origin } from './origin.ts';
import { calleeLimits, CalleePlace, type PlaceUser } from './callee-place.ts';
import type { ExchangeTools } from './tools.ts';
import type { AttemptTrace } from './trace.ts';
import { speaksHttp2 } from './upstream-wire.ts';

/** What has been carried so far, in bytes. */
export interface Carried {
  readonly requestBytes: number;
  readonly requestHeadBytes: number;
  readonly responseBytes: number;
  readonly responseHeadBytes: number;
}

/** Whoever makes the attempt: gets what the stream says, with the attempt that it belongs to. */
export interface AttemptSink extends Carried {
  /** The request came over HTTP/2. */
  readonly clientHttp2: boolean;
  /** The request may be sent again. */
  readonly idempotent: boolean;
  readonly grpc: GrpcCall | null;
  /** Who has connected. */
  readonly clientAddress: Address;
  /** A stream is there: the request is to be sent. */
  onStream(attempt: Attempt, stream: UpstreamStream): void;
  onInformational(head: Head): void;
  /** @returns false when the response is not wanted. */
  onHead(attempt: Attempt, head: Head, length: number): boolean;
  onData(bytes: Uint8Array, start: number, end: number): void;
  onMoved(bytes: number): void;
  onEnd(attempt: Attempt, trailers: Trailers): void;
  onUpgraded(attempt: Attempt, head: Head, connection: DetachedConnection | null): void;
  /** It ended without a whole response. `attempt.answered` says whether part of one was passed on. */
  onFailed(attempt: Attempt, failure: StreamFailure): void;
  /** The callee's own rules have answered in its place. */
  calleeRefused(attempt: Attempt, reply: LocalReply): void;
  /** The access log of a callee of this node, for its record. */
  /** @param record of the callee, filled. */
  tellCallee(record: ExchangeRecord, local: string): void;
  /** An exception while one of these was served. */
  onFault(error: unknown, doing: string): void;
  onBlocked(): void;
  onDrained(): void;
  rawTarget(): ConnectionId;
}

export class Attempt implements ResponseSink, StreamUser, PlaceUser {
  endpoint: Endpoint;
  /** Null: the endpoint is the original destination. */
  cluster: Cluster | null;
  /** Milliseconds on the transport's clock. */
  startedAt = 0;
  stream: UpstreamStream | null = null;
  /** The head of a response has been passed on. */
  answered = false;
  status = 0;
  over = false;
  /** Null: it has no spans of its own. */
  trace: AttemptTrace | null = null;
  readonly #tools: ExchangeTools;
  readonly #sink: AttemptSink;
  readonly #origin: Origin;
  #again: boolean;
  #pool: StreamPool | null = null;
  /** At a callee of this node whose own rules limit what its callers have of it; null nearly always. */
  #place: CalleePlace | null = null;
  /** A stream is there, but no place yet. */
  #held: UpstreamStream | null = null;
  #timer: Timer | null = null;
  /** When the head of a response came; 0: none did. */
  #answeredAt = 0;

  constructor(tools: ExchangeTools, sink: AttemptSink, origin: Origin, cluster: Cluster | null, endpoint: Endpoint, fresh = false) {
    this.#tools = tools;
    this.#sink = sink;
    this.#origin = origin;
    this.cluster = cluster;
    this.endpoint = endpoint;
    this.#again = fresh;
    this.#count();
  }

  /** Makes another attempt of this one, which is over. */
  aim(cluster: Cluster | null, endpoint: Endpoint, fresh: boolean): void {
    this.cluster = cluster;
    this.endpoint = endpoint;
    this.#again = fresh;
    this.answered = this.over = false;
    this.status = this.#answeredAt = 0;
    this.trace = null;
    this.#count();
  }

  get cautious(): boolean {
    return !this.#sink.idempotent;
  }

  /** Read per attempt: a change of the configuration holds for the next one. */
  get connectTimeoutMs(): number {
    return this.cluster?.config.connectTimeoutMs ?? this.#tools.runtime.mesh.connectTimeoutMs;
  }

  /** Not on a connection that has been kept: one was dead, or the endpoint is to know whose it is. */
  get fresh(): boolean {
    return this.#again || this.cluster?.config.proxyProtocol !== undefined;
  }

  get introduction(): Uint8Array | null {
    const version = this.cluster?.config.proxyProtocol;
    return version === undefined ? null : proxyHeader(version, this.#sink.clientAddress, this.#origin.localAddress);
  }

  /** What is known of its client at the cluster, where rules ask for that. */
  get guard(): Guard | null {
    return this.cluster === null ? null : this.#tools.pools.guards.of(this.cluster, this.#origin.client);
  }

  /** Asks for a stream; the sink hears of it, at once or later. @param timeoutMs of the whole attempt; 0: none. */
  begin(timeoutMs: number): void {
    if (timeoutMs > 0) {
      this.#timer = new Timer(() => this.#onTimeout());
      this.#tools.transport.timers.arm(this.#timer, timeoutMs);
    }
    const { pools, http2Pools } = this.#tools;
    const { cluster, endpoint } = this;
    const { netns } = this.#origin;
    const http2 = this.#speaksHttp2();
    const guard = cluster?.config.pool === undefined ? null : this.guard;
    const pool = (http2 ? http2Pools : pools).of(endpoint, netns, guard, cluster);
    this.#pool = pool;
    pool.acquire(this);
  }

  #speaksHttp2(): boolean {
    const { clientHttp2 } = this.#sink;
    // The common case, and nothing is made for it.
    if (this.cluster !== null && this.cluster.config.wire === undefined) return false;
    const { workloads } = this.#tools.runtime;
    return speaksHttp2({ cluster: this.cluster, endpoint: this.endpoint, origin: this.#origin, clientHttp2, workloads });
  }

  /** Nobody wants its answer any more. @param code of HTTP/2 for the reason, where there is one. */
  giveUp(outcome: Outcome, code?: number): void {
    if (this.over) return;
    const { stream } = this;
    if (stream === null) this.#pool?.cancel(this);
    this.end(outcome);
    stream?.reset(code);
  }

  /** The peer's connection has become a tunnel, whose other side is a stream. */
  carry(connection: DetachedConnection): void {
    this.stream = new ConnectionStream(this.#tools.transport, this, connection);
  }

  end(outcome: Outcome): void {
    if (this.over) return;
    this.#leave();
    const { failing } = outcome;
    if (failing !== Failing.No) this.guard?.outliers.failed(this.endpoint, failing !== Failing.Connect, failing === Failing.Slow);
    if (this.trace !== null) this.trace.over(this.status === 0 ? outcome.status : this.status, outcome.flags);
    if (outcome.reached) this.#recordCallee(outcome, this.status === 0 ? outcome.status : this.status, outcome.flags & Flag.DC);
  }

  /** The callee's policy has answered. */
  endRefused({ outcome, status }: LocalReply): void {
    if (this.over) return;
    this.#leave();
    this.guard?.outliers.answered(this.endpoint, status);
    if (this.trace !== null) this.trace.over(status, outcome.flags);
    this.#recordCallee(outcome, status, outcome.flags);
  }

  /** It only found that a kept connection was dead. */
  endStale(): void {
    this.#leave();
  }

  // ── from the pool and the stream ──────────────────────────────────────────────────────────────────────────────

  onStream(stream: UpstreamStream): void {
    const limits = this.endpoint.config.local === null ? null : calleeLimits(this.#tools.callees, this.endpoint);
    if (limits === null) return this.#send(stream);
    stream.hold(this);
    this.#held = stream;
    this.#place = new CalleePlace(limits, stream.exclusive, this);
    this.#place.begin();
  }

  onPlace(): void {
    const stream = this.#held;
    this.#held = null;
    if (stream !== null) this.#send(stream);
  }

  /** As the proxy of the callee would answer: it has the request in its own record. */
  onNoPlace(): void {
    this.#sink.calleeRefused(this, REPLY.overflow);
  }

  #send(stream: UpstreamStream): void {
    this.stream = stream;
    this.#sink.onStream(this, stream);
  }

  onRefused(outcome: Outcome, elsewhere = false): void {
    if (!this.over) this.#fail({ outcome, stale: false, elsewhere });
  }

  onInformational(head: Head): void {
    if (!this.over && !this.answered) this.#sink.onInformational(head);
  }

  onHead(head: Head, length: number): boolean {
    if (this.over) return false;
    this.#stopTimer();
    this.status = head.status;
    this.#answeredAt = this.#tools.transport.now;
    this.#sink.grpc?.onHead(head);
    this.guard?.outliers.answered(this.endpoint, judgedStatus(head));
    try {
      return this.#sink.onHead(this, head, length);
    } catch (error) {
      this.#sink.onFault(error, 'passing on the head of a response');
      return false;
    }
  }

  onData(bytes: Uint8Array, start: number, end: number): void {
    if (this.over) return;
    this.#sink.grpc?.received.add(bytes, start, end);
    try {
      this.#sink.onData(bytes, start, end);
    } catch (error) {
      this.#sink.onFault(error, 'passing on the body of a response');
    }
  }

  onMoved(bytes: number): void {
    if (!this.over) this.#sink.onMoved(bytes);
  }

  onEnd(trailers: Trailers): void {
    if (this.over) return;
    this.#sink.grpc?.onTrailers(trailers);
    try {
      this.#sink.onEnd(this, trailers);
    } catch (error) {
      this.#sink.onFault(error, 'ending a response');
    }
  }

  onUpgraded(head: Head, connection: DetachedConnection | null): void {
    if (this.over) return;
    this.status = head.status;
    this.guard?.outliers.answered(this.endpoint, head.status);
    try {
      this.#sink.onUpgraded(this, head, connection);
    } catch (error) {
      this.#sink.onFault(error, 'opening a tunnel');
    }
  }

  onFailed(failure: StreamFailure): void {
    if (!this.over) this.#fail(failure);
  }

  onBlocked(): void {
    if (!this.over) this.#sink.onBlocked();
  }

  onDrained(): void {
    if (!this.over) this.#sink.onDrained();
  }

  rawTarget(): ConnectionId {
    return this.#sink.rawTarget();
  }

  // ── pieces ────────────────────────────────────────────────────────────────────────────────────────────────────

  #onTimeout(): void {
    const { stream } = this;
    if (stream === null) this.#pool?.cancel(this);
    this.stream = null;
    stream?.reset();
    this.#fail({ outcome: OUTCOME.perTryTimeout, stale: false });
  }

  #fail(failure: StreamFailure): void {
    try {
      this.#sink.onFailed(this, failure);
    } catch (error) {
      this.#sink.onFault(error, 'handling a failed attempt');
    }
  }

  #count(): void {
    this.startedAt = this.#tools.transport.now;
    this.endpoint.active++;
    // Its callee gets the request anew.
    if (this.#sink.grpc !== null) this.#sink.grpc.countedByCallee.sent = 0;
  }

  #leave(): void {
    const held = this.#held;
    this.over = true;
    this.stream = this.#held = null;
    this.endpoint.active--;
    this.#stopTimer();
    this.#place?.free();
    this.#place = null;
    held?.unused();
  }

  /** It ends, and a tunnel stays in its place. @returns what is to be called when that ends. */
  becomeTunnel(): () => void {
    const { endpoint } = this;
    const place = this.#place;
    this.#place = null;
    endpoint.active++;
    return () => {
      endpoint.active--;
      place?.free();
    };
  }

  #stopTimer(): void {
    if (this.#timer !== null) this.#tools.transport.timers.disarm(this.#timer);
  }

  /** The peers as the proxy of a callee that is enrolled on this node would record them, and the messages that it has not counted. */
  calleeRecord(): ExchangeRecord {
    const { record } = this.#tools;
    const { config } = this.endpoint;
    record.reporter = 'destination';
    record.log = record.rules = null;
    record.tags = NO_TAGS;
    record.traceId = '';
    record.caller = this.#origin.identity;
    record.callee = config.identity;
    record.service = this.cluster?.config.service ?? null;
    record.fallbackService = 'unknown';
    record.route = null;
    record.cluster = null;
    record.endpointAddress = config.address;
    record.endpointPort = config.port;
    noteGrpc(record, this.#sink.grpc, this.#sink.grpc?.countedByCallee);
    return record;
  }

  #recordCallee(outcome: Outcome, status: number, flags: number): void {
    const { local } = this.endpoint.config;
    if (local === null) return;
    const record = this.calleeRecord();
    const { recorder, transport } = this.#tools;
    record.attempts = 1;
    record.outcome = outcome;
    record.status = status;
    record.flags = flags;
    record.requestBytes = this.#sink.requestBytes;
    record.requestHeadBytes = this.#sink.requestHeadBytes;
    record.responseBytes = this.#sink.responseBytes;
    record.responseHeadBytes = this.#sink.responseHeadBytes;
    record.startedAt = record.sentAt = this.startedAt;
    record.answeredAt = this.#answeredAt;
    record.endedAt = transport.now;
    this.#sink.tellCallee(record, local);
    recorder.exchange(record);
  }
}

/** An error of gRPC comes with a status of 200. */
function judgedStatus(head: Head): number {
  const grpc = head.find(H['grpc-status']);
  return grpc < 0 ? head.status : httpStatusOfGrpc(Number(head.value(grpc)));
}
