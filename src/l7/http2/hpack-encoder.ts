/**
 * HPACK encoder (RFC 7541). A field that was seen a short while ago enters the dynamic table; one that is new goes as a literal, so that
 * values which differ with each request (ids, paths, lengths) do not push out what comes again. Secrets never enter it (§7.1.3).
 *
 * Invariants (test/l7/http2/hpack.test.ts): what any decoder makes of the blocks is what went in, names in lower case; the table stays
 * within what the peer allows, and the next block after a change of that says so first (§4.2).
 */
import { HeaderNames, TOKEN_LOWER } from '../message/header-names.ts';
import { DynamicTable } from './dynamic-table.ts';
import { huffmanEncode, huffmanLength } from './huffman.ts';
import { findStaticName, STATIC_SIZE, staticIndex, staticValueIs } from './static-table.ts';

/** Bytes of the table that we use, if the peer allows as many. */
const OWN_LIMIT = 4096;
/** A field with more text than this is not worth the place. */
const LONGEST_INDEXED = 512;
/** A shorter secret could be guessed from the sizes of blocks if it were indexed. */
const SHORT_SECRET = 20;
/** Room that a field takes besides its text: three integers of six bytes at most. */
export const FIELD_ROOM = 18;

const AUTHORIZATION = staticIndex('authorization');
const COOKIE = staticIndex('cookie');
const SET_COOKIE = staticIndex('set-cookie');
const PROXY_AUTHORIZATION = staticIndex('proxy-authorization');

/** First byte and prefix of the representations (RFC 7541 §6). */
const INDEXED = 128;
const INDEXING = 64;
const RESIZE = 32;
const NEVER_INDEXED = 16;

const PLACES = 128;
const MASK = PLACES - 1;

export class HpackEncoder {
  readonly table = new DynamicTable(OWN_LIMIT);
  /** Hashes of fields that were seen lately. */
  readonly #seen = new Int32Array(PLACES);
  /** Which entry has a field, and a name, of that hash: `table.added` after it. */
  readonly #fields = new Int32Array(PLACES);
  readonly #names = new Int32Array(PLACES);
  /** The name of the field under way, in lower case. */
  #name = new Uint8Array(64);
  /** The smallest limit since the last block; −1: it has not changed. */
  #smallest = -1;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  limit(size: number): void {
    const limit = Math.min(size, OWN_LIMIT);
    if (limit === this.table.limit) return;
    this.#smallest = this.#smallest < 0 ? limit : Math.min(this.#smallest, limit);
    this.table.resize(limit);
  }

  /** Begins a block. Needs FIELD_ROOM. */
  begin(out: Uint8Array, at: number): number {
    if (this.#smallest < 0) return at;
    if (this.#smallest < this.table.limit) at = integer(out, at, RESIZE, 5, this.#smallest);
    this.#smallest = -1;
    return integer(out, at, RESIZE, 5, this.table.limit);
  }

  /** An entry of the static table. */
  indexed(out: Uint8Array, at: number, index: number): number {
    out[at] = INDEXED | index;
    return at + 1;
  }

  /** A field that is not kept, with a name of the static table. */
  literal(out: Uint8Array, at: number, name: number, bytes: Uint8Array, start: number, end: number): number {
    return string(out, integer(out, at, 0, 4, name), bytes, start, end);
  }

  /** A field that is not kept, with any name in lower case. */
  named(out: Uint8Array, at: number, name: Uint8Array, bytes: Uint8Array, start: number, end: number): number {
    return string(out, string(out, integer(out, at, 0, 4, 0), name, 0, name.length), bytes, start, end);
  }

  /** A field that is no pseudo-header. `out` has room for its text and FIELD_ROOM. */
  field(out: Uint8Array, at: number, bytes: Uint8Array, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): number {
    const nameHash = this.#lowerName(bytes, nameStart, nameEnd);
    const length = nameEnd - nameStart;
    const known = findStaticName(this.#name, 0, length, nameHash);
    const valueLength = valueEnd - valueStart;
    if (isSecret(known, valueLength)) return this.#literal(out, at, NEVER_INDEXED, 4, known, length, bytes, valueStart, valueEnd);
    if (length + valueLength > LONGEST_INDEXED) return this.#literal(out, at, 0, 4, known, length, bytes, valueStart, valueEnd);
    let hash = nameHash;
    for (let p = valueStart; p < valueEnd; p++) hash = HeaderNames.mix(hash, bytes[p] as number);
    const whole = this.#find(this.#fields, hash, length, bytes, valueStart, valueEnd);
    if (whole > 0) return integer(out, at, INDEXED, 7, STATIC_SIZE + whole);
    if (known > 0 && staticValueIs(known, bytes, valueStart, valueEnd)) return integer(out, at, INDEXED, 7, known);
    const named = known > 0 ? known : this.#named(nameHash, length);
    const again = this.#seen[hash & MASK] === hash;
    this.#seen[hash & MASK] = hash;
    at = this.#literal(out, at, again ? INDEXING : 0, again ? 6 : 4, named, length, bytes, valueStart, valueEnd);
    if (again) this.#add(nameHash, hash, length, bytes, valueStart, valueEnd);
    return at;
  }

  #literal(
    out: Uint8Array,
    at: number,
    kind: number,
    prefix: number,
    named: number,
    length: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): number {
    at = integer(out, at, kind, prefix, named);
    if (named === 0) at = string(out, at, this.#name, 0, length);
    return string(out, at, bytes, start, end);
  }

  #lowerName(bytes: Uint8Array, start: number, end: number): number {
    if (end - start > this.#name.length) this.#name = new Uint8Array(2 * (end - start));
    const name = this.#name;
    let hash = 0;
    for (let p = start, i = 0; p < end; p++, i++) {
      const low = TOKEN_LOWER[bytes[p] as number] as number;
      name[i] = low;
      hash = HeaderNames.mix(hash, low);
    }
    return hash;
  }

  /** Index of the entry that the places name for the hash, if it is still there and is that field; else 0. */
  #find(places: Int32Array, hash: number, nameLength: number, bytes: Uint8Array, start: number, end: number): number {
    const { table } = this;
    const index = this.#indexOf(places[hash & MASK] as number);
    if (index === 0 || !this.#isNamed(index, nameLength)) return 0;
    const value = table.nameEnd(index);
    if (table.valueEnd(index) - value !== end - start) return 0;
    for (let i = 0; i < end - start; i++) if (table.bytes[value + i] !== bytes[start + i]) return 0;
    return index;
  }

  #named(hash: number, length: number): number {
    const index = this.#indexOf(this.#names[hash & MASK] as number);
    return index > 0 && this.#isNamed(index, length) ? STATIC_SIZE + index : 0;
  }

  #isNamed(index: number, length: number): boolean {
    const { table } = this;
    const start = table.nameStart(index);
    if (table.nameEnd(index) - start !== length) return false;
    for (let i = 0; i < length; i++) if (table.bytes[start + i] !== this.#name[i]) return false;
    return true;
  }

  /** @param number as `#fields` has it. */
  #indexOf(number: number): number {
    const { added, count } = this.table;
    const index = added - number + 1;
    return number > 0 && index <= count ? index : 0;
  }

  #add(nameHash: number, hash: number, length: number, bytes: Uint8Array, start: number, end: number): void {
    const { table } = this;
    if (!table.add(this.#name, 0, length, bytes, start, end)) return;
    this.#fields[hash & MASK] = table.added;
    this.#names[nameHash & MASK] = table.added;
  }
}

function isSecret(name: number, valueLength: number): boolean {
  if (name === AUTHORIZATION || name === PROXY_AUTHORIZATION || name === SET_COOKIE) return true;
  return name === COOKIE && valueLength < SHORT_SECRET;
}

/** An integer with a prefix of so many bits below `kind` (RFC 7541 §5.1). */
function integer(out: Uint8Array, at: number, kind: number, prefix: number, value: number): number {
  const mask = (1 << prefix) - 1;
  if (value < mask) {
    out[at] = kind | value;
    return at + 1;
  }
  out[at++] = kind | mask;
  let rest = value - mask;
  for (; rest >= 128; rest >>>= 7) out[at++] = (rest & 127) | 128;
  out[at++] = rest;
  return at;
}

/** A string literal, in the Huffman code where that is shorter. */
function string(out: Uint8Array, at: number, bytes: Uint8Array, start: number, end: number): number {
  const coded = huffmanLength(bytes, start, end);
  if (coded < end - start) return huffmanEncode(bytes, start, end, out, integer(out, at, 128, 7, coded));
  at = integer(out, at, 0, 7, end - start);
  for (let p = start; p < end; p++) out[at++] = bytes[p] as number;
  return at;
}
