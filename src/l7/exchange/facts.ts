/**
 * What is known of an exchange: the request that came, what the stages found out about it, and what it leaves for its record. Data
 * that the exchange and its stages fill; it decides nothing. `renew` sets every field for the next request of a connection
 * (docs/adr/0033-streams-attempts-and-one-record.md says what allocating them anew would cost).
 */
import type { TracingConfig } from '../config/telemetry.ts';
import type { Head } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import { isIdempotent, isMethod } from '../message/methods.ts';
import { OUTCOME, type Outcome } from '../message/outcome.ts';
import type { Downstream, RequestKind } from '../message/stream.ts';
import type { WireText } from '../message/wire-text.ts';
import type { ExchangeRecord, FallbackService } from '../record/exchange-record.ts';
import type { Route } from '../routing/route.ts';
import type { Action, Destination, ForwardAction } from '../runtime/actions.ts';
import type { HeaderOps } from '../runtime/header-ops.ts';
import type { TraceContext } from '../tracing/trace-context.ts';
import type { Address } from '../transport.ts';
import type { ClusterSlot } from '../upstream/cluster.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { Attempt } from './attempt.ts';
import { GrpcCall, isGrpc } from './grpc-call.ts';
import type { ExchangeLog } from './log.ts';
import type { Origin } from './origin.ts';
import type { RequestFacts } from './request-changes.ts';
import { RequestId } from './request-id.ts';
import { NOTHING_TOLD } from './tellings.ts';
import { Retrying } from './retrying.ts';
import type { ExchangeTrace } from './trace.ts';
import type { ExchangeTools } from './tools.ts';

const MILLION = 1_000_000;

export abstract class ExchangeFacts implements RequestFacts, RequestKind {
  readonly tools: ExchangeTools;
  readonly origin: Origin;
  readonly down: Downstream;
  readonly requestId: RequestId;
  readonly retrying = new Retrying();
  /** The parsed request; only while stages run. */
  head: Head;
  isHead = false;
  isConnect = false;
  upgrade = false;
  idempotent = false;
  /** Of the request's body in bytes, 0: none, or UNKNOWN_LENGTH. */
  requestLength = 0;
  /** Null until a request of this connection is traced. */
  trace: ExchangeTrace | null = null;
  /** Null until something of this connection is logged. */
  log: ExchangeLog | null = null;
  // What the stages find.
  route: Route<Action> | null = null;
  destination: Destination | null = null;
  /** The original destination, if the request goes there. */
  fixedEndpoint: Endpoint | null = null;
  /** Of the callee itself, where the request has come to its side and its rules say something of the port. */
  inboundSlot: ClusterSlot | null = null;
  fallbackService: FallbackService = 'unknown';
  /** Of the key that the cluster's balancer hashes; -1: none. */
  hash = -1;
  /** Value of a Set-Cookie that keeps the client at its endpoint. */
  cookie: WireText | null = null;
  /** Of the whole exchange, from the end of the request; 0: none. */
  timeoutMs = 0;
  /** When it began to count; -1: it has not. */
  timedFrom = -1;
  /** What the upstream is told of the time that it has; 0: nothing. */
  expectedMs = 0;
  /** Of the route, for the response that is under way. */
  responseOps: HeaderOps | null = null;
  /** Of the request, if the route's policy of CORS lets it in. */
  corsOrigin: WireText | null = null;
  /** Flags of the faults that were injected. */
  injected = 0;
  /** Null: the request is none of gRPC. */
  grpc: GrpcCall | null = null;
  // What it leaves.
  startedAt = 0;
  answeredAt = 0;
  requestBytes = 0;
  responseBytes = 0;
  requestHeadBytes = 0;
  responseHeadBytes = 0;
  outcome: Outcome = OUTCOME.completed;
  status = 0;
  /** The current attempt, or the last one. */
  attempted: Attempt | null = null;

  constructor(tools: ExchangeTools, origin: Origin, down: Downstream, head: Head) {
    this.tools = tools;
    this.requestId = new RequestId(tools.random);
    this.origin = origin;
    this.down = down;
    this.head = head;
  }

  /** @param length of the request's body. */
  protected renew(head: Head, length: number): void {
    const { tools } = this;
    this.head = head;
    this.requestLength = length;
    this.isHead = isMethod(head, 'HEAD');
    this.isConnect = isMethod(head, 'CONNECT');
    this.upgrade = head.upgrade;
    this.idempotent = isIdempotent(head);
    this.requestId.renew();
    this.retrying.renew();
    this.route = this.destination = this.fixedEndpoint = this.inboundSlot = this.cookie = this.corsOrigin = this.attempted = null;
    if (this.trace !== null) this.trace.policy = null;
    if (this.log !== null) this.log.active = false;
    this.fallbackService = 'unknown';
    this.hash = -1;
    this.timeoutMs = this.injected = 0;
    this.timedFrom = -1;
    this.grpc = isGrpc(head) ? new GrpcCall() : null;
    this.startedAt = tools.transport.now;
    this.answeredAt = 0;
    this.requestBytes = this.responseBytes = this.responseHeadBytes = 0;
    this.requestHeadBytes = head.end - head.start;
    this.outcome = OUTCOME.completed;
    this.status = 0;
  }

  /** Of one attempt, where that is less than the whole time; 0: none. */
  get perTryTimeoutMs(): number {
    const perTry = this.retrying.policy?.perTryTimeoutMs ?? 0;
    return this.timeoutMs === 0 || perTry < this.timeoutMs ? perTry : 0;
  }

  /** The time of the exchange counts from now on. @returns it. */
  protected timed(): number {
    this.timedFrom = this.tools.transport.now;
    return this.timeoutMs;
  }

  /** How long an upstream has to answer (Envoy's setTimeoutHeaders); 0: as long as it wants, or its own proxy keeps that from it. */
  timeFor({ endpoint }: Attempt): number {
    const { perTryTimeoutMs, timeoutMs, timedFrom } = this;
    if (endpoint.config.local !== null) return 0;
    if (timeoutMs === 0) return perTryTimeoutMs;
    const elapsed = timedFrom < 0 ? 0 : this.tools.transport.now - timedFrom;
    return Math.max(1, Math.floor(Math.min(perTryTimeoutMs || timeoutMs, timeoutMs - elapsed)));
  }

  get clientHttp2(): boolean {
    return this.down.isHttp2;
  }

  get matchedPrefix(): number {
    return this.route?.prefixLength ?? -1;
  }

  /** What the matched rule does with the request; null: no rule matched. */
  get forward(): ForwardAction | null {
    const action = this.route?.action;
    return action?.kind === 'forward' ? action : null;
  }

  /** A captured connection ends on loopback, but it is its pod's. */
  get clientIp(): string {
    const { origin, down } = this;
    if (origin.kind !== 'outbound') return down.peerIp();
    return origin.workload.addresses.find((ip) => ip.includes(':') === (origin.family === 6)) ?? down.peerIp();
  }

  get clientAddress(): Address {
    const peer = this.down.peerAddress();
    return { ip: this.clientIp, port: Number(peer.slice(peer.lastIndexOf(':') + 1)) };
  }

  /** Inside the mesh X-Forwarded-Proto gives the scheme: Envoy trusts it there. */
  get scheme(): 'http' | 'https' {
    const index = this.origin.kind === 'gateway' ? -1 : this.head.find(H['x-forwarded-proto']);
    return index >= 0 && this.head.value(index) === 'https' ? 'https' : 'http';
  }

  /** Whether this request is among such a share of all, of a million. */
  drawn(share: number): boolean {
    return share >= MILLION || (share > 0 && (this.tools.random() / 2 ** 32) * MILLION < share);
  }

  get attempt(): number {
    return this.retrying.attempts;
  }

  /** Whose digit in the request's own id changes; 0: nobody's. */
  get traceDigit(): number {
    return this.trace === null || this.trace.policy === null ? 0 : this.trace.digit;
  }

  /** Null: no header of a trace is touched. */
  get tracing(): TracingConfig | null {
    return this.trace === null ? null : this.trace.policy;
  }

  /** The context that goes to the upstream; null: none. */
  get traceContext(): TraceContext | null {
    const { trace, attempted } = this;
    if (trace === null || trace.policy === null || !trace.policy.propagate) return null;
    const own = attempted === null ? null : attempted.trace;
    if (own === null) return trace.onward ?? trace.context;
    return own.server?.context ?? own.client ?? trace.context;
  }

  tellCallee(record: ExchangeRecord, local: string): void {
    record.traceId = this.sampledTrace;
    if (this.log?.active !== true) return;
    const callee = this.tools.runtime.workloads.get(local)?.telemetry?.inbound;
    const telling = (callee === undefined ? null : this.tools.tellings.callee(callee)) ?? NOTHING_TOLD;
    this.log.tellCallee(record, telling, this.attempted?.trace?.server?.context ?? this.trace?.callee ?? null);
  }

  /** The id of its trace; empty: it is not sampled. */
  get sampledTrace(): string {
    const { trace } = this;
    return trace === null || trace.policy === null || trace.request === null ? '' : trace.context.traceId;
  }

  get passedThrough(): boolean {
    return this.fixedEndpoint !== null && this.destination === null;
  }
}
