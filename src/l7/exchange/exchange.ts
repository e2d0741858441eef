/**
 * One request and its response, whatever wires carry them. The stages of `stack.ts` decide what is done; this object holds
 * the state, carries bodies across, tries again, and leaves a record.
 *
 *     idle ─begin─▶ routing ─tryUpstream─▶ waiting ─response head─▶ answering ─end─▶ idle
 *                      │                    ▲   │ failed, or a status to retry       │
 *                      │ refuse             │   ▼                                    │ upstream broke off: abort
 *                      ▼                    backing off ── timed out ──▶ refuse      ▼
 *                     idle                                                          idle
 *
 * Invariants (test/l7/engine/exchange.test.ts): every exchange is recorded once; after it has ended it holds no connection, timer
 * or kept head; an endpoint's `active` goes up and down once per try; nothing is tried again after the head of a response has
 * been passed on, or when a part of the body could not be kept.
 */
import { Timer } from '../../base/timer-wheel.ts';
import type { Context } from '../context.ts';
import type { Origin } from '../downstream/origin.ts';
import { Framing, type Head } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import { isIdempotent, isMethod } from '../message/methods.ts';
import { parseRequestHead } from '../http1/parser.ts';
import type { Action, Destination, PathRewrite } from '../runtime/actions.ts';
import type { HeaderOps } from '../runtime/header-ops.ts';
import type { ConnectionId } from '../transport.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { Pool } from '../upstream/pool.ts';
import { Tunnel } from '../tcp/tunnel.ts';
import type { EngineParts } from '../engine-parts.ts';
import { KeptHead } from './head-store.ts';
import { KeptBody } from './kept-body.ts';
import { afterRetries, REPLY, replyFor, type LocalReply } from './local-reply.ts';
import type { Mirror } from './mirror.ts';
import type { Downstream, ResponseSink, UpstreamGone, UpstreamStream } from './ports.ts';
import { RequestId } from './request-id.ts';
import { Failure, type RetryPolicy } from './retry-policy.ts';

/** @returns whether the next stage is to run. */
export type Stage = (exchange: Exchange) => boolean;

/** An arbitrary key for requests that a cookie-hash policy sees for the first time. */
const COOKIE_DIGITS = 8;

export class Exchange implements ResponseSink {
  readonly context: Context;
  readonly origin: Origin;
  readonly requestId = new RequestId();
  /** The parsed request; only while stages run. */
  head: Head;
  action: Action | null = null;
  retry: RetryPolicy | null = null;
  /** Bytes of the path that a prefix match covered. */
  matchedPrefix = 0;
  isHead = false;
  hasBody = false;
  /** Number of the current try, from 1. */
  attempt = 0;
  readonly parts: EngineParts;
  readonly #down: Downstream;
  readonly #kept = new KeptHead();
  readonly #body: KeptBody;
  #destination: Destination | null = null;
  #cluster: Cluster | null = null;
  /** Set instead of a cluster when the request keeps its original destination. */
  #fixedEndpoint: Endpoint | null = null;
  #fallbackService = 'unknown';
  #hash = -1;
  #cookie: string | null = null;
  /** Of the current try, or of the last one. */
  #endpoint: Endpoint | null = null;
  #trying = false;
  #tried: Endpoint[] | null = null;
  #pool: Pool | null = null;
  #client: UpstreamStream | null = null;
  #mirrors: Mirror[] | null = null;
  #startedAt = 0;
  #triedAt = 0;
  #idempotent = false;
  #requestComplete = false;
  #staleRetried = false;
  #answered = false;
  #active = false;
  #retriesUsedUp = false;
  #status = 0;
  #timeoutMs = 0;
  // Most exchanges need no timer: they are made when one is armed first.
  #timeout: Timer | null = null;
  #wait: Timer | null = null;
  /** What `#wait` is for. */
  #waitingFor: 'response' | 'retry' = 'response';

  constructor(context: Context, parts: EngineParts, origin: Origin, down: Downstream) {
    this.context = context;
    this.parts = parts;
    this.origin = origin;
    this.#down = down;
    this.head = context.requestHead;
    this.#body = new KeptBody(context.limits.retryBufferBytes);
  }

  get active(): boolean {
    return this.#active;
  }

  /** Runs the stages for a request whose head has just been parsed into the context's request head. */
  begin(head: Head, framing: Framing): void {
    this.#reset(head, framing);
    this.context.heads.keep(this.#kept, head.bytes, head.start, head.end);
    this.requestId.renew(this.context.random);
    this.#runStages();
  }

  onRequestBody(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#active) return;
    this.#body.add(bytes, start, end);
    this.#client?.sendBody(bytes, start, end);
    if (this.#mirrors !== null) for (const mirror of this.#mirrors) mirror.sendBody(bytes, start, end);
    // Between two tries nothing takes the body, and it can only be sent from what is kept.
    if (this.#client === null && this.#body.kept > this.context.limits.retryBufferBytes / 2) this.#down.pauseBody();
  }

  onRequestEnd(): void {
    if (!this.#active) return;
    this.#requestComplete = true;
    this.#client?.finishRequest();
    if (this.#mirrors !== null) for (const mirror of this.#mirrors) mirror.finishRequest();
    if (this.#timeoutMs > 0) this.context.transport.timers.arm((this.#timeout ??= new Timer(() => this.#onTimeout())), this.#timeoutMs);
  }

  /** Where the rest of a long request body may be relayed to in the kernel, or -1. */
  requestRelayTarget(): ConnectionId {
    if (!this.#active || this.#client === null || this.#mirrors !== null || this.#body.keeping) return -1;
    return this.#client.relayTarget;
  }

  /** The client is gone: nothing more is wanted. */
  abandon(): void {
    if (!this.#active) return;
    this.#client?.cancel();
    this.#endTry(0, 'DC');
    this.#record(this.#answered ? this.#status : 0, 'DC');
    this.#clear();
  }

  onDownstreamBlocked(): void {
    this.#client?.pause();
  }

  onDownstreamDrained(): void {
    this.#client?.resume();
  }

  // ── stages ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Answers with a response of our own. Returns false: no further stage runs. */
  refuse(reply: LocalReply, ops: HeaderOps | null = null): false {
    const { status, flag } = reply;
    this.#record(status, flag);
    this.#clear();
    this.#down.sendLocal(reply, ops);
    return false;
  }

  /** Inside the mesh X-Forwarded-Proto tells the scheme, as Envoy believes it there. */
  scheme(): 'http' | 'https' {
    const index = this.origin.kind === 'gateway' ? -1 : this.head.find(H['x-forwarded-proto']);
    return index >= 0 && this.head.value(index) === 'https' ? 'https' : 'http';
  }

  useOriginalDestination(fallbackService: string): void {
    const { origin } = this;
    if (origin.kind === 'gateway') return;
    this.#fallbackService = fallbackService;
    this.#fixedEndpoint = this.parts.originalEndpoint(origin);
  }

  chooseDestination(): boolean {
    const { action } = this;
    if (action === null || action.kind !== 'forward') return true;
    this.retry = action.retry;
    this.#timeoutMs = action.timeoutMs;
    this.#destination = action.choose(this.context.random());
    this.#cluster = this.#destination.slot.cluster;
    if (this.#cluster === null) return this.refuse(REPLY.clusterNotFound);
    if (this.#cluster.hash !== null) this.#hashRequest(this.#cluster);
    return true;
  }

  /**
   * Takes an endpoint and a connection, and sends the head (and what is kept of the body).
   * @param again the endpoint to use, on a new connection: a kept one has just turned out to be dead.
   */
  tryUpstream(again: Endpoint | null = null): boolean {
    const endpoint = again ?? this.#fixedEndpoint ?? this.#pickEndpoint();
    if (endpoint === null) return this.refuse(REPLY.noHealthyUpstream);
    const { context } = this;
    this.attempt++;
    this.#endpoint = endpoint;
    this.#trying = true;
    endpoint.active++;
    const connectTimeout = this.#cluster?.config.connectTimeoutMs ?? context.runtime.mesh.connectTimeoutMs;
    this.#pool = context.pools.of(endpoint, this.origin.netns, connectTimeout);
    const client = this.#pool.acquire(again !== null);
    this.#client = client;
    this.#triedAt = context.transport.now;
    const edits = this.parts.requests.prepare(this, this.head, this.#destination?.request ?? null, this.#rewrite());
    client.sendHead(this, this.head, edits, this.isHead);
    this.#sendKeptBody(client);
    const perTry = this.retry?.perTryTimeoutMs ?? 0;
    if (perTry > 0 && (this.#timeoutMs === 0 || perTry < this.#timeoutMs)) {
      this.#waitFor('response', perTry);
    }
    return true;
  }

  addMirror(mirror: Mirror): void {
    (this.#mirrors ??= []).push(mirror);
  }

  // ── the upstream side ─────────────────────────────────────────────────────────────────────────────────────────

  onInformational(head: Head): void {
    this.#down.sendInformational(head);
  }

  onResponseHead(head: Head, framing: Framing): boolean {
    const { transport } = this.context;
    this.#stopWaiting();
    if (this.#retriesThis(head)) {
      this.#endTry(head.status, '-');
      this.#client = null;
      this.#retryLater();
      return false;
    }
    this.#answered = true;
    this.#status = head.status;
    const ops = this.#destination?.response ?? null;
    const server = this.origin.kind === 'outbound' ? 'envoy' : 'istio-envoy';
    const edits = this.parts.responses.prepare(head, ops, server, transport.now - this.#startedAt, this.#cookie);
    this.#down.sendHead(head, edits, framing);
    return this.#active;
  }

  onResponseBody(bytes: Uint8Array, start: number, end: number): void {
    this.#down.sendBody(bytes, start, end);
  }

  onResponseEnd(): void {
    this.#client = null;
    const flag = this.#retriesUsedUp ? 'URX' : '-';
    this.#endTry(this.#status, '-');
    this.#record(this.#status, flag);
    this.#clear();
    this.#down.finish();
  }

  onUpgraded(head: Head, connection: ConnectionId, bytes: Uint8Array, start: number, end: number): void {
    this.#status = head.status;
    const edits = this.parts.responses.prepare(head, null, 'envoy', this.context.transport.now - this.#startedAt, null);
    this.#down.sendHead(head, edits, Framing.None);
    const client = this.#down.detach();
    this.#client = null;
    const endpoint = this.#endpoint;
    if (endpoint !== null) endpoint.active++;
    this.#endTry(head.status, '-');
    this.#record(head.status, '-');
    this.#clear();
    const tunnel = new Tunnel(this.context, () => {
      if (endpoint !== null) endpoint.active--;
    });
    tunnel.join(client.id, connection);
    if (client.early !== null) this.context.send(connection, client.early, 0, client.early.length);
    if (end > start) this.context.send(client.id, bytes, start, end);
  }

  onUpstreamGone(gone: UpstreamGone): void {
    this.#client = null;
    this.#stopWaiting();
    if (gone.answered) {
      this.#endTry(this.#status, 'UC');
      this.#record(this.#status, 'UC');
      this.#clear();
      this.#down.abort();
      return;
    }
    if (this.#retriesStale(gone)) return;
    const reply = replyFor(gone);
    this.#endTry(reply.status, reply.flag);
    this.#fail(gone.connected ? Failure.Reset : Failure.Connect, gone.connected, reply);
  }

  onUpstreamBlocked(): void {
    this.#down.pauseBody();
  }

  onUpstreamDrained(): void {
    this.#down.resumeBody();
  }

  relayTarget(): ConnectionId {
    return this.#down.relayTarget();
  }

  // ── trying again ──────────────────────────────────────────────────────────────────────────────────────────────

  get #replayable(): boolean {
    return !this.hasBody || this.#body.keeping;
  }

  /** A kept connection that turns out to be dead is no fault of the endpoint: idempotent requests get one fresh one (RFC 9110 §9.2.2). */
  #retriesStale(gone: UpstreamGone): boolean {
    const stale = gone.reused && !gone.received && !gone.protocolError;
    if (!stale || this.#staleRetried || !this.#idempotent || !this.#replayable) return false;
    this.#staleRetried = true;
    this.context.recorder.staleRetried();
    const endpoint = this.#endpoint as Endpoint;
    endpoint.active--;
    this.#trying = false;
    this.attempt--;
    this.#parseAgain();
    this.tryUpstream(endpoint.removed ? null : endpoint);
    return true;
  }

  #retriesThis(head: Head): boolean {
    const { retry } = this;
    if (retry === null || !retry.looksAtResponses || head.status === 101) return false;
    const grpc = head.find(H['grpc-status']);
    const grpcStatus = grpc < 0 ? -1 : Number(head.value(grpc));
    if (!retry.retriesResponse(head.status, grpcStatus, head.has(H['x-envoy-ratelimited']))) return false;
    this.#retriesUsedUp = this.attempt > retry.attempts;
    return !this.#retriesUsedUp && this.#replayable;
  }

  #fail(failure: Failure, sent: boolean, reply: LocalReply): void {
    const { retry } = this;
    if (retry !== null && retry.retriesFailure(failure, sent)) {
      if (this.attempt <= retry.attempts && this.#replayable) return this.#retryLater();
      if (this.attempt > retry.attempts) reply = afterRetries(reply);
    }
    this.refuse(reply);
  }

  #retryLater(): void {
    const { retry } = this;
    if (retry === null) return;
    if (retry.avoidPreviousHosts && this.#endpoint !== null) (this.#tried ??= []).push(this.#endpoint);
    this.context.recorder.retried();
    this.#waitFor('retry', retry.backoff(this.attempt, this.context.random()));
  }

  #waitFor(what: 'response' | 'retry', delayMs: number): void {
    this.#waitingFor = what;
    this.context.transport.timers.arm((this.#wait ??= new Timer(() => this.#onWaited())), delayMs);
  }

  #stopWaiting(): void {
    if (this.#wait !== null) this.context.transport.timers.disarm(this.#wait);
  }

  #onWaited(): void {
    if (this.#waitingFor === 'retry') {
      this.#parseAgain();
      this.tryUpstream();
      if (this.#active && !this.#requestComplete) this.#down.resumeBody();
      return;
    }
    this.#client?.cancel();
    this.#client = null;
    this.#endTry(REPLY.perTryTimeout.status, 'UT');
    this.#fail(Failure.PerTryTimeout, true, REPLY.perTryTimeout);
  }

  #onTimeout(): void {
    this.#client?.cancel();
    this.#client = null;
    this.#endTry(REPLY.timeout.status, 'UT');
    if (!this.#answered) {
      this.refuse(REPLY.timeout);
      return;
    }
    this.#record(this.#status, 'UT');
    this.#clear();
    this.#down.abort();
  }

  /** The parsed head has been used for other requests meanwhile. */
  #parseAgain(): void {
    const { bytes, start, length } = this.#kept;
    const head = this.context.requestHead;
    parseRequestHead(bytes as Uint8Array, start, start + length, head, this.context.limits.heads);
    this.head = head;
  }

  // ── pieces ────────────────────────────────────────────────────────────────────────────────────────────────────

  #runStages(): void {
    for (const stage of this.origin.stages) if (!stage(this)) return;
  }

  #rewrite(): PathRewrite | null {
    return this.action !== null && this.action.kind === 'forward' ? this.action.rewrite : null;
  }

  #pickEndpoint(): Endpoint | null {
    return this.#cluster?.pick(this.#hash, this.context.random, this.#tried) ?? null;
  }

  #hashRequest(cluster: Cluster): void {
    const policy = cluster.hash;
    if (policy === null) return;
    this.#hash = policy.hash(this.head, () => this.#down.peerIp());
    if (this.#hash >= 0) return;
    const value =
      this.context.random().toString(16).padStart(COOKIE_DIGITS, '0') + this.context.random().toString(16).padStart(COOKIE_DIGITS, '0');
    this.#cookie = policy.cookie(value);
    if (this.#cookie !== null) this.#hash = policy.hashOfNewCookie(value);
  }

  /** Decides on the first try whether the body must be kept for another one, and sends what is kept on each further one. */
  #sendKeptBody(client: UpstreamStream): void {
    if (this.attempt === 1 && !this.#staleRetried) {
      const mayFailToConnect = !client.connected && this.retry !== null;
      this.#body.keeping = this.hasBody && (this.#idempotent || mayFailToConnect || this.retry?.coversEstablished === true);
    }
    this.#body.replay((bytes) => client.sendBody(bytes, 0, bytes.length));
    if (this.#requestComplete || !this.hasBody) client.finishRequest();
  }

  #endTry(status: number, flag: string): void {
    const endpoint = this.#endpoint;
    if (endpoint === null || !this.#trying) return;
    this.#trying = false;
    endpoint.active--;
    // What never arrived is not in the callee's own record.
    if (this.#pool === null || (flag !== '-' && status === 503)) return;
    const callee = this.parts.serverSeries(this.#pool, this.origin, this.#cluster);
    callee?.request(status, flag === 'DC' ? 'DC' : '-', this.context.transport.now - this.#triedAt);
  }

  #record(status: number, flag: string): void {
    const { parts, origin } = this;
    const series =
      this.#pool === null
        ? parts.unroutedSeries(origin, this.#destination?.slot.id ?? null)
        : parts.clientSeries(this.#pool, origin, this.#cluster, this.#fallbackService);
    series.request(status, flag, this.context.transport.now - this.#startedAt);
  }

  #reset(head: Head, framing: Framing): void {
    this.head = head;
    this.action = null;
    this.retry = null;
    this.matchedPrefix = 0;
    this.attempt = 0;
    this.#destination = null;
    this.#cluster = null;
    this.#fixedEndpoint = null;
    this.#fallbackService = 'unknown';
    this.#hash = -1;
    this.#cookie = null;
    this.#endpoint = null;
    this.#trying = false;
    this.#tried = null;
    this.#pool = null;
    this.#mirrors = null;
    this.#startedAt = this.context.transport.now;
    this.isHead = isMethod(head, 'HEAD');
    this.#idempotent = isIdempotent(head);
    this.hasBody = framing !== Framing.None;
    this.#requestComplete = false;
    this.#staleRetried = false;
    this.#answered = false;
    this.#active = true;
    this.#retriesUsedUp = false;
    this.#status = 0;
    this.#timeoutMs = 0;
  }

  #clear(): void {
    if (this.#timeout !== null) this.context.transport.timers.disarm(this.#timeout);
    this.#stopWaiting();
    this.#active = false;
    this.#client = null;
    this.#mirrors = null;
    this.#body.clear();
    this.context.heads.release(this.#kept);
  }
}
