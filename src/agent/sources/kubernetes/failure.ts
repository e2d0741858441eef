/** Why a request to the API server came to nothing. Thrown, since it may happen in the middle of any stream. */

/**
 * - `unreachable`: no answer, a broken one, or one that says "later". The same again, after a while.
 * - `unauthorized`: the credentials are not, or no longer, good.
 * - `forbidden`: they are good and do not allow this.
 * - `missing`: the server does not have this resource in this version.
 * - `expired`: the server no longer knows the version that was named, or does not know it yet.
 */
export type Reason = 'unreachable' | 'unauthorized' | 'forbidden' | 'missing' | 'expired';

export class ApiFailure extends Error {
  readonly reason: Reason;
  /** The server asked to wait for so long. */
  readonly retryAfterMs: number;

  constructor(reason: Reason, message: string, retryAfterMs = 0) {
    super(message);
    this.name = 'ApiFailure';
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The API's own object for failures (meta.k8s.io Status), as far as it is read. */
export interface Status {
  readonly code?: number;
  readonly message?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string }[] };
}

/** 400: a version in a form that the server does not know, as of another store. */
const REASONS: Readonly<Record<number, Reason>> = { 400: 'expired', 401: 'unauthorized', 403: 'forbidden', 404: 'missing', 410: 'expired' };

export function failureOf(code: number, status: Status, retryAfterMs = 0): ApiFailure {
  // A server that was restored from a backup is behind what it told before: 504, and this cause.
  const tooLarge = status.details?.causes?.some(({ reason }) => reason === 'ResourceVersionTooLarge') ?? false;
  const reason = tooLarge ? 'expired' : (REASONS[code] ?? 'unreachable');
  return new ApiFailure(reason, status.message ?? `the API server answered ${code}`, retryAfterMs);
}
