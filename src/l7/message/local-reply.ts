/** A response that Nodeway makes itself: data, which each wire writes in its own way. */
import { OUTCOME, type Outcome } from './outcome.ts';
import { NOTHING, type WireText } from './wire-text.ts';

export interface LocalReply {
  readonly outcome: Outcome;
  readonly status: number;
  /** text/plain in ASCII; empty: no body. */
  readonly body: string;
  /** Complete field lines, besides those that every response has. */
  readonly lines: WireText;
}

export function replyOf(outcome: Outcome): LocalReply {
  return { outcome, status: outcome.status, body: outcome.body, lines: NOTHING };
}

export const REPLY = {
  routeNotFound: replyOf(OUTCOME.routeNotFound),
  clusterNotFound: replyOf(OUTCOME.clusterNotFound),
  noHealthyUpstream: replyOf(OUTCOME.noHealthyUpstream),
  blocked: replyOf(OUTCOME.blocked),
  timeout: replyOf(OUTCOME.timeout),
  fault: replyOf(OUTCOME.fault),
  headTimeout: replyOf(OUTCOME.headTimeout),
} as const;
