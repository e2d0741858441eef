/**
 * The way of a request, in order. A stage returns true to go on, false when it has answered or handed the request over;
 * each has its reason for standing where it stands (Istio's order of filters).
 *
 *     server side (the callee's policy)          client side (the caller's policy)
 *     ────────────────────────────────           ──────────────────────────────────
 *     forwardToApplication                       matchRoute           which rule is it?
 *                                                answerDirectly       redirects need no upstream
 *                                                chooseDestination    once: retries stay with the choice
 *                                                startMirrors         copies do not wait for the original
 *     tryUpstream                                tryUpstream          endpoint, connection, head; again for each retry
 *
 * A callee that is enrolled on the same node has its server side run within the caller's pass (Exchange.callee): a
 * request between two pods of a node goes through the engine once, and is counted by both.
 */
import type { Exchange, Stage } from './exchange/exchange.ts';
import { REPLY } from './exchange/local-reply.ts';
import { redirectLocation } from './exchange/redirect.ts';
import { startMirrors } from './exchange/mirror.ts';
import { RetryPolicy } from './exchange/retry-policy.ts';

const matchRoute: Stage = (exchange) => {
  const { origin, head } = exchange;
  const table = origin.table();
  if (table === null) return origin.kind === 'outbound' ? passThrough(exchange) : exchange.refuse(REPLY.routeNotFound);
  const host = table.find(head);
  if (host === null) {
    if (table.unknownHost === 'passthrough') return passThrough(exchange);
    return exchange.refuse(table.unknownHost === 'block' ? REPLY.blocked : REPLY.routeNotFound);
  }
  const route = host.match(head, exchange.scheme());
  if (route === null) return exchange.refuse(REPLY.routeNotFound);
  exchange.matchedPrefix = route.prefixLength;
  exchange.action = route.action;
  return true;
};

/** To where the application wanted to go: Istio's PassthroughCluster. */
function passThrough(exchange: Exchange): boolean {
  if (exchange.origin.kind === 'gateway') return exchange.refuse(REPLY.routeNotFound);
  exchange.useOriginalDestination('PassthroughCluster');
  return true;
}

const answerDirectly: Stage = (exchange) => {
  const { action } = exchange;
  if (action === null || action.kind !== 'redirect') return true;
  const location = redirectLocation(action.config, exchange.head, exchange.scheme(), exchange.origin.port, exchange.matchedPrefix);
  return exchange.refuse(
    { status: action.config.code, flag: '-', body: '', headers: `location: ${location}\r\n`, details: 'direct_response' },
    action.response,
  );
};

const chooseDestination: Stage = (exchange) => exchange.chooseDestination();

/** Istio's default for inbound: a request of which no byte was sent may be sent again. */
const INBOUND_RETRY = new RetryPolicy({
  attempts: 2,
  perTryTimeoutMs: 0,
  on: ['reset-before-request'],
  statusCodes: [],
  backoffMs: 25,
  avoidPreviousHosts: false,
});

const forwardToApplication: Stage = (exchange) => {
  exchange.useOriginalDestination('InboundPassthroughCluster');
  exchange.retry = INBOUND_RETRY;
  return true;
};

const tryUpstream: Stage = (exchange) => exchange.tryUpstream();

export const OUTBOUND_STAGES: readonly Stage[] = [matchRoute, answerDirectly, chooseDestination, startMirrors, tryUpstream];
export const GATEWAY_STAGES: readonly Stage[] = OUTBOUND_STAGES;
export const INBOUND_STAGES: readonly Stage[] = [forwardToApplication, tryUpstream];
