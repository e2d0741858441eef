/** Collects what is wrong with objects among each other; the same thing found on several ways is one problem. */
import { type FieldPath, pathText, placeOf, type Problem, refKey, refOf, type Severity } from '../problem.ts';
import type { ApiObject } from '../objects.ts';
import type { ObjectSet } from './object-set.ts';

export class ProblemLog {
  readonly #objects: ObjectSet;
  readonly #problems = new Map<string, Problem>();

  constructor(objects: ObjectSet) {
    this.#objects = objects;
  }

  add(severity: Severity, subject: ApiObject, path: FieldPath, message: string): void {
    const object = refOf(subject);
    const text = pathText(path);
    const key = `${refKey(object)} ${text} ${message}`;
    if (this.#problems.has(key)) return;
    const origin = this.#objects.origin?.(object) ?? null;
    this.#problems.set(key, { severity, object, path: text, message, ...placeOf(origin, path) });
  }

  list(): Problem[] {
    return [...this.#problems.values()];
  }
}
