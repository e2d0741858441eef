/**
 * Packed records by their key, some bytes each: a worker holds numbers, the keys themselves lie with the records. A record has the same
 * number as long as it exists. Changes together with everything else (src/base/epoch.ts); what is staged is settled by `Later`.
 */
import { change, current, settled, upcoming, type Changing, type Epoch, type Held } from '../../base/epoch.ts';
import { tableHash } from '../../base/hash.ts';
import type { RecordView } from '../packed/record-memory.ts';

const FREE = 0;
const GONE = -1;
const FIRST_SLOTS = 64;
/** Records that settle in one step. */
const STEP = 64;
/** A power of two. Each part grows by itself, so that no step takes long. */
const SHARDS = 16;

/** Open addressing over the numbers of records. */
class Shard {
  slots = new Int32Array(FIRST_SLOTS);
  /** Slots that are not free. */
  used = 0;
}

export class RecordTable implements Changing {
  readonly #memory: RecordView;
  readonly #epoch: Epoch;
  readonly #shards = Array.from({ length: SHARDS }, () => new Shard());
  /** By number; 0: no record. */
  readonly #places: Held<number>[] = [];
  readonly #hashes: number[] = [];
  readonly #unused: number[] = [];
  #touched: number[] = [];

  constructor(memory: RecordView, epoch: Epoch) {
    this.#memory = memory;
    this.#epoch = epoch;
  }

  /** Records that are there, will be or were. */
  get bound(): number {
    return this.#places.length - this.#unused.length;
  }

  /** The number of a record; -1: there is none, nor has one been staged. */
  find(key: string): number {
    const hash = tableHash(key);
    const { slots } = this.#shards[hash & (SHARDS - 1)] as Shard;
    const mask = slots.length - 1;
    for (let k = (hash >>> 4) & mask, slot = slots[k] as number; slot !== FREE; slot = slots[(k = (k + 1) & mask)] as number) {
      if (slot !== GONE && this.#hashes[slot - 1] === hash && this.#memory.hasKey(this.#anyPlace(slot - 1), key)) return slot - 1;
    }
    return -1;
  }

  /** Where the record is that readers see; 0: none. */
  current(number: number): number {
    return number < 0 ? 0 : current(this.#places[number] as Held<number>, this.#epoch);
  }

  /** What `current` will be. */
  upcoming(number: number): number {
    return number < 0 ? 0 : upcoming(this.#places[number] as Held<number>);
  }

  /** A number for a record that is not known, to be staged at once. */
  add(key: string): number {
    const hash = tableHash(key);
    const number = this.#unused.pop() ?? this.#places.length;
    this.#places[number] = 0;
    this.#hashes[number] = hash;
    this.#place(this.#shards[hash & (SHARDS - 1)] as Shard, number);
    return number;
  }

  /** @param place 0: the record goes. @returns whether this table has to be settled now, and had not before. */
  stage(number: number, place: number): boolean {
    const held = this.#places[number] as Held<number>;
    const next = change<number>(held, place, this.#epoch);
    this.#places[number] = next;
    if (next === 0) this.#remove(number);
    if (typeof next === 'number' || held === next) return false;
    return this.#touched.push(number) === 1;
  }

  settle(): boolean {
    for (let step = 0; step < STEP; step++) {
      const number = this.#touched.pop();
      if (number === undefined) return true;
      const place = settled(this.#places[number] as Held<number>, this.#epoch);
      // Its key is found at the place that is left.
      if (place === 0) this.#remove(number);
      else this.#places[number] = place;
    }
    return false;
  }

  /** A place at which the key of a record stands. */
  #anyPlace(number: number): number {
    const held = this.#places[number] as Held<number>;
    return typeof held === 'number' ? held : held.to === 0 ? held.from : held.to;
  }

  #place(shard: Shard, number: number): void {
    if (2 * (shard.used + 1) > shard.slots.length) this.#rebuild(shard);
    const mask = shard.slots.length - 1;
    let k = ((this.#hashes[number] as number) >>> 4) & mask;
    while (shard.slots[k] !== FREE) k = (k + 1) & mask;
    shard.slots[k] = number + 1;
    shard.used++;
  }

  #remove(number: number): void {
    const hash = this.#hashes[number] as number;
    const { slots } = this.#shards[hash & (SHARDS - 1)] as Shard;
    const mask = slots.length - 1;
    let k = (hash >>> 4) & mask;
    while (slots[k] !== number + 1) k = (k + 1) & mask;
    slots[k] = GONE;
    this.#places[number] = 0;
    this.#unused.push(number);
  }

  #rebuild(shard: Shard): void {
    const numbers = shard.slots.filter((slot) => slot > 0);
    let size = FIRST_SLOTS;
    while (size < 4 * numbers.length) size *= 2;
    shard.slots = new Int32Array(size);
    shard.used = 0;
    for (const number of numbers) this.#place(shard, number - 1);
  }
}
