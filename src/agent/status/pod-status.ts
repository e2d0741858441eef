/** What is written on a pod of this node: whether the agent has it, and if not, why. Pure. */
import { CAPTURED_LABEL, type LocalPod, STATUS_ANNOTATION } from '../model/compile/index.ts';
import { wholeTime } from './api-calls.ts';

export interface PodState {
  readonly captured: boolean;
  /** Why it is not captured although it should be; empty: it is on the way. */
  readonly error: string;
}

export interface PodMarks {
  readonly annotation: string | null;
  readonly label: string | null;
}

/** What it should be marked with; undefined: nothing is decided yet. */
export function marksOf(pod: LocalPod, { captured, error }: PodState, agent: string, now: number): PodMarks | undefined {
  if (pod.ended) return undefined;
  if (captured) {
    // A capture outlives agents.
    const since = sinceOf(pod.marks.annotation) ?? wholeTime(now);
    return { annotation: JSON.stringify({ captured: since, agent }), label: 'true' };
  }
  if (!pod.enrolled && !pod.asked) return { annotation: null, label: null };
  const reason = pod.enrolled ? error : pod.reason;
  return reason === '' ? undefined : { annotation: JSON.stringify({ captured: null, reason, agent }), label: 'false' };
}

/** Of the UID: another pod of the same name is left alone by the server. */
export function patchOf(pod: LocalPod, { annotation, label }: PodMarks) {
  const metadata = { uid: pod.uid, annotations: { [STATUS_ANNOTATION]: annotation }, labels: { [CAPTURED_LABEL]: label } };
  return { metadata };
}

export const sameMarks = (a: PodMarks, b: PodMarks): boolean => a.annotation === b.annotation && a.label === b.label;

/** Anybody may have written it. */
function sinceOf(annotation: string | null): string | null {
  try {
    const { captured } = JSON.parse(annotation ?? '{}') as { readonly captured?: unknown };
    return typeof captured === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(captured) ? captured : null;
  } catch {
    return null;
  }
}
