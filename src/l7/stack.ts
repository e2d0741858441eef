/**
 * The way of a request, in order. Each stage has its reason for standing where it stands (Istio's order of filters).
 *
 *     request    once per exchange, before its first attempt          outbound, gateway            inbound
 *                  what is told of it: all that follows belongs to it beginTelemetry               beginTelemetry
 *                  which rule is it?                                  matchRoute
 *                  once: retries stay with the choice                 chooseDestination            keepDestination
 *                  before all that the route does                     injectDelay, injectAbort
 *                  after faults, which browsers' preflights meet too  answerPreflight
 *                  redirects and such need no upstream                answerWithout
 *                  faults need no cluster, and are no part of         useCluster
 *                  the timeout
 *                  copies do not wait for the original                startMirrors
 *     attempt    endpoint, connection, head; again for each retry     (the exchange itself)
 *     callee     the policy of the pod that is called, per attempt,   CALLEE                       CALLEE
 *                between the choice of the endpoint and the request;
 *                in the caller's pass when it is on the same node
 *     response   the head on its way to the client, 101 included
 *                  what the proxy says of itself                      addServerHeaders             addServerHeaders
 *                  before the route's operations, which may see it    addCookie
 *                  users decide                                       applyRouteOperations
 *                  after them: it replaces what they say              allowOrigin
 *     end        once, however it ended                               leaveRecord, showRequest     leaveRecord, showRequest
 *                                                                      endTrace                     endTrace
 *
 * A callee that is enrolled on the same node has its policy asked within the caller's pass: a request between two pods of a node
 * goes through the engine once, and is recorded by both (docs/adr/0005-one-pass-on-a-node.md).
 */
import { resolveOps } from './exchange/header-values.ts';
import { hashRequest } from './exchange/affinity.ts';
import type { CalleeCall } from './exchange/callee-call.ts';
import type { Exchange, ExchangeStack } from './exchange/exchange.ts';
import { allowOrigin, answerPreflight } from './exchange/cors.ts';
import { answerDirectly } from './exchange/direct-response.ts';
import { inboundSlot } from './exchange/inbound-slot.ts';
import { injectAbort, injectDelay } from './exchange/fault-injection.ts';
import { countMessages, exchangeRecord } from './exchange/fill-record.ts';
import { routeResponseOps } from './exchange/own-answer.ts';
import { grpcTimeout } from './exchange/grpc-call.ts';
import { startMirrors } from './exchange/mirror.ts';
import { applyOps } from './exchange/request-changes.ts';
import { RESPONSE_HEADERS_ROOM } from './exchange/response-headers.ts';
import { type CalleeStage, type EndStage, type RequestStage, type ResponseStage, Verdict } from './exchange/stage.ts';
import { endpointAsked, originalEndpoint } from './exchange/original-endpoint.ts';
import { ExchangeLog } from './exchange/log.ts';
import { NOTHING_TOLD } from './exchange/tellings.ts';
import { ExchangeTrace } from './exchange/trace.ts';
import { tellRequest } from './exchange/tell-request.ts';
import { exchangeSpan } from './exchange/trace-spans.ts';
import { REPLY } from './message/local-reply.ts';
import { fieldLine, literal } from './message/wire-text.ts';
import { RetryPolicy } from './runtime/retry-policy.ts';

const beginTelemetry: RequestStage<Exchange> = {
  name: 'beginTelemetry',
  run(exchange) {
    const { tools } = exchange;
    const { telemetry } = exchange.origin;
    if (exchange.grpc !== null) tools.calls.begin(exchange.grpc, () => countMessages(exchange));
    const tracing = telemetry?.tracing ?? null;
    if (tracing !== null) (exchange.trace ??= new ExchangeTrace()).begin(exchange, tracing, tools);
    const telling = telemetry === null ? null : tools.tellings.own(telemetry);
    if (telling !== null || tools.runtime.calleesTold) {
      (exchange.log ??= new ExchangeLog(tools.accessLog)).begin(exchange, telling ?? NOTHING_TOLD, tools.runtime.calleesAsk);
    }
    return Verdict.Next;
  },
};

const matchRoute: RequestStage<Exchange> = {
  name: 'matchRoute',
  run(exchange) {
    const { origin, head } = exchange;
    const host = origin.table()?.find(head) ?? null;
    if (host === null) return passThrough(exchange);
    const route = host.match(head, exchange.scheme);
    if (route === null) return exchange.refuse(REPLY.routeNotFound);
    exchange.route = route;
    return Verdict.Next;
  },
};

/** To the original destination, if that is allowed: Istio's PassthroughCluster and BlackHoleCluster. */
function passThrough(exchange: Exchange): Verdict {
  if (exchange.origin.kind === 'gateway') return exchange.refuse(REPLY.routeNotFound);
  if (exchange.origin.unknownAllowed) return keepOriginal(exchange, 'PassthroughCluster');
  exchange.fallbackService = 'BlackHoleCluster';
  return exchange.refuse(REPLY.blocked);
}

function keepOriginal(exchange: Exchange, fallback: 'PassthroughCluster' | 'InboundPassthroughCluster'): Verdict {
  const { origin, tools } = exchange;
  if (origin.kind === 'gateway') return exchange.refuse(REPLY.routeNotFound);
  exchange.fallbackService = fallback;
  exchange.fixedEndpoint = originalEndpoint(tools, origin, exchange.inboundSlot?.cluster?.config.original);
  return Verdict.Next;
}

const answerWithout: RequestStage<Exchange> = {
  name: 'answerWithout',
  run(exchange) {
    const action = exchange.route?.action;
    return action === undefined || action.kind === 'forward' ? Verdict.Next : answerDirectly(exchange, action, exchange.scheme);
  },
};

const chooseDestination: RequestStage<Exchange> = {
  name: 'chooseDestination',
  run(exchange) {
    const { forward } = exchange;
    if (forward !== null) exchange.destination = forward.choose(exchange.tools.random);
    return Verdict.Next;
  },
};

const useCluster: RequestStage<Exchange> = {
  name: 'useCluster',
  run(exchange) {
    const { forward, destination } = exchange;
    if (forward === null || destination === null) return Verdict.Next;
    const { cluster } = destination.slot;
    if (cluster === null) return exchange.refuse(REPLY.clusterNotFound);
    exchange.fixedEndpoint = endpointAsked(exchange.tools, exchange.origin, cluster);
    exchange.retrying.policy = forward.retry;
    exchange.timeoutMs = exchange.grpc === null ? forward.timeoutMs : grpcTimeout(exchange.head, forward.timeoutMs);
    hashRequest(exchange);
    return Verdict.Next;
  },
};

const startCopies: RequestStage<Exchange> = {
  name: 'startMirrors',
  run(exchange) {
    if (exchange.forward !== null && exchange.forward.mirrors.length > 0) startMirrors(exchange, exchange.forward);
    return Verdict.Next;
  },
};

/** Istio's default for inbound: a request of which no byte was sent may be sent again. */
const INBOUND_RETRY = new RetryPolicy({
  attempts: 2,
  perTryTimeoutMs: 0,
  on: ['reset-before-request'],
  statusCodes: [],
  backoffMs: 25,
  avoidPreviousHosts: false,
});

const keepDestination: RequestStage<Exchange> = {
  name: 'keepDestination',
  run(exchange) {
    const { origin, tools } = exchange;
    exchange.retrying.policy = INBOUND_RETRY;
    if (origin.kind === 'inbound') exchange.inboundSlot = inboundSlot(tools.runtime, origin.workload, origin.port);
    return keepOriginal(exchange, 'InboundPassthroughCluster');
  },
};

/** Authentication, authorization and faults of the callee come here. */
const CALLEE: readonly CalleeStage<CalleeCall>[] = [];

const addServerHeaders: ResponseStage<Exchange> = {
  name: 'addServerHeaders',
  room: RESPONSE_HEADERS_ROOM,
  run({ tools, origin, startedAt, responseOps }, head, changes) {
    tools.responses.add(changes, head, origin.serverName, tools.transport.now - startedAt, responseOps?.hides ?? 0);
  },
};

const addCookie: ResponseStage<Exchange> = {
  name: 'addCookie',
  room: ({ cookie }) => (cookie === null ? 0 : cookie.length + 16),
  run({ cookie }, _head, changes) {
    if (cookie !== null) changes.text(fieldLine(literal('set-cookie'), cookie));
  },
};

/** As the upstream has it: what follows are changes of ours. */
const noteResponse: ResponseStage<Exchange> = {
  name: 'noteResponse',
  room: 0,
  run({ log, attempted }, head) {
    const local = log?.active === true && log.noted ? (attempted?.stream?.localText() ?? null) : null;
    if (local !== null) log?.answered(head, local);
  },
};

const applyRouteOperations: ResponseStage<Exchange> = {
  name: 'applyRouteOperations',
  room(exchange, head) {
    const ops = routeResponseOps(exchange);
    exchange.responseOps = ops;
    if (ops !== null && ops.made !== null) {
      exchange.restore();
      exchange.responseOps = resolveOps(ops, { facts: exchange, response: head, outcome: null, isRequest: false });
    }
    return exchange.responseOps?.lines.length ?? 0;
  },
  run({ responseOps }, head, changes) {
    if (responseOps !== null) applyOps(changes, head, responseOps);
  },
};

const leaveRecord: EndStage<Exchange> = {
  name: 'leaveRecord',
  run(exchange) {
    const { calls, recorder } = exchange.tools;
    if (exchange.grpc !== null) calls.end(exchange.grpc);
    recorder.exchange(exchangeRecord(exchange));
  },
};

/** After the record: it is the one that was filled last. */
const showRequest: EndStage<Exchange> = {
  name: 'showRequest',
  run(exchange) {
    const { tap, record } = exchange.tools;
    if (tap.concerns(record)) tap.offer(record, () => tellRequest(exchange, record));
  },
};

const endTrace: EndStage<Exchange> = {
  name: 'endTrace',
  run(exchange) {
    if (exchange.trace !== null) exchangeSpan(exchange);
  },
};

export interface Stacks {
  readonly outbound: ExchangeStack;
  readonly gateway: ExchangeStack;
  readonly inbound: ExchangeStack;
}

const OUTBOUND: ExchangeStack = {
  request: [
    ...[beginTelemetry, matchRoute, chooseDestination, injectDelay, injectAbort],
    ...[answerPreflight, answerWithout, useCluster, startCopies],
  ],
  callee: CALLEE,
  response: [noteResponse, addServerHeaders, addCookie, applyRouteOperations, allowOrigin],
  end: [leaveRecord, showRequest, endTrace],
};

export const STACKS: Stacks = {
  outbound: OUTBOUND,
  gateway: OUTBOUND,
  inbound: {
    request: [beginTelemetry, keepDestination],
    callee: CALLEE,
    response: [noteResponse, addServerHeaders],
    end: [leaveRecord, showRequest, endTrace],
  },
};
