/**
 * Whether a failed attempt is followed by another: Envoy's retry conditions (retry_state_impl.cc) with Istio's names, as pure decisions.
 *
 *     failure            retried by
 *     connect-failure    connect-failure, reset, 5xx, gateway-error, reset-before-request
 *     reset              reset, 5xx, gateway-error                     (reset-before-request if no byte was sent)
 *     per-try-timeout    5xx, gateway-error, reset
 *     refused            refused-stream, reset, 5xx, gateway-error
 *     a status           5xx, gateway-error (502–504), retriable-4xx (409), retriable-status-codes; gRPC names by grpc-status
 */
import { Memo } from '../../base/memo.ts';
import { RetryClass } from '../message/outcome.ts';
import type { RetryCondition, RetryConfig } from '../config/retry.ts';

/** gRPC status codes (grpc.io, statuscodes) that have a condition of their own. */
const GRPC_CONDITIONS: readonly (readonly [RetryCondition, number])[] = [
  ['cancelled', 1],
  ['deadline-exceeded', 4],
  ['resource-exhausted', 8],
  ['internal', 13],
  ['unavailable', 14],
];

/** Nearly all routes have one of a few policies. */
const policies = new Memo<RetryPolicy>(256);

/** The policy of a route; the same one for equal configurations. */
export function retryPolicyOf(config: RetryConfig): RetryPolicy {
  return policies.get(JSON.stringify(config), () => new RetryPolicy(config));
}

export class RetryPolicy {
  readonly attempts: number;
  readonly perTryTimeoutMs: number;
  readonly avoidPreviousHosts: boolean;
  readonly otherPriorities: boolean;
  readonly #backoffMs: number;
  readonly #any5xx: boolean;
  readonly #gateway: boolean;
  readonly #reset: boolean;
  readonly #beforeRequest: boolean;
  readonly #connect: boolean;
  readonly #refused: boolean;
  readonly #conflict: boolean;
  readonly #rateLimited: boolean;
  readonly #statuses: ReadonlySet<number>;
  readonly #grpc: ReadonlySet<number>;

  constructor(config: RetryConfig) {
    const on = new Set(config.on);
    this.attempts = config.attempts;
    this.perTryTimeoutMs = config.perTryTimeoutMs;
    this.avoidPreviousHosts = config.avoidPreviousHosts;
    this.otherPriorities = config.otherPriorities === true;
    this.#backoffMs = config.backoffMs;
    this.#any5xx = on.has('5xx');
    this.#gateway = on.has('gateway-error');
    this.#reset = on.has('reset');
    this.#beforeRequest = on.has('reset-before-request');
    this.#connect = on.has('connect-failure');
    this.#refused = on.has('refused-stream');
    this.#conflict = on.has('retriable-4xx');
    this.#rateLimited = on.has('envoy-ratelimited');
    this.#statuses = new Set(on.has('retriable-status-codes') ? config.statusCodes : []);
    this.#grpc = new Set(GRPC_CONDITIONS.filter(([name]) => on.has(name)).map(([, code]) => code));
  }

  /** Whether any response at all can be retried, by its status or by its grpc-status. */
  get looksAtResponses(): boolean {
    return this.#any5xx || this.#gateway || this.#conflict || this.#statuses.size > 0 || this.#grpc.size > 0;
  }

  /** Whether a request that is under way on an established connection may have to be sent again. */
  get coversEstablished(): boolean {
    return this.looksAtResponses || this.#reset || this.#refused;
  }

  retriesFailure(failure: RetryClass): boolean {
    if (failure === RetryClass.Never) return false;
    if (this.#any5xx || this.#gateway || this.#reset) return true;
    if (this.#beforeRequest && (failure === RetryClass.Connect || failure === RetryClass.Unsent)) return true;
    if (failure === RetryClass.Refused) return this.#refused;
    return failure === RetryClass.Connect && this.#connect;
  }

  /** @param grpcStatus of the response's headers, -1 without one. @param rateLimited the response has x-envoy-ratelimited. */
  retriesResponse(status: number, grpcStatus: number, rateLimited: boolean): boolean {
    if (rateLimited) return this.#rateLimited;
    if (this.#any5xx && status >= 500) return true;
    if (this.#gateway && status >= 502 && status <= 504) return true;
    if (this.#conflict && status === 409) return true;
    if (this.#statuses.size > 0 && this.#statuses.has(status)) return true;
    return grpcStatus >= 0 && this.#grpc.has(grpcStatus);
  }

  /** Milliseconds before retry number `retry` (from 1): fully jittered, base × (2^n − 1) at most, and ten times the base. */
  backoff(retry: number, random: number): number {
    const ceiling = Math.min(this.#backoffMs * (2 ** Math.min(retry, 16) - 1), this.#backoffMs * 10);
    return (random / 2 ** 32) * ceiling;
  }
}
