/**
 * The places at which a stage may act on an exchange. `src/l7/stack.ts` lists the stages of each side in their order.
 *
 * A stage allocates nothing for exchanges that it does not concern, opens no socket and sets no timer of its own, and keeps what it
 * knows of a request at the exchange. `E` is the exchange, `C` the call as its callee's policy sees it.
 */
import type { HeadChanges } from '../message/head-changes.ts';
import type { Head } from '../message/head.ts';

export const Verdict = {
  /** The next stage runs. */
  Next: 0,
  /** The stage has answered (`refuse`): no further stage runs. */
  Stop: 1,
  /** The stage waits (`hold`): the next one runs after `resume`, none after `refuse`, and `cancel` is called when the client leaves. */
  Wait: 2,
} as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

/** What a stage waits for. */
export interface Pending {
  /** The client has left, or the exchange's time is up: nobody wants the answer any more. */
  cancel(): void;
}

/** Runs once per exchange, before its first attempt. */
export interface RequestStage<E> {
  readonly name: string;
  run(exchange: E): Verdict;
}

/** The callee's policy: runs for every attempt, between the choice of the endpoint and the request being sent there. */
export interface CalleeStage<C> {
  readonly name: string;
  run(call: C): Verdict;
}

/** Changes the head of a response on its way to the client, also that of a 101. */
export interface ResponseStage<E> {
  readonly name: string;
  /** Upper bound of the bytes that `run` adds. */
  readonly room: number | ((exchange: E, head: Head) => number);
  run(exchange: E, head: Head, changes: HeadChanges): void;
}

/** Runs once when an exchange is over, however it ended. */
export interface EndStage<E> {
  readonly name: string;
  run(exchange: E): void;
}

export interface Stack<E, C> {
  readonly request: readonly RequestStage<E>[];
  readonly callee: readonly CalleeStage<C>[];
  readonly response: readonly ResponseStage<E>[];
  readonly end: readonly EndStage<E>[];
}
