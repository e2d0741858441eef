/** What the writers of status ask of the API server: the part of the client that they use, and how its answers are judged. */
import { type ApiAnswer, type ApiCall } from '../sources/kubernetes/api-client.ts';
import { ApiFailure, failureOf, type Status } from '../sources/kubernetes/failure.ts';

export interface ApiCalls {
  call(call: ApiCall, stop: AbortSignal): Promise<ApiAnswer>;
}

/** An object as the server has it now. */
export interface LiveObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly generation?: number;
    readonly resourceVersion: string;
    readonly managedFields?: readonly { readonly manager?: string; readonly subresource?: string }[];
  };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
  readonly observedGeneration?: number;
}

/** The answer, where its status is one of these. @throws ApiFailure for any other. */
export function expected({ status, body, retryAfterMs }: ApiAnswer, ...statuses: readonly number[]): ApiAnswer {
  if (statuses.includes(status)) return { status, body, retryAfterMs };
  const { message = '' } = body as Status;
  throw failureOf(status, { ...(body as Status), message: `${status}: ${message}` }, retryAfterMs);
}

/** Whether the same request may succeed later without anybody's doing. */
export function mayPass(error: unknown): error is ApiFailure {
  return error instanceof ApiFailure && (error.reason === 'unreachable' || error.reason === 'unauthorized');
}

/** The API's form of a time with microseconds. */
export function microTime(now: number): string {
  return new Date(now).toISOString().replace('Z', '000Z');
}

/** The API's form of a time. */
export function wholeTime(now: number): string {
  return new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
}
