/** What an analysis says of an object. */
import type { FieldPath, ObjectRef, Severity } from '../problem.ts';

export interface Finding {
  readonly code: string;
  readonly severity: Severity;
  readonly object: ObjectRef;
  readonly path: FieldPath;
  readonly message: string;
}

export type Say = (finding: Finding) => void;
