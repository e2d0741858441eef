/** An output of which there is much and little is read: values are kept packed, and given as they were emitted once, with the commit. */
import { pack, type Packed, unpack } from '../packed.ts';
import type { Entry, Target } from './cell.ts';
import { Output, type OutputChange } from './output.ts';

export class PackedOutput<V> implements Target {
  readonly values: ReadonlyMap<string, V>;
  readonly #packed = new Output<Packed<V>>();
  /** What was emitted since the last commit. */
  readonly #fresh = new Map<Packed<V>, V>();

  constructor() {
    this.values = new PackedMap(this.#packed.values);
  }

  held(value: unknown): Packed<V> {
    const packed = pack(value as V);
    this.#fresh.set(packed, value as V);
    return packed;
  }

  emittedFrom(): void {
    // No cell reads an output.
  }

  added(entry: Entry): void {
    this.#packed.added(entry);
  }

  replaced(entry: Entry): void {
    this.#packed.replaced(entry);
  }

  removed(entry: Entry): void {
    this.#packed.removed(entry);
  }

  /** Brings what is pending into `values`. */
  commit(): OutputChange<V>[] {
    const read = (packed: Packed<V> | undefined): V | undefined => (packed === undefined ? undefined : this.#read(packed));
    const changes = this.#packed.commit().map(({ key, before, after }) => ({ key, before: read(before), after: read(after) }));
    this.#fresh.clear();
    return changes;
  }

  #read(packed: Packed<V>): V {
    return this.#fresh.get(packed) ?? unpack(packed);
  }
}

/** Another object each time that a value is read. */
class PackedMap<V> implements ReadonlyMap<string, V> {
  readonly #packed: ReadonlyMap<string, Packed<V>>;

  constructor(packed: ReadonlyMap<string, Packed<V>>) {
    this.#packed = packed;
  }

  get size(): number {
    return this.#packed.size;
  }

  has(key: string): boolean {
    return this.#packed.has(key);
  }

  get(key: string): V | undefined {
    const packed = this.#packed.get(key);
    return packed === undefined ? undefined : unpack(packed);
  }

  keys(): MapIterator<string> {
    return this.#packed.keys();
  }

  *values(): Generator<V, undefined> {
    for (const packed of this.#packed.values()) yield unpack(packed);
  }

  *entries(): Generator<[string, V], undefined> {
    for (const [key, packed] of this.#packed) yield [key, unpack(packed)];
  }

  [Symbol.iterator](): Generator<[string, V], undefined> {
    return this.entries();
  }

  forEach(visit: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this) visit(value, key, this);
  }
}
