/** Decides whether a request is sent again, from the policy of its route and the attempts so far. */
import type { Head } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import { Flag, type Outcome } from '../message/outcome.ts';
import type { StreamFailure } from '../message/stream.ts';
import type { RetryPolicy } from '../runtime/retry-policy.ts';
import type { Budget } from '../upstream/budget.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { Guard } from '../upstream/guards.ts';
import { Tried } from '../upstream/tried.ts';

export class Retrying {
  policy: RetryPolicy | null = null;
  /** Attempts begun; one that only found a kept connection dead does not count. */
  attempts = 0;
  /** What to pass over, if the policy says so. */
  tried: Tried | null = null;
  /** Flag.URX once the policy would have retried, but had no attempt left; Flag.UO once its client had too many retries under way. */
  flags = 0;
  #staleReplaced = false;
  /** The retry under way is counted there. */
  #counted: Budget | null = null;

  /** For another request. */
  renew(): void {
    this.policy = this.tried = null;
    this.attempts = this.flags = 0;
    this.#staleReplaced = false;
  }

  /** Of a failed attempt. @param replayable whether the request can be sent again at all. */
  afterFailure(outcome: Outcome, replayable: boolean): boolean {
    const { policy } = this;
    if (policy === null || !policy.retriesFailure(outcome.retry)) return false;
    return this.#hasLeft(policy) && replayable;
  }

  afterResponse(head: Head, replayable: boolean): boolean {
    const { policy } = this;
    if (policy === null || !policy.looksAtResponses || head.status === 101) return false;
    const grpc = head.find(H['grpc-status']);
    return this.afterStatus(head.status, grpc < 0 ? -1 : Number(head.value(grpc)), head.has(H['x-envoy-ratelimited']), replayable);
  }

  afterStatus(status: number, grpcStatus: number, rateLimited: boolean, replayable: boolean): boolean {
    const { policy } = this;
    if (policy === null || !policy.retriesResponse(status, grpcStatus, rateLimited)) return false;
    return this.#hasLeft(policy) && replayable;
  }

  /**
   * A kept connection that turns out to be dead is no fault of the endpoint: once, it is replaced (RFC 9110 §9.2.2). What the peer says it
   * has not looked at may be sent again whatever it is.
   */
  replaces({ stale, unprocessed = false, elsewhere = false }: StreamFailure, idempotent: boolean, replayable: boolean): boolean {
    // Of what waited for its turn nothing was sent, whatever it is, and however often that happens.
    if (elsewhere) this.attempts--;
    if (elsewhere) return true;
    if (this.#staleReplaced || !((stale && idempotent) || unprocessed) || !replayable) return false;
    this.#staleReplaced = true;
    this.attempts--;
    return true;
  }

  /** Whether a request that has been sent may have to be sent again. @param connected whether its connection was established before. */
  mayRepeat(idempotent: boolean, connected: boolean): boolean {
    return idempotent || (!connected && this.policy !== null) || this.policy?.coversEstablished === true;
  }

  /** The request is sent again after this many milliseconds. */
  next(endpoint: Endpoint, random: number): number {
    const { policy } = this;
    if (policy === null) return 0;
    if (policy.avoidPreviousHosts || policy.otherPriorities)
      (this.tried ??= new Tried(policy.avoidPreviousHosts, policy.otherPriorities)).add(endpoint);
    return policy.backoff(this.attempts, random);
  }

  /** Whether its client may have another retry at the cluster. A retry counts until the next one, or until the exchange is over. */
  take(guard: Guard | null): boolean {
    this.over();
    if (guard === null) return true;
    if (!guard.budget.takeRetry()) {
      this.flags |= Flag.UO;
      return false;
    }
    this.#counted = guard.budget;
    return true;
  }

  /** Nothing is retried any more. */
  over(): void {
    this.#counted?.giveRetry();
    this.#counted = null;
  }

  #hasLeft(policy: RetryPolicy): boolean {
    if (this.attempts <= policy.attempts) return true;
    this.flags = Flag.URX;
    return false;
  }
}
