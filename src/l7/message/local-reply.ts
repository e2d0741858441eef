/** A response that Nodeway makes itself: data, which each wire writes in its own way. */
import { OUTCOME, type Outcome } from './outcome.ts';
import { fieldLine, literal, NOTHING, type WireText } from './wire-text.ts';

export interface LocalReply {
  readonly outcome: Outcome;
  readonly status: number;
  /** Bytes as characters below 256; text/plain unless the lines say something else; empty: no body. */
  readonly body: string;
  /** Complete field lines, besides those that every response has. */
  readonly lines: WireText;
  /** What a client that speaks gRPC is told; absent: what stands for the status. */
  readonly grpcStatus?: number;
}

/** Envoy's word to clients that it is they, or others like them, who ask for too much. */
const OVERLOADED = fieldLine(literal('x-envoy-overloaded'), literal('true'));

export function replyOf(outcome: Outcome): LocalReply {
  return { outcome, status: outcome.status, body: outcome.body, lines: outcome === OUTCOME.overflow ? OVERLOADED : NOTHING };
}

export const REPLY = {
  routeNotFound: replyOf(OUTCOME.routeNotFound),
  clusterNotFound: replyOf(OUTCOME.clusterNotFound),
  noHealthyUpstream: replyOf(OUTCOME.noHealthyUpstream),
  blocked: replyOf(OUTCOME.blocked),
  timeout: replyOf(OUTCOME.timeout),
  fault: replyOf(OUTCOME.fault),
  overflow: replyOf(OUTCOME.overflow),
  headTimeout: replyOf(OUTCOME.headTimeout),
} as const;
