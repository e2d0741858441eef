/**
 * One attempt of a request as the policy of its callee sees it: the same whether the callee's own inbound side is asked, or a caller
 * of the same node asks in its pass. A refusal belongs to the callee: it stands in the callee's record, and the caller sees its status.
 */
import type { Head } from '../message/head.ts';
import type { LocalReply } from '../message/local-reply.ts';
import type { Workload } from '../runtime/runtime.ts';
import type { Identity } from '../config/identity.ts';
import type { Attempt } from './attempt.ts';
import type { ExchangeFacts } from './facts.ts';
import { type Pending, Verdict } from './stage.ts';

/** The caller's exchange, as far as a call needs it. */
interface Caller {
  readonly head: Head;
  readonly origin: { readonly identity: Identity; readonly port: number };
  hold(pending: Pending): typeof Verdict.Wait;
  resume(): void;
  calleeRefused(attempt: Attempt, reply: LocalReply): void;
}

/** The pod that an attempt is for, if it is enrolled on this node. */
export function calleeOf({ origin, tools }: Pick<ExchangeFacts, 'origin' | 'tools'>, { endpoint }: Attempt): Workload | null {
  if (origin.kind === 'inbound') return origin.workload;
  const { local } = endpoint.config;
  return local === null ? null : (tools.runtime.workloads.get(local) ?? null);
}

export class CalleeCall {
  readonly callee: Workload;
  readonly #caller: Caller;
  readonly #attempt: Attempt;

  constructor(caller: Caller, attempt: Attempt, callee: Workload) {
    this.#caller = caller;
    this.#attempt = attempt;
    this.callee = callee;
  }

  /** Only while a stage runs. */
  get head(): Head {
    return this.#caller.head;
  }

  /** Who calls. */
  get identity(): Identity {
    return this.#caller.origin.identity;
  }

  /** The port at which the callee is reached. */
  get port(): number {
    return this.#attempt.endpoint.port;
  }

  refuse(reply: LocalReply): typeof Verdict.Stop {
    this.#caller.calleeRefused(this.#attempt, reply);
    return Verdict.Stop;
  }

  hold(pending: Pending): typeof Verdict.Wait {
    return this.#caller.hold(pending);
  }

  resume(): void {
    this.#caller.resume();
  }
}
