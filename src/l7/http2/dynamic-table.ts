/**
 * HPACK's dynamic table (RFC 7541 §2.3.2, §4): the newest entry has index 1. Names and values lie behind each other in one array, which
 * is made when the first entry comes, so that a connection without entries costs nothing and an entry no allocation.
 *
 * Invariants (test/l7/http2/hpack.test.ts): `size` is the sum of the entries' sizes and never above `limit`; the array holds twice the
 * largest limit that the connection ever had, at most.
 */

import { copyBytes } from '../message/copy-bytes.ts';

/** What an entry counts beyond its text (RFC 7541 §4.1). */
export const ENTRY_OVERHEAD = 32;

const FIRST_ENTRIES = 16;
/** Words for each entry: where its name begins, and the lengths of name and value. */
const WORDS = 3;

export class DynamicTable {
  /** What may be in it now; at most the bound that its owner has agreed to. */
  limit: number;
  size = 0;
  count = 0;
  /** Entries ever added. */
  added = 0;
  /** Changes with every change of what is in it. */
  version = 0;
  bytes: Uint8Array = new Uint8Array(0);
  /** Where the next entry's text goes. */
  #end = 0;
  /** A ring of entries; `#newest` is the place of the last one. */
  #entries = new Int32Array(FIRST_ENTRIES * WORDS);
  #newest = -1;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Where the text of entry `index` (from 1, at most `count`) begins in `bytes`. */
  nameStart(index: number): number {
    return this.#entries[this.#at(index)] as number;
  }

  nameEnd(index: number): number {
    const at = this.#at(index);
    return (this.#entries[at] as number) + (this.#entries[at + 1] as number);
  }

  /** The value begins where the name ends. */
  valueEnd(index: number): number {
    const at = this.#at(index);
    return (this.#entries[at] as number) + (this.#entries[at + 1] as number) + (this.#entries[at + 2] as number);
  }

  resize(limit: number): void {
    this.limit = limit;
    this.version++;
    while (this.size > limit) this.#evict();
  }

  /** One that is larger than the table empties it (RFC 7541 §4.4). The text may not lie in this table. @returns whether it is there now. */
  add(names: Uint8Array, nameStart: number, nameEnd: number, values: Uint8Array, valueStart: number, valueEnd: number): boolean {
    const name = nameEnd - nameStart;
    const value = valueEnd - valueStart;
    const size = name + value + ENTRY_OVERHEAD;
    this.version++;
    while (this.count > 0 && this.size + size > this.limit) this.#evict();
    if (size > this.limit) return false;
    const start = this.#room(name + value);
    copyBytes(values, valueStart, valueEnd, this.bytes, copyBytes(names, nameStart, nameEnd, this.bytes, start));
    this.#end = start + name + value;
    this.#push(start, name, value);
    this.size += size;
    this.added++;
    return true;
  }

  #evict(): void {
    this.size -= this.valueEnd(this.count) - this.nameStart(this.count) + ENTRY_OVERHEAD;
    this.count--;
  }

  /** Room for text behind the newest entry; what is still needed moves to the front when the end is reached. */
  #room(length: number): number {
    if (this.count === 0) this.#end = 0;
    if (this.#end + length <= this.bytes.length) return this.#end;
    const first = this.count === 0 ? 0 : this.nameStart(this.count);
    const used = this.#end - first;
    const wanted = Math.min(Math.max(2 * (used + length), 512), Math.max(2 * this.limit, used + length));
    if (wanted > this.bytes.length) {
      const bytes = new Uint8Array(wanted);
      bytes.set(this.bytes.subarray(first, this.#end));
      this.bytes = bytes;
    } else {
      this.bytes.copyWithin(0, first, this.#end);
    }
    for (let index = 1; index <= this.count; index++) {
      const at = this.#at(index);
      this.#entries[at] = (this.#entries[at] as number) - first;
    }
    return (this.#end = used);
  }

  #push(start: number, name: number, value: number): void {
    if ((this.count + 1) * WORDS > this.#entries.length) this.#grow();
    this.#newest = this.#newest + 1 === this.#entries.length / WORDS ? 0 : this.#newest + 1;
    const at = this.#newest * WORDS;
    this.#entries[at] = start;
    this.#entries[at + 1] = name;
    this.#entries[at + 2] = value;
    this.count++;
  }

  #grow(): void {
    const entries = new Int32Array(2 * this.#entries.length);
    for (let index = this.count; index > 0; index--) {
      const at = this.#at(index);
      entries.set(this.#entries.subarray(at, at + WORDS), (this.count - index) * WORDS);
    }
    this.#entries = entries;
    this.#newest = this.count - 1;
  }

  #at(index: number): number {
    const place = this.#newest - (index - 1);
    return (place < 0 ? place + this.#entries.length / WORDS : place) * WORDS;
  }
}
