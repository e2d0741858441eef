/**
 * What of an object is not served, for its author: fields that this release does not serve, fields that the kind does not have, and
 * blocks that are not in effect. The schema's own transforms take these out of what the compiler gets.
 */
import type { FieldPath, Severity } from '../problem.ts';
import type { Judge, Met } from './fields.ts';
import type { Judging, Shape } from './shape.ts';

export type Complain = (severity: Severity, path: FieldPath, message: string) => void;
type Fields = Readonly<Record<string, unknown>>;

/**
 * Walks schema and value together, in the order in which the schema is parsed. The value may have the wrong type.
 *
 * @param met blocks to be judged, as a parse of the whole value has met them; null: it is not valid as a whole, and each is parsed by itself.
 */
export function reportUnserved(shape: Shape, value: unknown, met: Met | null, complain: Complain): void {
  new Report(met, complain).walk(shape, value);
}

class Report {
  readonly #complain: Complain;
  /** Of what is looked at. */
  readonly #path: (string | number)[] = [];

  readonly #met: Met | null;
  /** How many of each judge's blocks have been judged. */
  readonly #judged = new Map<Judge, number>();

  constructor(met: Met | null, complain: Complain) {
    this.#met = met;
    this.#complain = complain;
  }

  walk(shape: Shape, value: unknown): void {
    if (shape.kind === 'unsupported') {
      this.#say('unsupported', [], shape.reason);
      this.walk(shape.of, value);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      if (shape.kind === 'list') for (let index = 0; index < value.length; index++) this.#below(index, shape.element, value[index]);
    } else if (shape.kind === 'map' || shape.kind === 'object') this.#fields(shape, value as Fields);
  }

  #fields(shape: Shape & { kind: 'map' | 'object' }, value: Fields): void {
    if (shape.kind === 'map') for (const key of Object.keys(value)) this.#entry(key, shape.value, value);
    else {
      for (const [key, { shape: below }] of shape.fields) if (Object.hasOwn(value, key)) this.#entry(key, below, value);
      for (const key of Object.keys(value)) if (!shape.fields.has(key)) this.#unknown(key, shape.open);
      if (shape.judge !== null) this.#judge(shape.judge, value);
    }
  }

  #entry(key: string, shape: Shape, value: Fields): void {
    if (key === '__proto__') this.#unknown(key, true);
    else this.#below(key, shape, value[key]);
  }

  #unknown(key: string, open: boolean): void {
    // The schema library leaves it out, lest it becomes a prototype.
    if (key === '__proto__') this.#say('unsupported', [key], 'a field of this name is not read');
    else if (!open) this.#say('warning', [key], 'unknown field');
  }

  #judge({ judge, read }: Judging, value: unknown): void {
    const index = this.#judged.get(judge) ?? 0;
    this.#judged.set(judge, index + 1);
    const met = this.#met?.get(judge);
    if (met === undefined || index >= met.length) {
      const found = read(value);
      if (found !== null) this.#judgment(judge, found.block);
    } else this.#judgment(judge, met[index] as never);
  }

  #judgment(judge: Judge, block: never): void {
    for (const { path, reason, severity = 'unsupported' } of judge(block)) this.#say(severity, path, reason);
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
