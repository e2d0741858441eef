/** Spans of exchanges that are over, with the names and tags of Envoy and Istio (source/common/tracing/http_tracer_impl.cc). */
import type { ClusterConfig } from '../config/cluster.ts';
import type { Identity, ServiceRef } from '../config/identity.ts';
import type { TracingConfig } from '../config/telemetry.ts';
import { flagText } from '../message/outcome.ts';
import type { Workload } from '../runtime/runtime.ts';
import type { SpanLine } from '../tracing/span-line.ts';
import { TAG } from '../tracing/standard-tags.ts';
import { TraceContext } from '../tracing/trace-context.ts';
import { routeName } from '../record/route-name.ts';
import type { Attempt } from './attempt.ts';
import type { ExchangeFacts } from './facts.ts';
import type { AttemptTrace } from './trace.ts';
import type { TracedRequest } from './traced-request.ts';

interface Ending {
  /** Of the span: the callee's, for its own. */
  readonly policy: TracingConfig;
  readonly request: TracedRequest;
  readonly reporter: Identity;
  readonly startedAt: number;
  readonly status: number;
  readonly flags: number;
  readonly cluster: string;
  /** Null: there was none. */
  readonly attempt: Attempt | null;
}

/** The span of an exchange that is over. */
export function exchangeSpan(exchange: ExchangeFacts): void {
  const { trace, tools, origin, destination, attempted } = exchange;
  if (trace?.policy === undefined || trace.policy === null || trace.request === null || !tools.spans.open) return;
  const { line } = tools.spans;
  const cluster = destination?.slot.cluster?.config ?? null;
  line.begin(trace.context, origin.kind === 'outbound' ? 'client' : 'server');
  const service = origin.kind === 'inbound' ? origin.service : null;
  if (service !== null) writeOperation(line, service, '/*');
  else writeRouteOperation(line, exchange, cluster);
  finish(exchange, {
    policy: trace.policy,
    request: trace.request,
    reporter: origin.kind === 'inbound' ? origin.workload.identity : origin.identity,
    startedAt: exchange.startedAt,
    status: exchange.status,
    flags: exchange.outcome.flags | exchange.retrying.flags,
    cluster: origin.kind === 'inbound' ? inboundCluster(exchange, origin.port) : (cluster?.name ?? exchange.fallbackService),
    attempt: attempted,
  });
}

/** Of an attempt that is about to be sent; null: it has no spans of its own. @param callee a pod of this node. */
export function traceAttempt(exchange: ExchangeFacts, attempt: Attempt, callee: Workload | null): AttemptTrace | null {
  const { trace, origin, tools } = exchange;
  if (trace === null || trace.policy === null) return null;
  const { context, policy, request } = trace;
  const tracing = origin.kind === 'inbound' ? null : (callee?.telemetry?.inbound.tracing ?? null);
  const isJoined = tracing !== null && tracing.propagation === policy.propagation;
  if (request === null) {
    trace.passOn(origin.kind === 'gateway', isJoined, tools.random);
    return null;
  }
  const client = origin.kind === 'gateway' ? new TraceContext().childOf(context, tools.random) : null;
  const server =
    isJoined && tracing.report ? { policy: tracing, context: new TraceContext().childOf(client ?? context, tools.random) } : null;
  if (client === null && server === null) return null;
  return new AttemptEnding(exchange, attempt, { client, server, policy, request });
}

/** A closure in its place would be prepared for each attempt, whether it is sampled or not. */
class AttemptEnding implements AttemptTrace {
  readonly client: AttemptTrace['client'];
  readonly server: AttemptTrace['server'];
  readonly #exchange: ExchangeFacts;
  readonly #attempt: Attempt;
  readonly #spans: AttemptSpans;

  constructor(exchange: ExchangeFacts, attempt: Attempt, spans: AttemptSpans) {
    this.client = spans.client;
    this.server = spans.server;
    this.#exchange = exchange;
    this.#attempt = attempt;
    this.#spans = spans;
  }

  over(status: number, flags: number): void {
    attemptSpans(this.#exchange, this.#attempt, this.#spans, status, flags);
  }
}

interface AttemptSpans extends Pick<AttemptTrace, 'client' | 'server'> {
  /** Of the exchange. */
  readonly policy: TracingConfig;
  readonly request: TracedRequest;
}

function attemptSpans(exchange: ExchangeFacts, attempt: Attempt, spans: AttemptSpans, status: number, flags: number): void {
  const { tools, origin } = exchange;
  const { line } = tools.spans;
  const { client, server, policy, request } = spans;
  const { endpoint, cluster, startedAt } = attempt;
  const name = cluster?.config.name ?? exchange.fallbackService;
  const common = { request, startedAt, status, flags, attempt };
  if (client !== null && tools.spans.open) {
    line.begin(client, 'client');
    line.text('router ');
    line.text(name);
    line.text(' egress');
    finish(exchange, { ...common, policy, reporter: origin.identity, cluster: name });
  }
  if (server !== null && tools.spans.open) {
    line.begin(server.context, 'server');
    const service = cluster?.config.service ?? null;
    if (service === null) line.text(`${upstreamOf(exchange, attempt)}/*`);
    else writeOperation(line, service, '/*');
    const reporter = endpoint.config.identity;
    finish(exchange, { ...common, policy: server.policy, reporter, cluster: inboundCluster(exchange, endpoint.port) });
  }
}

/** The line has its name. */
function finish(exchange: ExchangeFacts, ending: Ending): void {
  const { transport, spans } = exchange.tools;
  const { line } = spans;
  const { policy, request, reporter, startedAt } = ending;
  const custom = spans.customTags(policy);
  line.times(spans.wall(startedAt), transport.now - startedAt);
  line.text(reporter.app);
  line.text('.');
  line.text(reporter.namespace);
  line.tags();
  line.raw(request.tags);
  writeEnd(line, exchange, ending);
  line.raw(request.headerTags);
  line.raw(custom.fixed);
  // A callee's tags may have names of those that the caller takes from headers.
  line.end(custom.repeat || (policy !== request.policy && request.headerTags.length > 0));
  spans.add(policy.provider);
}

/** The tags that say how it ended. */
function writeEnd(line: SpanLine, exchange: ExchangeFacts, { status, flags, cluster, attempt }: Ending): void {
  line.raw(TAG['request_size']);
  line.number(exchange.requestBytes);
  line.raw(TAG['response_size']);
  line.number(exchange.responseBytes);
  line.raw(TAG['http.status_code']);
  line.number(status);
  line.raw(TAG['response_flags']);
  line.text(flagText(flags));
  line.raw(TAG['upstream_cluster']);
  line.text(cluster);
  line.raw(TAG['upstream_cluster.name']);
  line.text(cluster);
  if (attempt !== null) {
    line.raw(TAG['upstream_address']);
    line.text(upstreamOf(exchange, attempt));
  }
  if (status < 500 && status !== 0) return;
  line.raw(TAG['error']);
  line.text('true');
}

/** Istio's name of a route (pilot/pkg/networking/core/route: GetRouteOperation). */
function writeRouteOperation(line: SpanLine, exchange: ExchangeFacts, cluster: ClusterConfig | null): void {
  const { route, forward, origin, fallbackService } = exchange;
  const path = route?.shownPath ?? '/*';
  if (cluster !== null && (forward === null || forward.destinations.length === 1)) return writeOperation(line, cluster.service, path);
  line.text(routeName(route, origin.kind === 'inbound', fallbackService));
  line.text(':');
  line.number(origin.port);
  line.text(path);
}

function writeOperation(line: SpanLine, { host, port }: ServiceRef, path: string): void {
  line.text(host);
  line.text(':');
  line.number(port);
  line.text(path);
}

function upstreamOf({ tools }: ExchangeFacts, { endpoint: { address, port } }: Attempt): string {
  return tools.accessLog.entry.sockets.text(address, port);
}

function inboundCluster({ tools }: ExchangeFacts, port: number): string {
  return tools.accessLog.entry.sockets.inboundCluster(port);
}
