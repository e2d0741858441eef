/** Spans of exchanges that are over, with the names and tags of Envoy and Istio (source/common/tracing/http_tracer_impl.cc). */
import { socketText } from '../../base/socket-address.ts';
import type { SpanTag, TracingConfig } from '../config/telemetry.ts';
import type { ClusterConfig } from '../config/cluster.ts';
import type { Identity } from '../config/identity.ts';
import { flagText } from '../message/outcome.ts';
import type { Workload } from '../runtime/runtime.ts';
import type { Span } from '../tracing/span.ts';
import { TraceContext } from '../tracing/trace-context.ts';
import { routeName } from '../record/route-name.ts';
import type { Attempt } from './attempt.ts';
import type { ExchangeFacts } from './facts.ts';
import type { AttemptTrace, TracedRequest } from './trace.ts';

interface Ending {
  readonly policy: TracingConfig;
  readonly context: TraceContext;
  readonly request: TracedRequest;
  readonly kind: Span['kind'];
  readonly name: string;
  readonly reporter: Identity;
  readonly startedAt: number;
  readonly status: number;
  readonly flags: number;
  readonly cluster: string;
  readonly upstream: string;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** The span of an exchange that is over. */
export function exchangeSpan(exchange: ExchangeFacts): void {
  const { trace, tools, origin, destination, attempted } = exchange;
  if (trace?.policy === undefined || trace.policy === null || trace.request === null || !tools.spans.open) return;
  const cluster = destination?.slot.cluster?.config ?? null;
  const inbound = origin.kind === 'inbound';
  const service = inbound ? origin.service : null;
  finish(exchange, {
    policy: trace.policy,
    context: trace.context,
    request: trace.request,
    kind: origin.kind === 'outbound' ? 'client' : 'server',
    name: service === null ? routeOperation(exchange, cluster) : `${service.host}:${service.port}/*`,
    reporter: inbound ? origin.workload.identity : origin.identity,
    startedAt: exchange.startedAt,
    status: exchange.status,
    flags: exchange.outcome.flags | exchange.retrying.flags,
    cluster: inbound ? `inbound|${origin.port}||` : (cluster?.name ?? exchange.fallbackService),
    upstream: attempted === null ? '' : addressOf(attempted),
    requestBytes: exchange.requestBytes,
    responseBytes: exchange.responseBytes,
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
  const { client, server, policy, request } = spans;
  const { endpoint, cluster, startedAt } = attempt;
  const { requestBytes, responseBytes } = exchange;
  const service = cluster?.config.service ?? null;
  const upstream = addressOf(attempt);
  const common = { request, startedAt, status, flags, upstream, requestBytes, responseBytes };
  const name = cluster?.config.name ?? exchange.fallbackService;
  if (client !== null && tools.spans.open) {
    const operation = `router ${name} egress`;
    finish(exchange, {
      ...common,
      policy,
      context: client,
      kind: 'client',
      name: operation,
      reporter: origin.identity,
      cluster: name,
    });
  }
  if (server !== null && tools.spans.open) {
    const operation = service === null ? `${upstream}/*` : `${service.host}:${service.port}/*`;
    const reporter = endpoint.config.identity;
    finish(exchange, { ...common, ...server, kind: 'server', name: operation, reporter, cluster: `inbound|${endpoint.port}||` });
  }
}

function finish({ tools }: ExchangeFacts, ending: Ending): void {
  const { policy, context, kind, name, reporter, startedAt, status } = ending;
  const { transport, spans } = tools;
  spans.add(policy.provider, {
    traceId: context.traceId,
    spanId: context.spanId,
    parentId: context.parentId,
    kind,
    name,
    service: `${reporter.app}.${reporter.namespace}`,
    startMs: spans.wall(startedAt),
    durationMs: transport.now - startedAt,
    tags: [...tagsOf(ending), ...policy.fixedTags],
    failed: status >= 500 || status === 0,
  });
}

function tagsOf({ request, status, flags, cluster, upstream, requestBytes, responseBytes }: Ending): SpanTag[] {
  return [
    ['component', 'proxy'],
    ['guid:x-request-id', request.requestId],
    ['http.url', `http://${request.authority}${request.path}`],
    ['http.method', request.method],
    ['http.protocol', request.protocol],
    ['downstream_cluster', '-'],
    ['user_agent', request.userAgent],
    ['peer.address', request.peer],
    ['request_size', String(requestBytes)],
    ['response_size', String(responseBytes)],
    ['http.status_code', String(status)],
    ['response_flags', flagText(flags)],
    ['upstream_cluster', cluster],
    ['upstream_cluster.name', cluster],
    ...(upstream === '' ? [] : [['upstream_address', upstream] as const]),
    ...(status >= 500 || status === 0 ? [['error', 'true'] as const] : []),
    ...request.headerTags,
  ];
}

/** Istio's name of a route (pilot/pkg/networking/core/route: GetRouteOperation). */
function routeOperation({ route, forward, origin, fallbackService }: ExchangeFacts, cluster: ClusterConfig | null): string {
  const path = route?.shownPath ?? '/*';
  if (cluster !== null && (forward === null || forward.destinations.length === 1)) {
    return `${cluster.service.host}:${cluster.service.port}${path}`;
  }
  return `${routeName(route, origin.kind === 'inbound', fallbackService)}:${origin.port}${path}`;
}

function addressOf({ endpoint: { address, port } }: Attempt): string {
  return socketText(address, port);
}
