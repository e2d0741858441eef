/**
 * Packed records in memory that all threads share. The control thread alone writes; workers read what they have been told of.
 *
 *     write ──place──▶ told to the workers ──replaced by version n──▶ waits ──all workers have settled n──▶ free
 *
 * A place is a number: slab and unit. 0 is none.
 *
 * Invariant (test/l7/packed/record-memory.test.ts): bytes at a place stay until every worker has settled the version that let go of it.
 */
import { PlainReader } from '../../base/plain-data/reader.ts';
import { HEADER, type PackedRecord } from './record-form.ts';
import { VOCABULARY } from './words.ts';

const UNIT = 16;
const UNIT_BITS = 15;
/** Units of a slab of 512 KiB. */
const UNITS = 1 << UNIT_BITS;

const offsetOf = (place: number): number => (place & (UNITS - 1)) * UNIT;

/** What both sides do: reading. */
export class RecordView {
  protected readonly views: Buffer[] = [];
  readonly #reader = new PlainReader(VOCABULARY);

  /** Slabs in the order in which they were made. */
  add(slabs: readonly SharedArrayBuffer[]): void {
    for (const slab of slabs) this.views.push(Buffer.from(slab));
  }

  /** The id of the record. */
  key(place: number): string {
    const view = this.#view(place);
    const from = offsetOf(place) + HEADER;
    return view.toString('latin1', from, from + view.readUInt16LE(from - 2));
  }

  hasKey(place: number, key: string): boolean {
    const view = this.#view(place);
    const from = offsetOf(place) + HEADER;
    if (view.readUInt16LE(from - 2) !== key.length) return false;
    for (let i = 0; i < key.length; i++) if (view[from + i] !== key.charCodeAt(i)) return false;
    return true;
  }

  /** @param last the key of an object behind which nothing is of interest. */
  read(place: number, last?: string): unknown {
    const view = this.#view(place);
    const from = offsetOf(place) + HEADER;
    return this.#reader.read(view, from + view.readUInt16LE(from - 2), this.key(place), last);
  }

  protected sizeOf(place: number): number {
    return this.#view(place).readUInt16LE(offsetOf(place));
  }

  #view(place: number): Buffer {
    return this.views[place >>> UNIT_BITS] as Buffer;
  }
}

export class RecordMemory extends RecordView {
  readonly slabs: SharedArrayBuffer[] = [];
  /** Places by the number of their units. */
  readonly #free = new Map<number, number[]>();
  #leaving: { readonly version: number; readonly places: number[] }[] = [];
  #next = UNITS;

  /** @returns the place of a copy. */
  write(record: PackedRecord): number {
    const units = Math.ceil(record.length / UNIT);
    const place = this.#free.get(units)?.pop() ?? this.#append(units);
    (this.views[place >>> UNIT_BITS] as Buffer).write(record, offsetOf(place), 'latin1');
    return place;
  }

  /** Whether it is the same, its id included. */
  holds(place: number, record: PackedRecord): boolean {
    if (this.sizeOf(place) !== record.length) return false;
    const view = this.views[place >>> UNIT_BITS] as Buffer;
    const from = offsetOf(place);
    for (let at = 0; at < record.length; at++) if (view[from + at] !== record.charCodeAt(at)) return false;
    return true;
  }

  /** From this version on nobody is told of it. */
  free(place: number, version: number): void {
    const last = this.#leaving.at(-1);
    if (last?.version === version) last.places.push(place);
    else this.#leaving.push({ version, places: [place] });
  }

  /** All workers have settled this version. */
  release(version: number): void {
    while ((this.#leaving[0]?.version ?? Infinity) <= version) {
      for (const place of this.#leaving.shift()?.places ?? []) this.#reuse(place);
    }
  }

  #reuse(place: number): void {
    const units = Math.ceil(this.sizeOf(place) / UNIT);
    const free = this.#free.get(units);
    if (free === undefined) this.#free.set(units, [place]);
    else free.push(place);
  }

  #append(units: number): number {
    if (this.#next + units > UNITS) this.#addSlab();
    const place = ((this.slabs.length - 1) << UNIT_BITS) | this.#next;
    this.#next += units;
    return place;
  }

  #addSlab(): void {
    const slab = new SharedArrayBuffer(UNITS * UNIT);
    this.slabs.push(slab);
    this.add([slab]);
    // No record has place 0.
    this.#next = this.slabs.length === 1 ? 1 : 0;
  }
}
