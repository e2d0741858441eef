/** Problems and objects as people read them: in the log, at the admin endpoint and in `nodeway status`. Plain data. */
import { type ObjectRef, type Place, type Problem, refKey } from './problem.ts';
import type { ObjectState, ObjectStatus } from './store.ts';

export interface ProblemReport {
  readonly severity: string;
  /** `Kind namespace/name`, empty where none could be read. */
  readonly object: string;
  readonly path: string;
  readonly message: string;
  /** `file:line:column`. */
  readonly where: string;
}

export function reportOf({ severity, object, path, message, file, line, column }: Problem): ProblemReport {
  const named = object === null ? '' : `${object.kind} ${object.namespace}/${object.name}`;
  return { severity, object: named, path, message, where: file === '' ? '' : `${file}:${line}:${column}` };
}

/** What became of an object of the configuration. */
export interface ObjectReport {
  readonly group: string;
  readonly kind: string;
  /** Empty for what lives in no namespace. */
  readonly namespace: string;
  readonly name: string;
  /** What holds of the version that was given last. */
  readonly state: ObjectState;
  /** Since when, in milliseconds since the epoch; 0: unknown. */
  readonly since: number;
  /** `file:line` of the version in effect; empty for an object of an API server. */
  readonly where: string;
  /** The worst first. */
  readonly problems: readonly ProblemReport[];
}

const RANKS: Readonly<Record<Problem['severity'], number>> = { error: 0, unsupported: 1, warning: 2 };

/** @param statuses of objects that are told of whether or not they have problems; others are told of if they have. */
export function objectReports(
  statuses: readonly ObjectStatus[],
  problems: readonly Problem[],
  placeOf: (ref: ObjectRef) => Place & { readonly file: string },
): ObjectReport[] {
  const ofObjects = problems.filter((problem): problem is Problem & { object: ObjectRef } => problem.object !== null);
  const byObject = Map.groupBy(ofObjects, ({ object }) => refKey(object));
  const known = new Map(statuses.map((status) => [refKey(status.ref), status]));
  for (const [key, [first]] of byObject) {
    if (first !== undefined && !known.has(key)) known.set(key, { ref: first.object, state: 'accepted', since: 0 });
  }
  return [...known].map(([key, { ref, state, since }]) => {
    const own = (byObject.get(key) ?? []).sort((a, b) => RANKS[a.severity] - RANKS[b.severity]);
    const { file, line } = placeOf(ref);
    return { ...ref, state, since, where: file === '' ? '' : `${file}:${line}`, problems: own.map((problem) => reportOf(problem)) };
  });
}
