/** What is written on a pod of this node: whether the agent has it, and if not, why. Pure. */
import type { LocalPod } from '../model/compile/index.ts';
import { CAPTURED_LABEL, type PodMarks, REDIRECTED, REDIRECTION_ANNOTATION, STATUS_ANNOTATION, statusOf } from '../model/own-marks.ts';
import { wholeTime } from './api-calls.ts';

export interface PodState {
  readonly captured: boolean;
  /** Why it is not captured although it should be; empty: it is on the way. */
  readonly error: string;
}

export interface MarkSettings {
  /** The agent's version. */
  readonly agent: string;
  /** Whether captured pods get the annotation of Istio's ambient mode too. */
  readonly ambient: boolean;
}

const UNMARKED: PodMarks = { annotation: null, label: null, redirection: null };

/** What it should be marked with; undefined: nothing is decided yet. */
export function marksOf(pod: LocalPod, { captured, error }: PodState, { agent, ambient }: MarkSettings, now: number): PodMarks | undefined {
  if (pod.ended) return undefined;
  if (captured) {
    // A capture outlives agents.
    const since = sinceOf(pod.marks.annotation) ?? wholeTime(now);
    const status = { captured: since, agent, ...(ambient && { ambient }) };
    return { annotation: JSON.stringify(status), label: 'true', redirection: ambient ? REDIRECTED : null };
  }
  if (!pod.enrolled && !pod.asked) return UNMARKED;
  // The kubelet says a pod's addresses when its sandbox runs: until then it is on the way, whatever was looked for in vain.
  const reason = pod.enrolled ? (pod.addresses.length === 0 ? '' : error) : pod.reason;
  return reason === '' ? undefined : { annotation: JSON.stringify({ captured: null, reason, agent }), label: 'false', redirection: null };
}

/** Of the UID: another pod of the same name is left alone by the server. Istio's annotation is left alone where it is not ours. */
export function patchOf({ uid, marks }: LocalPod, { annotation, label, redirection }: PodMarks) {
  const ambient = redirection === marks.redirection ? {} : { [REDIRECTION_ANNOTATION]: redirection };
  return { metadata: { uid, annotations: { [STATUS_ANNOTATION]: annotation, ...ambient }, labels: { [CAPTURED_LABEL]: label } } };
}

export const sameMarks = (a: PodMarks, b: PodMarks): boolean =>
  a.annotation === b.annotation && a.label === b.label && a.redirection === b.redirection;

/** Anybody may have written it. */
function sinceOf(annotation: string | null): string | null {
  const { captured } = statusOf(annotation);
  return typeof captured === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(captured) ? captured : null;
}
