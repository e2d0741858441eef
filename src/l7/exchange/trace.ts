/**
 * An exchange in its trace. One object per connection, and only where tracing is configured; `begin` decides for each request.
 *
 *                    span of the exchange                     per attempt
 *     outbound       client                                   server: the callee's, where it is enrolled on this node and traces
 *     inbound        server                                   –
 *     gateway        server                                   client (Envoy's spawn_upstream_span), and the callee's as above
 *
 * The upstream gets the context of the last one in the line. A request that is not sampled has no spans, and its context passes.
 */
import type { TracingConfig } from '../config/telemetry.ts';
import type { Head } from '../message/head.ts';
import { Found, readContext } from '../tracing/propagation.ts';
import { draw, idDigit, idNumber, readableId, TraceDigit } from '../tracing/sampling.ts';
import type { SpanLog } from '../tracing/span-log.ts';
import { TraceContext } from '../tracing/trace-context.ts';
import type { RequestId } from './request-id.ts';
import { type IncomingRequest, type TracedRequest, tracedRequest } from './traced-request.ts';

export interface TraceMeans {
  /** Uniform over 32 bits. */
  readonly random: () => number;
  readonly spans: SpanLog;
}

export class ExchangeTrace {
  /** Null: this request is not traced, and no header is touched. */
  policy: TracingConfig | null = null;
  readonly context = new TraceContext();
  /** Of a request that is sampled. */
  request: TracedRequest | null = null;
  /** Of a request that is not: what its upstream gets in the place of `context`, and what its callee on this node calls its own span. */
  onward: TraceContext | null = null;
  callee: TraceContext | null = null;
  readonly #onward = new TraceContext();
  /** What the decision makes of the request's own id; 0: it stays as it is. */
  digit = 0;

  begin(incoming: IncomingRequest, policy: TracingConfig, { random, spans }: TraceMeans): void {
    const { head, origin, requestId } = incoming;
    const { context } = this;
    this.policy = policy;
    this.request = this.onward = this.callee = null;
    context.clear();
    const found = readContext(policy.propagation, head, context);
    const digit = this.#decide(head, requestId, origin.kind === 'gateway', policy, random);
    const known = found === Found.Trace || found === Found.SampledTrace || found === Found.DroppedTrace;
    context.sampled =
      found === Found.Nothing || found === Found.Trace
        ? digit !== TraceDigit.None
        : found === Found.Sampled || found === Found.SampledTrace;
    if (known) context.descend(random);
    else context.begin(random);
    if (context.sampled && policy.report) this.request = tracedRequest(incoming, policy, spans);
  }

  /**
   * A request that is not sampled is about to be sent. The proxies that Istio would have on its way have ids for their spans nevertheless.
   * @param spawns there is one between this span and the upstream's. @param joins the callee on this node has one.
   */
  passOn(spawns: boolean, joins: boolean, random: () => number): void {
    this.onward = spawns || joins ? this.#onward.childOf(this.context, random) : null;
    if (spawns && joins) this.#onward.descend(random);
    this.callee = joins ? this.onward : null;
  }

  /** The id of a request from outside the mesh is replaced, so that its digit says nothing. */
  #decide(head: Head, requestId: RequestId, edge: boolean, policy: TracingConfig, random: () => number): TraceDigit {
    this.digit = 0;
    if (!policy.useRequestId) return draw(head, random(), policy.sampling);
    const index = edge ? -1 : readableId(head);
    if (index < 0) {
      const digit = draw(head, requestId.first, policy.sampling);
      requestId.mark(digit);
      return digit;
    }
    const before = idDigit(head, index);
    const digit = before === TraceDigit.None ? draw(head, idNumber(head, index), policy.sampling) : before;
    if (digit !== before) this.digit = digit;
    return digit;
  }
}

/** The spans of one attempt. */
export interface AttemptTrace {
  /** A gateway's request to its upstream. */
  readonly client: TraceContext | null;
  /** The callee's own. */
  readonly server: { readonly policy: TracingConfig; readonly context: TraceContext } | null;
  /** The attempt is over. @param status that came back; 0: none. */
  over(status: number, flags: number): void;
}
