/**
 * What agents write on pods (src/agent/status). One mark has Istio's name: what its ambient mode writes on a pod that it has taken over,
 * by which Kiali tells pods of the mesh. It counts as ours only where our own status says that we wrote it.
 */
import type { StringMap } from './objects.ts';

export const STATUS_ANNOTATION = 'nodeway.io/status';
/** The same, for `kubectl get pods -L`. */
export const CAPTURED_LABEL = 'nodeway.io/captured';
export const REDIRECTION_ANNOTATION = 'ambient.istio.io/redirection';
export const REDIRECTED = 'enabled';

export interface PodMarks {
  readonly annotation: string | null;
  readonly label: string | null;
  /** Null: none, or none of ours. */
  readonly redirection: string | null;
}

export function ownMarks(annotations: StringMap = {}, labels: StringMap = {}): PodMarks {
  const annotation = annotations[STATUS_ANNOTATION] ?? null;
  const redirection = redirectionIsOurs(annotations) ? (annotations[REDIRECTION_ANNOTATION] ?? null) : null;
  return { annotation, label: labels[CAPTURED_LABEL] ?? null, redirection };
}

/** Whether an agent of ours wrote Istio's annotation. */
export function redirectionIsOurs(annotations: StringMap): boolean {
  return statusOf(annotations[STATUS_ANNOTATION])['ambient'] === true;
}

/** What a status says. Anybody may have written it: what is no object says nothing. */
export function statusOf(annotation: string | null | undefined): Readonly<Record<string, unknown>> {
  try {
    const status: unknown = JSON.parse(annotation ?? '{}');
    return typeof status === 'object' && status !== null ? (status as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}
