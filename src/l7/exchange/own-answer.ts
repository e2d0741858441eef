/**
 * A response of our own as this client gets it: with what its route does to responses, and as gRPC where the client speaks that
 * (Envoy's local replies do the same). Made before the exchange ends, for the few that are answered so.
 */
import { grpcStatusOf } from '../message/grpc-status.ts';
import type { LocalReply } from '../message/local-reply.ts';
import { OUTCOME, retriedBody } from '../message/outcome.ts';
import { checkedText, fieldLine, fieldValue, join, lineText, literal, NOTHING, type WireText } from '../message/wire-text.ts';
import { type HeaderOps, Hides } from '../runtime/header-ops.ts';
import type { ExchangeFacts } from './facts.ts';
import { resolveOps } from './header-values.ts';
import type { Attempt } from './attempt.ts';
import { calleeOf } from './callee-call.ts';

const GRPC = 'application/grpc';
const SERVICE_TIME = literal('x-envoy-upstream-service-time');
const CONTENT_TYPE = fieldLine(literal('content-type'), literal(GRPC));

/** While the exchange's head is the parsed one. */
export function ownAnswer(facts: ExchangeFacts, reply: LocalReply): LocalReply {
  if (reply.outcome === OUTCOME.preflight) return reply;
  const { forward, corsOrigin } = facts;
  const routes = routeResponseOps(facts);
  const ops = routes === null ? null : resolveOps(routes, { facts, response: null, outcome: reply.outcome, isRequest: false });
  const cors = corsOrigin === null ? NOTHING : (forward?.cors?.lines(corsOrigin) ?? NOTHING);
  const plain = ops === null && cors === NOTHING;
  const answer = plain ? reply : { ...reply, lines: join(reply.lines, ops === null ? NOTHING : lineText(ops.lines), cors) };
  // Without a body it has no type, whatever the route says (Envoy's local replies).
  return toldInGrpc(facts, answer.body === '' && answer.lines !== NOTHING ? { ...answer, lines: withoutType(answer.lines) } : answer);
}

/** The same after retries, of which the last one was reset. A callee of this node would tell of that itself, and knows of no retries. */
export function afterRetries(facts: Pick<ExchangeFacts, 'origin' | 'tools'>, attempted: Attempt | null, reply: LocalReply): LocalReply {
  const byCallee = facts.origin.kind !== 'inbound' && attempted !== null && calleeOf(facts, attempted) !== null;
  return byCallee ? reply : { ...reply, body: retriedBody(reply.body) };
}

/** As what an upstream has answered: with how long that took. */
export function timedAnswer(facts: ExchangeFacts, answer: LocalReply, tookMs: number): LocalReply {
  if (((routeResponseOps(facts)?.hides ?? 0) & Hides.ServiceTime) !== 0) return answer;
  return { ...answer, lines: join(answer.lines, fieldLine(SERVICE_TIME, literal(String(Math.round(tookMs))))) };
}

/** What the chosen destination and the route do to responses; where a policy of CORS applies, without what that says itself. */
export function routeResponseOps({ destination, corsOrigin }: ExchangeFacts): HeaderOps | null {
  return (corsOrigin === null ? destination?.response : destination?.corsResponse) ?? null;
}

/** As a response that a client of gRPC understands, where it is one. */
export function toldInGrpc({ grpc }: Pick<ExchangeFacts, 'grpc'>, reply: LocalReply): LocalReply {
  if (grpc === null) return reply;
  grpc.status = reply.grpcStatus ?? grpcStatusOf(reply.status);
  return asGrpc(reply, grpc.status);
}

/** A response without messages (gRPC over HTTP/2, "Trailers-Only"): its status stands in the head. */
function asGrpc({ outcome, body, lines }: LocalReply, grpcStatus: number): LocalReply {
  const code = fieldLine(literal('grpc-status'), literal(String(grpcStatus)));
  const message = body === '' ? NOTHING : fieldLine(literal('grpc-message'), escaped(body));
  return { outcome, status: 200, body: '', lines: join(CONTENT_TYPE, code, message, withoutType(lines)) };
}

function withoutType(lines: WireText): WireText {
  return lines.replace(/^content-type:[^\n]*\n/gim, '') as WireText;
}

/** Percent-encoded, as the protocol asks for. */
function escaped(body: string): WireText {
  return checkedText(
    fieldValue(body.replace(/[^\x20-\x24\x26-\x7e]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)),
  );
}
