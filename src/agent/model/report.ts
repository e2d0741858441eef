/** A problem as people read it: in the log, at the admin endpoint and in `nodeway status`. Plain data. */
import type { Problem } from './problem.ts';

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
