/**
 * One request and its response, whatever wires carry them. The stages of `src/l7/stack.ts` decide what is done; attempts do it; this
 * object carries bodies across, decides whether to make another attempt, and leaves a record.
 *
 *                 ┌── stage waits ──▶ held ──resume──┐
 *     routing ────┤◀─────────────────────────────────┘
 *        │        └── stages done ──▶ attempting ──response head──▶ answering ──end──▶ over
 *        │ refuse                      │    ▲   │ failed for good         │ broken off
 *        ▼                   to be     ▼    │   ▼                         ▼
 *       over               retried   backing off ── time is up ─────────▶ over
 *
 * Invariants (test/l7/exchange/exchange.test.ts; 5: reuse.test.ts beside it):
 *  1. an exchange leaves one record, however it ends, and gives its client one end: a whole response, a local one, or a reset;
 *  2. once it is over it holds no attempt, timer, pending stage or kept bytes;
 *  3. there is one attempt at a time, and none after the head of a response was passed on or when the body cannot be sent again;
 *  4. an exception ends this exchange alone: 500, or a reset once a head is out;
 *  5. it is begun again only after a whole response, and when nobody outside its connection has seen it.
 */
import type { Head } from '../message/head.ts';
import { WIRE_ROOM } from '../message/head-changes.ts';
import { lateOutcome, OUTCOME, type Outcome } from '../message/outcome.ts';
import { replyOf, REPLY, type LocalReply } from '../message/local-reply.ts';
import {
  type DetachedConnection,
  type Downstream,
  NOT_RAW,
  type StreamFailure,
  type Trailers,
  type UpstreamStream,
} from '../message/stream.ts';
import { joinConnections } from '../tcp/tunnel.ts';
import type { ConnectionId } from '../transport.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import { isStillUsed } from '../upstream/guards.ts';
import { Attempt, type AttemptSink } from './attempt.ts';
import type { BodyTap } from './body-tap.ts';
import { carryTunnel } from './carried-tunnel.ts';
import { CalleeCall, calleeOf } from './callee-call.ts';
import { ExchangeTimers, type TimedExchange } from './exchange-timers.ts';
import { ExchangeFacts } from './facts.ts';
import type { KeptHead } from './head-store.ts';
import type { Origin } from './origin.ts';
import { requestOps } from './header-values.ts';
import { afterRetries, ownAnswer, timedAnswer, toldInGrpc } from './own-answer.ts';
import { Life } from './life.ts';
import { Replay } from './replay.ts';
import { changeResponse, runEndStages } from './run-stages.ts';
import { type Pending, type Stack, Verdict } from './stage.ts';
import type { ExchangeTools } from './tools.ts';
import { traceAttempt } from './trace-spans.ts';

export type ExchangeStack = Stack<Exchange, CalleeCall>;

const NOTHING_PENDING: Pending = { cancel: () => {} };
export class Exchange extends ExchangeFacts implements AttemptSink, TimedExchange {
  readonly #stack: ExchangeStack;
  readonly #replay: Replay;
  #life: Life = Life.Over;
  /** Somebody who may come back later has seen it. */
  #shared = false;
  /** A whole response was passed on. */
  #whole = false;
  /** An attempt that has brought a whole response: nobody holds it any more. */
  #spare: Attempt | null = null;
  #mirrors: BodyTap[] | null = null;
  #requestComplete = false;
  #trailers: Trailers = null;
  #pending: Pending | null = null;
  #continue: (() => void) | null = null;
  /** A stream is being asked for, and the head is still the parsed one. */
  #asking = false;
  readonly #timers: ExchangeTimers;

  constructor(tools: ExchangeTools, stack: ExchangeStack, origin: Origin, down: Downstream, head: Head) {
    super(tools, origin, down, head);
    this.#stack = stack;
    this.#timers = new ExchangeTimers(tools.transport.timers, this);
    this.#replay = new Replay(tools.heads, tools.limits.retryBufferBytes);
  }

  /** A request has come. @param length of its body in bytes, 0 where there is none, or UNKNOWN_LENGTH. */
  begin(head: Head, length: number): void {
    this.renew(head, length);
    this.#life = Life.Routing;
    this.#shared = this.#whole = this.#requestComplete = false;
    this.#trailers = null;
    this.#replay.keepHead(head.bytes, head.start, head.end);
    if (length !== 0) this.#replay.keepBody();
  }

  /** Whether it is over and may be begun again: what has ended otherwise, a late caller may still hold. */
  get reusable(): boolean {
    return this.#whole && !this.#shared;
  }

  get over(): boolean {
    return this.#life === Life.Over;
  }

  // ── the client's side ─────────────────────────────────────────────────────────────────────────────────────────

  /** Runs the stages. The server has made this its current exchange: it may be over when this returns. */
  start(): void {
    try {
      this.#runRequestStages(0);
    } catch (error) {
      this.onFault(error, 'running the stages of a request');
    }
  }

  onRequestData(bytes: Uint8Array, start: number, end: number): void {
    if (this.over) return;
    try {
      this.requestBytes += end - start;
      this.grpc?.sent.add(bytes, start, end);
      const stream = this.attempted?.stream ?? null;
      this.#replay.add(bytes, start, end, stream !== null);
      stream?.data(bytes, start, end);
      if (this.#mirrors !== null) for (const mirror of this.#mirrors) mirror.data(bytes, start, end);
      if (stream === null && this.#replay.full) this.down.pause();
    } catch (error) {
      this.onFault(error, 'passing on the body of a request');
    }
  }

  /** Bytes of the request's body that went to `rawRequestTarget` and were not seen here. */
  onRequestMoved(bytes: number): void {
    this.requestBytes += bytes;
  }

  /** Called once, also for a request without body. */
  onRequestEnd(trailers: Trailers): void {
    if (this.over) return;
    try {
      this.#requestComplete = true;
      this.log?.requestEnded(this.tools.transport.now);
      this.#trailers = trailers;
      this.attempted?.stream?.end(trailers);
      if (this.#mirrors !== null) for (const mirror of this.#mirrors) mirror.finish(trailers);
      this.#armTimeout();
    } catch (error) {
      this.onFault(error, 'passing on the end of a request');
    }
  }

  /** Where the rest of a long request body may be moved to in the kernel, or NOT_RAW. */
  rawRequestTarget(): ConnectionId {
    if (this.#mirrors !== null || this.#replay.whole) return NOT_RAW;
    return this.attempted?.stream?.rawTarget() ?? NOT_RAW;
  }

  /** The client is gone, or sends what cannot be parsed: it gets no answer. @param code of HTTP/2 for the reason, where it gave one. */
  abandon(outcome: Outcome, code?: number): void {
    if (this.over) return;
    this.#pending?.cancel();
    this.attempted?.giveUp(outcome, code);
    this.#end(outcome, this.#life === Life.Answering ? this.status : 0);
  }

  onDownstreamBlocked(): void {
    this.attempted?.stream?.pause();
  }

  onDownstreamDrained(): void {
    this.attempted?.stream?.resume();
  }

  // ── for stages ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Answers with a response of our own. */
  refuse(reply: LocalReply): typeof Verdict.Stop {
    if (this.over) return Verdict.Stop;
    if (this.#life !== Life.Routing) this.restore();
    const answer = ownAnswer(this, this.attempt > 1 ? afterRetries(this, this.attempted, reply) : reply);
    this.attempted?.giveUp(answer.outcome);
    this.responseBytes = answer.body.length;
    this.#end(answer.outcome, answer.status);
    this.down.local(answer);
    return Verdict.Stop;
  }

  /** The stage waits for something; `resume` or `refuse` follows, or `pending.cancel` is called. */
  hold(pending: Pending): typeof Verdict.Wait {
    this.#pending = pending;
    this.#shared = true;
    return Verdict.Wait;
  }

  /** The stage waits for that many milliseconds. */
  wait(ms: number): typeof Verdict.Wait {
    this.#timers.armDelay(ms);
    return this.hold(NOTHING_PENDING);
  }

  /** What the stage waited for has come: the next stage runs. */
  resume(): void {
    if (this.#life !== Life.Held) return;
    try {
      const next = this.#continue;
      this.#pending = this.#continue = null;
      this.#life = Life.Routing;
      this.restore();
      next?.();
      if (!this.over && !this.#requestComplete) this.down.resume();
    } catch (error) {
      this.onFault(error, 'resuming a request');
    }
  }

  /** It gets what has come of the body, too: a stage may have waited. */
  addMirror(mirror: BodyTap): void {
    this.#shared = true;
    (this.#mirrors ??= []).push(mirror);
    this.#replay.send(mirror);
    if (this.#requestComplete) mirror.finish(this.#trailers);
  }

  /** The callee's policy has answered this attempt, or its limits have. For the caller that is a response like any other. */
  calleeRefused(attempt: Attempt, reply: LocalReply): void {
    if (this.over || attempt.over) return;
    if (!this.#asking) this.restore();
    const answer = ownAnswer(this, reply);
    const grpcStatus = this.grpc?.status ?? -1;
    attempt.endRefused(answer);
    if (this.retrying.afterStatus(answer.status, grpcStatus, false, this.#replayable()) && this.retrying.take(attempt.guard))
      return this.#retryLater(attempt);
    this.#end(this.origin.kind === 'inbound' ? reply.outcome : OUTCOME.completed, answer.status);
    const tookMs = this.tools.transport.now - attempt.startedAt;
    this.down.local(this.origin.kind === 'inbound' ? answer : timedAnswer(this, answer, tookMs));
  }

  // ── from the attempt ──────────────────────────────────────────────────────────────────────────────────────────

  onStream(attempt: Attempt, stream: UpstreamStream): void {
    if (!this.#asking) this.restore();
    const { forward, trace } = this;
    if (trace !== null) attempt.trace = traceAttempt(this, attempt, calleeOf(this, attempt));
    this.expectedMs = this.timeFor(attempt);
    const changes = this.tools.requests.prepare(this, this.head, requestOps(this), forward?.rewrite ?? null);
    stream.head(attempt, this.head, changes, this.requestLength, this);
    if (this.down.blocked) stream.pause();
    this.#replay.send(stream);
    if (this.#requestComplete) stream.end(this.#trailers);
    if (this.requestLength !== 0 && this.retrying.mayRepeat(this.idempotent, stream.connected)) this.#replay.trim();
    else this.#replay.dropBody();
  }

  onInformational(head: Head): void {
    const { changes } = this.tools;
    changes.begin(head, WIRE_ROOM);
    this.down.informational(head, changes);
  }

  onHead(attempt: Attempt, head: Head, length: number): boolean {
    if (this.retrying.afterResponse(head, this.#replayable()) && this.retrying.take(attempt.guard)) {
      attempt.end(OUTCOME.completed);
      this.#retryLater(attempt);
      return false;
    }
    this.#answer(attempt, head, length);
    return !this.over;
  }

  onData(bytes: Uint8Array, start: number, end: number): void {
    this.responseBytes += end - start;
    this.down.data(bytes, start, end);
  }

  onMoved(bytes: number): void {
    this.responseBytes += bytes;
  }

  onEnd(attempt: Attempt, trailers: Trailers): void {
    attempt.end(OUTCOME.completed);
    this.#spare = attempt;
    this.#end(OUTCOME.completed, attempt.status);
    this.#whole = true;
    this.down.end(trailers);
  }

  /** The same way as every response; then the two connections become one. */
  onUpgraded(attempt: Attempt, head: Head, upstream: DetachedConnection | null): void {
    this.#answer(attempt, head, 0);
    const client = upstream === null ? null : this.down.detach();
    if (client === null || upstream === null) return carryTunnel(this, this.#timers, attempt, upstream);
    const over = attempt.becomeTunnel();
    attempt.end(OUTCOME.upgraded);
    this.#end(OUTCOME.upgraded, head.status);
    joinConnections(this.tools, client, upstream, over);
  }

  onFailed(attempt: Attempt, failure: StreamFailure): void {
    const { outcome } = failure;
    if (attempt.answered) return this.#breakOff(attempt, lateOutcome(outcome), failure.code);
    if (this.retrying.replaces(failure, this.idempotent, this.#replayable())) return this.#replace(attempt, failure.elsewhere === true);
    attempt.end(outcome);
    if (this.retrying.afterFailure(outcome, this.#replayable()) && this.retrying.take(attempt.guard)) this.#retryLater(attempt);
    else this.refuse(replyOf(outcome));
  }

  /** An exception: it ends this exchange, and is reported. */
  onFault(error: unknown, doing: string): void {
    this.tools.fault(error, doing);
    if (this.over) return;
    const answered = this.#life === Life.Answering;
    const outcome = answered ? OUTCOME.faultLate : OUTCOME.fault;
    this.attempted?.giveUp(outcome);
    this.#end(outcome, answered ? this.status : outcome.status);
    if (answered) this.down.reset();
    else this.down.local(toldInGrpc(this, REPLY.fault));
  }

  onBlocked(): void {
    this.down.pause();
  }

  onDrained(): void {
    this.down.resume();
  }

  rawTarget(): ConnectionId {
    return this.down.rawTarget();
  }

  // ── stages and attempts ───────────────────────────────────────────────────────────────────────────────────────

  #runRequestStages(from: number): void {
    const stages = this.#stack.request;
    for (let i = from; i < stages.length; i++) {
      const verdict = stages[i]!.run(this);
      if (verdict === Verdict.Next) continue;
      if (verdict === Verdict.Wait) this.#waitBefore(i + 1);
      return;
    }
    if (this.#requestComplete) this.#armTimeout();
    this.#attemptAt(null);
  }

  /** A function of its own: a closure in the loop would be paid for by each stage of each request. */
  #waitBefore(stage: number): void {
    this.#wait(() => this.#runRequestStages(stage));
  }

  #waitBeforeCallee(attempt: Attempt, call: CalleeCall, stage: number): void {
    this.#wait(() => this.#runCalleeStages(attempt, call, stage));
  }

  #wait(next: () => void): void {
    this.#life = Life.Held;
    this.#continue = next;
  }

  /** @param again the endpoint to use, on a new connection: a kept one has just turned out to be dead. */
  #attemptAt(again: Endpoint | null): void {
    const { tools, origin } = this;
    const cluster = (this.destination?.slot ?? this.inboundSlot)?.cluster ?? null;
    if (this.destination !== null && cluster === null) return void this.refuse(REPLY.clusterNotFound);
    const endpoint =
      again ?? this.fixedEndpoint ?? (cluster === null ? null : tools.pools.guards.pick(cluster, this.hash, origin, this.retrying.tried));
    if (endpoint === null) return void this.refuse(REPLY.noHealthyUpstream);
    this.retrying.attempts++;
    this.#life = Life.Attempting;
    const attempt = this.#newAttempt(cluster, endpoint, again !== null);
    this.attempted = attempt;
    if (this.#stack.callee.length > 0) this.#askCallee(attempt);
    else this.#ask(attempt);
  }

  #newAttempt(cluster: Cluster | null, endpoint: Endpoint, fresh: boolean): Attempt {
    const spare = this.#spare;
    if (spare === null) return new Attempt(this.tools, this, this.origin, cluster, endpoint, fresh);
    this.#spare = null;
    spare.aim(cluster, endpoint, fresh);
    return spare;
  }

  /** The callee's own policy, where its pod is enrolled here: in this pass, as its own proxy would ask. */
  #askCallee(attempt: Attempt): void {
    const callee = calleeOf(this, attempt);
    if (callee === null) this.#ask(attempt);
    else this.#runCalleeStages(attempt, new CalleeCall(this, attempt, callee), 0);
  }

  #runCalleeStages(attempt: Attempt, call: CalleeCall, from: number): void {
    const stages = this.#stack.callee;
    for (let i = from; i < stages.length; i++) {
      const verdict = stages[i]?.run(call) ?? Verdict.Next;
      if (verdict === Verdict.Next) continue;
      if (verdict === Verdict.Wait) this.#waitBeforeCallee(attempt, call, i + 1);
      return;
    }
    this.#life = Life.Attempting;
    this.#ask(attempt);
  }

  #ask(attempt: Attempt): void {
    this.#asking = true;
    try {
      attempt.begin(this.perTryTimeoutMs);
    } finally {
      this.#asking = false;
    }
  }

  #replace(attempt: Attempt, elsewhere: boolean): void {
    if (!elsewhere) this.tools.recorder.staleRetried();
    attempt.endStale();
    this.restore();
    this.#attemptAt(!elsewhere && isStillUsed(attempt.endpoint, attempt.guard) ? attempt.endpoint : null);
  }

  #retryLater(attempt: Attempt): void {
    this.#life = Life.BackingOff;
    this.tools.recorder.retried();
    this.#timers.armDelay(this.retrying.next(attempt.endpoint, this.tools.random()));
  }

  onDelayOver(): void {
    if (this.#life === Life.Held) this.resume();
    else this.#retryNow();
  }

  #retryNow(): void {
    if (this.#life !== Life.BackingOff) return;
    try {
      this.restore();
      this.#attemptAt(null);
      if (!this.over && !this.#requestComplete) this.down.resume();
    } catch (error) {
      this.onFault(error, 'sending a request again');
    }
  }

  // ── responses and ends ────────────────────────────────────────────────────────────────────────────────────────

  #answer(attempt: Attempt, head: Head, length: number): void {
    const { changes } = this.tools;
    changeResponse(this.#stack.response, this, head, changes);
    this.#life = Life.Answering;
    attempt.answered = true;
    this.status = head.status;
    this.answeredAt = this.tools.transport.now;
    this.down.head(head, changes, length);
    this.responseHeadBytes = changes.bytesOf(head);
  }

  #breakOff(attempt: Attempt, outcome: Outcome, code?: number): void {
    attempt.end(outcome);
    this.#end(outcome, this.status);
    this.down.reset(code);
  }

  /** Once the request is complete, and the stages have said what its timeout is. */
  #armTimeout(): void {
    if (this.timeoutMs > 0 && !this.over) this.#timers.armTimeout(this.timed());
  }

  onTimeout(): void {
    const { attempted } = this;
    if (this.over) return;
    try {
      this.#pending?.cancel();
      attempted?.giveUp(OUTCOME.timeout);
      if (this.#life === Life.Answering && attempted !== null) this.#breakOff(attempted, OUTCOME.timedOutLate);
      else this.refuse(REPLY.timeout);
    } catch (error) {
      this.onFault(error, 'ending a request whose time is up');
    }
  }

  #end(outcome: Outcome, status: number): void {
    this.#life = Life.Over;
    this.outcome = outcome;
    this.status = status;
    this.#timers.disarm();
    this.#pending = this.#continue = null;
    this.#mirrors = null;
    this.retrying.over();
    runEndStages(this.#stack.end, this, this.tools.fault);
    this.#replay.release();
  }

  // ── pieces ────────────────────────────────────────────────────────────────────────────────────────────────────

  #replayable(): boolean {
    return this.requestLength === 0 || this.#replay.whole;
  }

  /** The request's head as text of HTTP/1, up to the end stages. */
  get keptHead(): KeptHead {
    return this.#replay.head;
  }

  /** The parsed head has been used for other requests meanwhile. */
  restore(): void {
    const { bytes, start, length } = this.#replay.head;
    if (bytes !== null) this.head = this.down.restore(bytes, start, length);
  }
}
