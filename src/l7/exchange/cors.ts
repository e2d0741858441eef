/**
 * CORS (the Fetch standard) by the policy of a route, as Envoy's filter does it: preflights are answered here, and a response to an
 * origin that is let in says so. A foreign preflight goes to the server unless the policy says otherwise; the method that a preflight
 * asks for is not compared, which is the browser's business.
 */
import type { Head } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import { isMethod } from '../message/methods.ts';
import { OUTCOME } from '../message/outcome.ts';
import { NOTHING, type WireText } from '../message/wire-text.ts';
import type { CorsPolicy } from '../runtime/cors-policy.ts';
import type { Exchange } from './exchange.ts';
import { type RequestStage, type ResponseStage, Verdict } from './stage.ts';

export const answerPreflight: RequestStage<Exchange> = {
  name: 'answerPreflight',
  run(exchange) {
    const policy = exchange.forward?.cors ?? null;
    if (policy === null) return Verdict.Next;
    const { head } = exchange;
    const origin = valueOf(head, H.origin);
    if (origin === '') return Verdict.Next;
    const allowed = policy.allows(head, head.find(H.origin));
    if (allowed) exchange.corsOrigin = origin;
    if (!isAnswered(policy, head, allowed)) return Verdict.Next;
    const method = valueOf(head, H['access-control-request-method']);
    const lines = policy.preflight(exchange.corsOrigin, method, valueOf(head, H['access-control-request-headers']));
    return exchange.refuse({ outcome: OUTCOME.preflight, status: 200, body: '', lines });
  },
};

/** Whether a request to a route with that policy is a preflight that is answered here. */
export function answersPreflight(policy: CorsPolicy, head: Head): boolean {
  const origin = head.find(H.origin);
  return valueOf(head, H.origin) !== '' && isAnswered(policy, head, policy.allows(head, origin));
}

function isAnswered({ forwardUnmatched }: CorsPolicy, head: Head, allowed: boolean): boolean {
  return isMethod(head, 'OPTIONS') && valueOf(head, H['access-control-request-method']) !== '' && (allowed || !forwardUnmatched);
}

/** Instead of what the server and the route say. */
export const allowOrigin: ResponseStage<Exchange> = {
  name: 'allowOrigin',
  room: ({ corsOrigin, forward }) => (corsOrigin === null ? 0 : (forward?.cors?.lines(corsOrigin).length ?? 0)),
  run({ corsOrigin, forward }, head, changes) {
    const policy = forward?.cors ?? null;
    if (corsOrigin === null || policy === null) return;
    for (const id of policy.ownedIds) changes.removeName(head, id);
    changes.text(policy.lines(corsOrigin));
  },
};

/** Empty where there is none. A value that the parser has let through is fit for the wire. */
function valueOf(head: Head, id: number): WireText {
  const index = head.find(id);
  return index < 0 ? NOTHING : (head.value(index) as WireText);
}
