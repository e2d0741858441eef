/**
 * What of an object is not served, for its author: fields that this release does not serve, fields that the kind does not have, and
 * blocks that are not in effect. The schema's own transforms take these out of what the compiler gets.
 */
import type { FieldPath, Severity } from '../problem.ts';
import type { Shape } from './shape.ts';

export type Complain = (severity: Severity, path: FieldPath, message: string) => void;
type Fields = Readonly<Record<string, unknown>>;

/** Walks schema and value together. The value may have the wrong type. */
export function reportUnserved(shape: Shape, value: unknown, complain: Complain): void {
  new Report(complain).walk(shape, value);
}

class Report {
  readonly #complain: Complain;
  /** Of what is looked at. */
  readonly #path: (string | number)[] = [];

  constructor(complain: Complain) {
    this.#complain = complain;
  }

  walk(shape: Shape, value: unknown): void {
    if (shape.kind === 'unsupported') {
      const exported = this.#path.at(-1) === 'exportTo' && Array.isArray(value) && value.length === 1 && value[0] === '*';
      if (!exported) this.#say('unsupported', [], shape.reason);
    }
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      if (shape.kind === 'list') for (let index = 0; index < value.length; index++) this.#below(index, shape.element, value[index]);
    } else if (shape.kind === 'map' || shape.kind === 'object') this.#fields(shape, value as Fields);
  }

  #fields(shape: Shape & { kind: 'map' | 'object' }, value: Fields): void {
    for (const key of Object.keys(value)) {
      const field = shape.kind === 'map' ? shape.value : shape.fields.get(key)?.shape;
      // The schema library leaves it out, lest it becomes a prototype.
      if (key === '__proto__') this.#say('unsupported', [key], 'a field of this name is not read');
      else if (field !== undefined) this.#below(key, field, value[key]);
      else if (shape.kind === 'object' && !shape.open) this.#say('warning', [key], 'unknown field');
    }
    if (shape.kind !== 'object' || shape.judge === null) return;
    for (const { path, reason, severity = 'unsupported' } of shape.judge(value)) this.#say(severity, path, reason);
  }

  #below(part: string | number, shape: Shape, value: unknown): void {
    this.#path.push(part);
    this.walk(shape, value);
    this.#path.pop();
  }

  #say(severity: Severity, below: FieldPath, message: string): void {
    this.#complain(severity, [...this.#path, ...below], message);
  }
}
