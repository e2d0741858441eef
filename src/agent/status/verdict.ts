/** What is told of an object, from all of its problems. Pure. */
import { createHash } from 'node:crypto';
import type { ObjectRef, Problem } from '../model/problem.ts';
import { microTime, wholeTime, type Condition, type LiveObject } from './api-calls.ts';

const REASONS = ['Accepted', 'Warned', 'PartlyServed', 'Refused'] as const;
type Reason = (typeof REASONS)[number];
/** Whether a condition's reason is one that agents give. */
export const isReason = (text: string | undefined): boolean => REASONS.some((reason) => reason === text);

export interface Verdict {
  readonly ref: ObjectRef;
  readonly reason: Reason;
  readonly message: string;
}

/** Of the Istio kinds' own status. */
export const CONDITION = 'Reconciled';
export const FIELD_MANAGER = 'nodeway';
/** The API's limit of a note is 1 kB. */
const LONGEST_NOTE = 1000;
const LONGEST_MESSAGE = 8000;
const RANKS = ['error', 'unsupported', 'warning'] as const;

export function verdictOf(ref: ObjectRef, problems: readonly Problem[]): Verdict {
  const sorted = RANKS.flatMap((rank) => problems.filter(({ severity }) => severity === rank));
  const message = sorted.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('\n');
  const has = (severity: Problem['severity']): boolean => problems.some((problem) => problem.severity === severity);
  const reason = has('error') ? 'Refused' : has('unsupported') ? 'PartlyServed' : has('warning') ? 'Warned' : 'Accepted';
  return { ref, reason, message: reason === 'Accepted' ? 'everything that it says is in effect' : message };
}

/** Null: it says so already. */
export function conditionFor({ reason, message }: Verdict, { metadata, status }: LiveObject, now: number): Condition | null {
  const before = status?.conditions?.find(({ type }) => type === CONDITION);
  const verdict = reason === 'Refused' || reason === 'PartlyServed' ? 'False' : 'True';
  const observed = metadata.generation === undefined ? {} : { observedGeneration: metadata.generation };
  const text = shortened(message, LONGEST_MESSAGE);
  const same = before?.status === verdict && before.reason === reason && before.message === text;
  if (same && before.observedGeneration === metadata.generation) return null;
  const lastTransitionTime = before?.status === verdict ? (before.lastTransitionTime ?? wholeTime(now)) : wholeTime(now);
  return { type: CONDITION, status: verdict, reason, message: text, lastTransitionTime, ...observed };
}

export interface EventText {
  readonly reason: string;
  readonly message: string;
  readonly type: 'Normal' | 'Warning';
}

/** Its name says what it tells, so that two agents, and one agent twice, tell it once. */
export function eventOf({ apiVersion, kind, metadata }: LiveObject, { reason, message, type }: EventText, node: string, now: number) {
  const { name, uid, namespace = '' } = metadata;
  const note = shortened(message, LONGEST_NOTE);
  const id = createHash('sha256').update(`${uid}\0${reason}\0${note}`).digest('hex').slice(0, 16);
  return {
    ...{ apiVersion: 'events.k8s.io/v1', kind: 'Event' },
    metadata: { name: `${name.slice(0, 200)}.${id}`, namespace: namespace === '' ? 'default' : namespace },
    ...{ eventTime: microTime(now), reportingController: 'nodeway.io/agent', reportingInstance: `nodeway-${node}`.slice(0, 128) },
    ...{ action: 'Check', reason, type, note },
    regarding: { apiVersion, kind, name, uid, ...(namespace !== '' && { namespace }) },
  };
}

/** Not within a character of two code units. */
function shortened(text: string, longest: number): string {
  if (text.length <= longest) return text;
  return `${text.slice(0, longest - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
