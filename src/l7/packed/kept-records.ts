/**
 * The records of a kind of which there are many, as the control thread keeps them: the light ones only where all workers read them
 * (light.ts), the others as they were packed.
 */
import { isLight, type PackedKind, type PackedRecord, type PackedValues, readRecord, unpackRecord } from './record-form.ts';
import type { RecordMemory } from './record-memory.ts';

/** The place of a light one; another one itself. */
export type Kept<K extends PackedKind> = number | PackedRecord<K>;

export interface KeptChange<K extends PackedKind> {
  readonly id: string;
  /** Can be read until workers have settled the change. */
  readonly before: Kept<K> | undefined;
  /** Undefined: removed. */
  readonly after: Kept<K> | undefined;
}

export class KeptRecords<K extends PackedKind> {
  /** Other objects each time that one is read. */
  readonly values: ReadonlyMap<string, PackedValues[K]>;
  readonly #kind: K;
  readonly #memory: RecordMemory;
  readonly #kept = new Map<string, Kept<K>>();

  constructor(kind: K, memory: RecordMemory) {
    this.#kind = kind;
    this.#memory = memory;
    this.values = new RecordMap(this.#kept, (id, kept) => this.read(id, kept));
  }

  has(id: string): boolean {
    return this.#kept.has(id);
  }

  get(id: string): Kept<K> | undefined {
    return this.#kept.get(id);
  }

  /** @param version of the change that this is part of. @returns null: it is there already. */
  put(id: string, record: PackedRecord<K>, version: number): KeptChange<K> | null {
    const before = this.#kept.get(id);
    if (before === record || (typeof before === 'number' && this.#memory.holds(before, record))) return null;
    const after = isLight(record) ? this.#memory.write(record) : record;
    this.#kept.set(id, after);
    this.#free(before, version);
    return { id, before, after };
  }

  /** @returns null: it was not there. */
  remove(id: string, version: number): KeptChange<K> | null {
    const before = this.#kept.get(id);
    if (before === undefined) return null;
    this.#kept.delete(id);
    this.#free(before, version);
    return { id, before, after: undefined };
  }

  read(id: string, kept: Kept<K>): PackedValues[K] {
    return typeof kept === 'number' ? readRecord(this.#kind, this.#memory.read(kept)) : unpackRecord(this.#kind, id, kept);
  }

  /** Of all that are light. */
  places(): number[] {
    return [...this.#kept.values()].filter((kept) => typeof kept === 'number');
  }

  /** All that are not light. */
  others(): Map<string, PackedValues[K]> {
    const others = [...this.#kept].filter(([, kept]) => typeof kept !== 'number');
    return new Map(others.map(([id, kept]) => [id, this.read(id, kept)]));
  }

  #free(kept: Kept<K> | undefined, version: number): void {
    if (typeof kept === 'number') this.#memory.free(kept, version);
  }
}

class RecordMap<V, K> implements ReadonlyMap<string, V> {
  readonly #kept: ReadonlyMap<string, K>;
  readonly #read: (id: string, kept: K) => V;

  constructor(kept: ReadonlyMap<string, K>, read: (id: string, kept: K) => V) {
    this.#kept = kept;
    this.#read = read;
  }

  get size(): number {
    return this.#kept.size;
  }

  has(id: string): boolean {
    return this.#kept.has(id);
  }

  get(id: string): V | undefined {
    const kept = this.#kept.get(id);
    return kept === undefined ? undefined : this.#read(id, kept);
  }

  keys(): MapIterator<string> {
    return this.#kept.keys();
  }

  *values(): Generator<V, undefined> {
    for (const [, value] of this.entries()) yield value;
  }

  *entries(): Generator<[string, V], undefined> {
    for (const [id, kept] of this.#kept) yield [id, this.#read(id, kept)];
  }

  [Symbol.iterator](): Generator<[string, V], undefined> {
    return this.entries();
  }

  forEach(visit: (value: V, id: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [id, value] of this) visit(value, id, this);
  }
}
