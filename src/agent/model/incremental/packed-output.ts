/** An output of which there is much and little is read: values are kept packed. */
import type { Entry, Target } from './cell.ts';
import { Output, type OutputChange } from './output.ts';

/** How values are packed. Two that are equal are packed into the same text. */
export interface Form<V, P extends string> {
  pack(key: string, value: V): P;
  /** Other objects each time. */
  unpack(key: string, packed: P): V;
}

export class PackedOutput<V, P extends string> implements Target {
  readonly values: ReadonlyMap<string, V>;
  readonly #form: Form<V, P>;
  readonly #packed = new Output<P>();

  constructor(form: Form<V, P>) {
    this.#form = form;
    this.values = new PackedMap(this.#packed.values, form);
  }

  held(key: string, value: unknown): P {
    return this.#form.pack(key, value as V);
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
  commit(): OutputChange<P>[] {
    return this.#packed.commit();
  }
}

/** Another object each time that a value is read. */
class PackedMap<V, P extends string> implements ReadonlyMap<string, V> {
  readonly #packed: ReadonlyMap<string, P>;
  readonly #form: Form<V, P>;

  constructor(packed: ReadonlyMap<string, P>, form: Form<V, P>) {
    this.#packed = packed;
    this.#form = form;
  }

  get size(): number {
    return this.#packed.size;
  }

  has(key: string): boolean {
    return this.#packed.has(key);
  }

  get(key: string): V | undefined {
    const packed = this.#packed.get(key);
    return packed === undefined ? undefined : this.#form.unpack(key, packed);
  }

  keys(): MapIterator<string> {
    return this.#packed.keys();
  }

  *values(): Generator<V, undefined> {
    for (const [, value] of this.entries()) yield value;
  }

  *entries(): Generator<[string, V], undefined> {
    for (const [key, packed] of this.#packed) yield [key, this.#form.unpack(key, packed)];
  }

  [Symbol.iterator](): Generator<[string, V], undefined> {
    return this.entries();
  }

  forEach(visit: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this) visit(value, key, this);
  }
}
