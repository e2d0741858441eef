/** What is wrong with an object, in words for its author. */
import { internal } from '../../base/internal.ts';

export type Severity = 'error' | 'unsupported' | 'warning';

/** A kind of an API group. Groups are independent: Gateways of Istio and of the Gateway API are two types. */
export interface ObjectType {
  /** Without a version; empty for the core group. */
  readonly group: string;
  readonly kind: string;
}

export interface ObjectRef extends ObjectType {
  /** Empty for what lives in no namespace. */
  readonly namespace: string;
  readonly name: string;
}

export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface Problem {
  readonly severity: Severity;
  readonly object: ObjectRef | null;
  /** As `spec.http[0].route[1].weight`; empty for the whole object. */
  readonly path: string;
  readonly message: string;
  /** Empty for an object that is in no file; its line and column are 0. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Of one object. Its place is that of the field, and moves with it; without one it concerns the whole object. */
export interface Finding {
  readonly severity: Severity;
  readonly path: string;
  readonly message: string;
  readonly place: Place | null;
}

/** What is wrong with something now; it replaces what was wrong with it before. */
export interface ProblemNews {
  /** An object, a file, or whatever else has problems of its own. */
  readonly subject: string;
  readonly problems: readonly Problem[];
}

export type FieldPath = readonly (string | number)[];

const groupOf = (apiVersion: string): string => internal(apiVersion.slice(0, Math.max(0, apiVersion.indexOf('/'))));

export const typeKey = ({ group, kind }: ObjectType): string => `${group}/${kind}`;
export const refKey = (ref: ObjectRef): string => internal(`${ref.group}/${ref.kind}/${ref.namespace}/${ref.name}`);

/** Of an object as the API writes it. */
export function refOf(object: {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string | undefined };
}): ObjectRef {
  const { apiVersion, kind, metadata } = object;
  return { group: groupOf(apiVersion), kind: internal(kind), namespace: internal(metadata.namespace ?? ''), name: internal(metadata.name) };
}

interface Placed {
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  locate(path: FieldPath): Place | null;
}

/** File, line and column of a field, as far as they are known. */
export function placeOf(origin: Placed | null, path: FieldPath): Pick<Problem, 'file' | 'line' | 'column'> {
  if (origin?.file === undefined) return { file: '', line: 0, column: 0 };
  const { file, line = 0, column = 0 } = origin;
  return { file, line, column, ...(path.length === 0 ? {} : origin.locate(path)) };
}

export function pathText(path: FieldPath): string {
  return path.reduce<string>((text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`), '');
}

/** One line, whatever a library's message looks like. */
export function problemText(problem: Problem): string {
  const [firstLine] = problem.message.split('\n', 1);
  const object = problem.object === null ? '' : `${problem.object.kind} ${problem.object.namespace}/${problem.object.name}: `;
  const field = problem.path === '' ? '' : `${problem.path}: `;
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.severity}: ${object}${field}${firstLine}`;
}
