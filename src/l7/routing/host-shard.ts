/** A part of a host index: open addressing over entries whose names lie packed in one array of bytes. */
import { lower } from '../message/ascii.ts';
import { Change, change, current, settled, upcoming, type Epoch, type Held } from '../../base/epoch.ts';

const FREE = 0;
const GONE = -1;
const FIRST_SLOTS = 16;
/** What is known of an entry: hash, table, start of its name, length of its name. */
const FIELDS = 4;

export class HostShard<V> {
  /** Entry + 1, FREE or GONE. */
  #slots = new Int32Array(FIRST_SLOTS);
  #meta = new Int32Array((FIRST_SLOTS / 2) * FIELDS);
  #names = new Uint8Array(FIRST_SLOTS * 8);
  #values: Held<V | undefined>[] = [];
  /** Slots that are not free. */
  #used = 0;
  #nameEnd = 0;
  /** Entries that are in the table. */
  #live = 0;

  get live(): number {
    return this.#live;
  }

  /** The entry of the name `bytes[start, end)` in `table`, or -1. */
  find(hash: number, table: number, bytes: Uint8Array, start: number, end: number): number {
    const slots = this.#slots;
    const meta = this.#meta;
    const mask = slots.length - 1;
    for (let k = hash & mask, slot = slots[k] as number; slot !== FREE; slot = slots[(k = (k + 1) & mask)] as number) {
      if (slot < 0) continue;
      const at = (slot - 1) * FIELDS;
      if (meta[at] === hash && meta[at + 1] === table && meta[at + 3] === end - start) {
        if (this.#same(meta[at + 2] as number, bytes, start, end)) return slot - 1;
      }
    }
    return -1;
  }

  get(entry: number, epoch: Epoch): V | undefined {
    return current(this.#values[entry], epoch);
  }

  upcoming(entry: number): V | undefined {
    return upcoming(this.#values[entry]);
  }

  /** @returns whether the entry is to be settled, and was not before. */
  stage(hash: number, table: number, name: Uint8Array, value: V | undefined, epoch: Epoch): boolean {
    const known = this.find(hash, table, name, 0, name.length);
    const held = known < 0 ? undefined : this.#values[known];
    const next = change<V | undefined>(held, value, epoch);
    if (next === undefined) {
      if (known >= 0) this.#remove(known);
      return false;
    }
    // The array may be another one after an entry has been added.
    const entry = known < 0 ? this.#add(hash, table, name) : known;
    this.#values[entry] = next;
    return next instanceof Change && held !== next;
  }

  settle(hash: number, table: number, name: Uint8Array, epoch: Epoch): void {
    const entry = this.find(hash, table, name, 0, name.length);
    if (entry < 0) return;
    const value = settled(this.#values[entry], epoch);
    if (value === undefined) this.#remove(entry);
    else this.#values[entry] = value;
  }

  #add(hash: number, table: number, name: Uint8Array): number {
    if (2 * (this.#used + 1) > this.#slots.length || this.#values.length === this.#meta.length / FIELDS) this.#rebuild();
    while (this.#nameEnd + name.length > this.#names.length) this.#names = grown(this.#names);
    const entry = this.#values.length;
    this.#values.push(undefined);
    this.#meta.set([hash, table, this.#nameEnd, name.length], entry * FIELDS);
    this.#names.set(name, this.#nameEnd);
    this.#nameEnd += name.length;
    this.#place(hash, entry);
    this.#live++;
    return entry;
  }

  #place(hash: number, entry: number): void {
    const mask = this.#slots.length - 1;
    let k = hash & mask;
    while (this.#slots[k] !== FREE) k = (k + 1) & mask;
    this.#slots[k] = entry + 1;
    this.#used++;
  }

  #remove(entry: number): void {
    const mask = this.#slots.length - 1;
    let k = (this.#meta[entry * FIELDS] as number) & mask;
    while (this.#slots[k] !== entry + 1) k = (k + 1) & mask;
    this.#slots[k] = GONE;
    this.#values[entry] = undefined;
    this.#live--;
  }

  /** Packs what is there and makes room for as much again. A shard is small: this takes microseconds. */
  #rebuild(): void {
    const { live } = this;
    const entries = [...this.#slots].filter((slot) => slot > 0).map((slot) => slot - 1);
    const [meta, names, values] = [this.#meta, this.#names, this.#values];
    let size = FIRST_SLOTS;
    while (size < 4 * live) size *= 2;
    this.#slots = new Int32Array(size);
    this.#meta = new Int32Array((size / 2) * FIELDS);
    this.#names = new Uint8Array(names.length);
    this.#values = [];
    this.#used = this.#nameEnd = 0;
    for (const from of entries) {
      const entry = this.#values.push(values[from]) - 1;
      const [hash, table, start, length] = meta.subarray(from * FIELDS, (from + 1) * FIELDS) as unknown as [number, number, number, number];
      this.#meta.set([hash, table, this.#nameEnd, length], entry * FIELDS);
      this.#names.set(names.subarray(start, start + length), this.#nameEnd);
      this.#nameEnd += length;
      this.#place(hash, entry);
    }
  }

  #same(at: number, bytes: Uint8Array, start: number, end: number): boolean {
    const names = this.#names;
    for (let i = start, n = at; i < end; i++, n++) if (lower(bytes[i] as number) !== names[n]) return false;
    return true;
  }
}

function grown(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(2 * bytes.length);
  larger.set(bytes);
  return larger;
}
