/** HTTPRetry with Istio's defaults, and the mesh's. */
import type { RetryCondition, RetryConfig } from '../../../l7/config/retry.ts';
import type { HttpRetry } from '../objects.ts';
import { milliseconds } from './durations.ts';

const CONDITIONS: Readonly<Record<RetryCondition, true>> = {
  '5xx': true,
  'gateway-error': true,
  reset: true,
  'reset-before-request': true,
  'connect-failure': true,
  'refused-stream': true,
  'retriable-4xx': true,
  'retriable-status-codes': true,
  'retriable-headers': true,
  'envoy-ratelimited': true,
  'http3-post-connect-failure': true,
  cancelled: true,
  'deadline-exceeded': true,
  internal: true,
  'resource-exhausted': true,
  unavailable: true,
};

/** Istio's since 1.24. */
const DEFAULT_ON = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes';
const DEFAULT_ATTEMPTS = 2;
/** Envoy's. */
const DEFAULT_BACKOFF_MS = 25;

const isRetryCondition = (word: string): word is RetryCondition => Object.hasOwn(CONDITIONS, word);

/**
 * @param retries of the route. @param meshDefault replaces Istio's default as a whole; besides, `retries` that name no conditions
 * take the mesh's (docs/adr/0040-mesh-retry-profile.md).
 * @param hashed the route has one destination and that is chosen by consistent hash, which must find the same endpoint again.
 */
export function retryConfig(retries: HttpRetry | undefined, meshDefault: HttpRetry | undefined, hashed: boolean): RetryConfig | null {
  // Of most routes in most meshes: one object for all.
  if (retries === undefined && meshDefault === undefined) return hashed ? DEFAULT_HASHED : DEFAULT;
  return compiled(retries ?? meshDefault ?? {}, meshDefault, hashed);
}

function compiled(policy: HttpRetry, meshDefault: HttpRetry | undefined, hashed: boolean): RetryConfig | null {
  const { attempts = 0 } = policy;
  if (attempts <= 0) return null;
  const { on, statusCodes } = parseRetryOn(policy.retryOn || meshDefault?.retryOn || DEFAULT_ON);
  return {
    attempts,
    perTryTimeoutMs: milliseconds(policy.perTryTimeout),
    on,
    statusCodes,
    backoffMs: policy.backoff === undefined ? DEFAULT_BACKOFF_MS : Math.max(1, milliseconds(policy.backoff)),
    avoidPreviousHosts: policy.retryIgnorePreviousHosts ?? !hashed,
    ...(policy.retryRemoteLocalities === true && { otherPriorities: true as const }),
  };
}

/** Conditions and status codes stand in one list; codes alone imply that they are retried on. */
function parseRetryOn(text: string): { readonly on: RetryCondition[]; readonly statusCodes: number[] } {
  const words = text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  const codes = words.filter((word) => /^[1-5][0-9][0-9]$/.test(word));
  const on = new Set(words.filter(isRetryCondition));
  if (codes.length > 0) on.add('retriable-status-codes');
  return { on: [...on], statusCodes: [...new Set(codes.map(Number))] };
}

const DEFAULT = compiled({ attempts: DEFAULT_ATTEMPTS }, undefined, false);
const DEFAULT_HASHED = compiled({ attempts: DEFAULT_ATTEMPTS }, undefined, true);
