/** When and how a request is sent again. */
export type RetryCondition =
  | '5xx'
  | 'gateway-error'
  | 'reset'
  | 'reset-before-request'
  | 'connect-failure'
  | 'refused-stream'
  | 'retriable-4xx'
  | 'retriable-status-codes'
  | 'retriable-headers'
  | 'envoy-ratelimited'
  | 'http3-post-connect-failure'
  | 'cancelled'
  | 'deadline-exceeded'
  | 'internal'
  | 'resource-exhausted'
  | 'unavailable';

export interface RetryConfig {
  /** Retries after the first attempt; at least 1 (no retries: `retry` is null). */
  readonly attempts: number;
  /** 0: none. */
  readonly perTryTimeoutMs: number;
  readonly on: readonly RetryCondition[];
  readonly statusCodes: readonly number[];
  /** Base of the jittered exponential back-off; the cap is ten times that. */
  readonly backoffMs: number;
  /** Prefer endpoints that this request has not tried. */
  readonly avoidPreviousHosts: boolean;
  /** After every two attempts, priorities whose endpoints have been tried are passed over (Envoy's previous_priorities). */
  readonly otherPriorities?: true;
}
