/**
 * Faults that a route asks for (HTTPFaultInjection), in Envoy's order: a delay, then an abort, drawn for independently. They come before
 * everything else that the route does, so a delay is no part of the route's timeout, and an abort is neither retried nor mirrored, and
 * no endpoint is blamed for it.
 */
import { Flag, OUTCOME } from '../message/outcome.ts';
import { NOTHING } from '../message/wire-text.ts';
import type { Exchange } from './exchange.ts';
import { type RequestStage, Verdict } from './stage.ts';

/** The client waits. */
export const injectDelay: RequestStage<Exchange> = {
  name: 'injectDelay',
  run(exchange) {
    const delay = exchange.forward?.fault?.delay;
    if (delay === undefined || !exchange.drawn(delay.share)) return Verdict.Next;
    exchange.injected |= Flag.DI;
    exchange.tools.recorder.injected('delay');
    return exchange.wait(delay.ms);
  },
};

export const injectAbort: RequestStage<Exchange> = {
  name: 'injectAbort',
  run(exchange) {
    const abort = exchange.forward?.fault?.abort;
    if (abort === undefined || !exchange.drawn(abort.share)) return Verdict.Next;
    exchange.tools.recorder.injected('abort');
    const outcome = OUTCOME.injectedAbort;
    const { body } = outcome;
    // Who does not speak gRPC gets the text with 200.
    if ('grpcStatus' in abort) return exchange.refuse({ outcome, status: 200, body, lines: NOTHING, grpcStatus: abort.grpcStatus });
    return exchange.refuse({ outcome, status: abort.status, body, lines: NOTHING });
  },
};
