/** The last good version of every object, and what is wrong with the versions that were refused. */
import type { ObjectSink, Origin, RawObject } from '../sources/source.ts';
import { type ObjectRef, type Problem, refKey } from './problem.ts';
import { checkObject } from './schema/index.ts';

export type ObjectState = 'accepted' | 'refused' | 'previous-in-force';

interface Entry {
  readonly ref: ObjectRef;
  readonly good: RawObject | null;
  readonly origin: Origin;
  readonly state: ObjectState;
  readonly problems: readonly Problem[];
}

export class ObjectStore implements ObjectSink {
  readonly #entries = new Map<string, Entry>();
  readonly #fileProblems = new Map<string, readonly Problem[]>();
  readonly #onChange: () => void;
  #scheduled = false;
  #synced = false;

  /** `onChange` is called once for all changes of a turn, and not before the source has told everything. */
  constructor(onChange: () => void = () => {}) {
    this.#onChange = onChange;
  }

  upsert(object: RawObject, origin: Origin): void {
    const ref = { kind: object.kind, namespace: object.metadata.namespace ?? '', name: object.metadata.name };
    const before = this.#entries.get(refKey(ref));
    const { value, problems } = checkObject(object, ref, origin);
    const good = value ?? before?.good ?? null;
    const state: ObjectState = value !== null ? 'accepted' : good !== null ? 'previous-in-force' : 'refused';
    this.#entries.set(refKey(ref), { ref, good, origin, state, problems });
    this.#changed();
  }

  remove(ref: ObjectRef): void {
    if (this.#entries.delete(refKey(ref))) this.#changed();
  }

  problem(file: string, problems: readonly Problem[]): void {
    if (problems.length === 0 ? !this.#fileProblems.delete(file) : false) return;
    if (problems.length > 0) this.#fileProblems.set(file, problems);
    this.#changed();
  }

  synced(): void {
    this.#synced = true;
    this.#changed();
  }

  /** What the compiler reads: the versions in force. By file name and line, which is the order of objects without a creation time. */
  list(kind: string): RawObject[] {
    const found = [...this.#entries.values()].filter((entry) => entry.ref.kind === kind && entry.good !== null);
    found.sort((a, b) => (a.origin.file === b.origin.file ? a.origin.line - b.origin.line : a.origin.file < b.origin.file ? -1 : 1));
    return found.map((entry) => entry.good as RawObject);
  }

  origin(ref: ObjectRef): Origin | null {
    return this.#entries.get(refKey(ref))?.origin ?? null;
  }

  state(ref: ObjectRef): ObjectState | null {
    return this.#entries.get(refKey(ref))?.state ?? null;
  }

  problems(): Problem[] {
    return [...this.#fileProblems.values(), ...[...this.#entries.values()].map((entry) => entry.problems)].flat();
  }

  #changed(): void {
    if (this.#scheduled || !this.#synced) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#onChange();
    });
  }
}
