/** The last good version of every object, and what is wrong with the versions that were refused. */
import type { Clock } from '../../base/clock.ts';
import type { ObjectSink, Origin, RawObject } from '../sources/source.ts';
import { type ObjectRef, type Problem, refKey } from './problem.ts';
import { checkObject } from './schema/index.ts';

/** Of what the source gave last. `previous-in-force`: that was refused, and what it gave before still holds. */
export type ObjectState = 'accepted' | 'refused' | 'previous-in-force';

export interface ObjectStatus {
  readonly ref: ObjectRef;
  readonly state: ObjectState;
  /** When it got into this state, in milliseconds since the epoch; 0 for a store without clock. */
  readonly since: number;
}

interface Entry {
  readonly ref: ObjectRef;
  readonly good: RawObject | null;
  readonly origin: Origin;
  readonly state: ObjectState;
  readonly since: number;
  readonly problems: readonly Problem[];
}

export class ObjectStore implements ObjectSink {
  readonly #entries = new Map<string, Entry>();
  readonly #fileProblems = new Map<string, readonly Problem[]>();
  readonly #onChange: () => void;
  readonly #clock: Pick<Clock, 'now'> | null;
  #scheduled = false;
  #synced = false;

  /** `onChange` is called once for all changes of a turn, and not before the source has told everything. */
  constructor(onChange: () => void = () => {}, clock: Pick<Clock, 'now'> | null = null) {
    this.#onChange = onChange;
    this.#clock = clock;
  }

  upsert(object: RawObject, origin: Origin): void {
    const ref = { kind: object.kind, namespace: object.metadata.namespace ?? '', name: object.metadata.name };
    const before = this.#entries.get(refKey(ref));
    const { value, problems } = checkObject(object, ref, origin);
    const good = value ?? before?.good ?? null;
    const state: ObjectState = value !== null ? 'accepted' : good !== null ? 'previous-in-force' : 'refused';
    const since = before?.state === state ? before.since : (this.#clock?.now() ?? 0);
    this.#entries.set(refKey(ref), { ref, good, origin, state, since, problems });
    this.#changed();
  }

  remove(ref: ObjectRef): void {
    if (this.#entries.delete(refKey(ref))) this.#changed();
  }

  problem(file: string, problems: readonly Problem[]): void {
    // Sources repeat what they see with each look; only news is a change.
    if (JSON.stringify(problems) === JSON.stringify(this.#fileProblems.get(file) ?? [])) return;
    if (problems.length > 0) this.#fileProblems.set(file, problems);
    else this.#fileProblems.delete(file);
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

  status(ref: ObjectRef): ObjectStatus | null {
    const entry = this.#entries.get(refKey(ref));
    return entry === undefined ? null : { ref: entry.ref, state: entry.state, since: entry.since };
  }

  /** Of files first, then of the objects; with a clock, a refused object's begin with since when it is refused. */
  problems(): Problem[] {
    return [...this.#fileProblems.values(), ...[...this.#entries.values()].map((entry) => this.#problemsOf(entry))].flat();
  }

  #problemsOf({ ref, origin, state, since, problems }: Entry): readonly Problem[] {
    if (state === 'accepted' || this.#clock === null || !problems.some(({ severity }) => severity === 'error')) return problems;
    const { file, line, column } = origin;
    const inForce = state === 'refused' ? 'nothing of it is in force' : 'the version before it stays in force';
    const message = `refused since ${new Date(since).toISOString()}; ${inForce}`;
    return [{ severity: 'error', object: ref, path: '', message, file, line, column }, ...problems];
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
