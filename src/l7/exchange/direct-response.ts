/** Routes that need no upstream: redirects, and answers that stand in the rule. */
import type { LocalReply } from '../message/local-reply.ts';
import { H } from '../message/header-names.ts';
import { REPLY } from '../message/local-reply.ts';
import { OUTCOME } from '../message/outcome.ts';
import { fieldLine, join, lineText, literal, NOTHING } from '../message/wire-text.ts';
import type { RedirectAction } from '../config/route.ts';
import type { DirectAnswer, RedirectTo } from '../runtime/actions.ts';
import type { Exchange } from './exchange.ts';
import { resolveOps } from './header-values.ts';
import { redirectLocation } from './redirect.ts';
import type { Verdict } from './stage.ts';

/** Envoy tells with 201 and 3xx where the request came, as if it redirected to the same place. */
const SAME_PLACE: RedirectAction = { kind: 'redirect', code: 0 };

export function answerDirectly(exchange: Exchange, action: RedirectTo | DirectAnswer, scheme: 'http' | 'https'): Verdict {
  const { status, body } = action;
  const ops = action.response;
  const moment = { facts: exchange, response: null, outcome: OUTCOME.directResponse, isRequest: false };
  const response = ops === null ? null : resolveOps(ops, moment);
  // Users may name the place themselves.
  const own = response?.remove.includes(H.location) === true ? NOTHING : locationLine(exchange, action, scheme);
  if (own === null) return exchange.refuse(REPLY.fault);
  const lines = join(own, response === null ? NOTHING : lineText(response.lines));
  return exchange.refuse({ outcome: OUTCOME.directResponse, status, body, lines } satisfies LocalReply);
}

function locationLine(exchange: Exchange, action: RedirectTo | DirectAnswer, scheme: 'http' | 'https') {
  const { status } = action;
  if (action.kind === 'direct' && status !== 201 && (status < 300 || status > 399)) return NOTHING;
  const config = action.kind === 'redirect' ? action.config : SAME_PLACE;
  const location = redirectLocation(config, exchange.head, scheme, exchange.origin.port, exchange.matchedPrefix);
  return location === null ? null : fieldLine(literal('location'), location);
}
