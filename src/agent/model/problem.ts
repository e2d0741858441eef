/** What is wrong with an object, in words for its author. */
export type Severity = 'error' | 'unsupported' | 'warning';

export interface ObjectRef {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export interface Problem {
  readonly severity: Severity;
  readonly object: ObjectRef | null;
  /** As `spec.http[0].route[1].weight`; empty for the whole object. */
  readonly path: string;
  readonly message: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export type FieldPath = readonly (string | number)[];

export const refKey = (ref: ObjectRef): string => `${ref.kind}/${ref.namespace}/${ref.name}`;

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
