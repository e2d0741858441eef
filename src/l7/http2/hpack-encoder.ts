/**
 * HPACK encoder (RFC 7541). A field that was seen a short while ago enters the dynamic table; one that is new goes as a literal, so that
 * values which differ with each request (ids, paths, lengths) do not push out what comes again. Secrets never enter it (§7.1.3). A field
 * that another connection's table gave us is known by its number there, and nobody looks at its text
 * (docs/adr/0034-fields-known-by-number.md).
 *
 * Invariants (test/l7/http2/hpack.test.ts): what any decoder makes of the blocks is what went in, names in lower case; the table stays
 * within what the peer allows, and the next block after a change of that says so first (§4.2).
 */
import { copyBytes } from '../message/copy-bytes.ts';
import { HeaderNames, TOKEN_LOWER } from '../message/header-names.ts';
import { DynamicTable } from './dynamic-table.ts';
import { SECRET } from './hpack-decoder.ts';
import { huffmanEncode, huffmanLength } from './huffman.ts';
import { findStaticName, STATIC_SIZE, staticIndex, staticName, staticValueIs } from './static-table.ts';

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

/** Lines that are known as a whole have at most so many fields. */
const MOST_INDICES = 8;
const NO_INDICES = new Uint8Array(0);

const PLACES = 128;
const MASK = PLACES - 1;

export class HpackEncoder {
  readonly table = new DynamicTable(OWN_LIMIT);
  /** Hashes of fields that were seen lately. */
  readonly #seen = new Int32Array(PLACES);
  /** Which entry has a field, and a name, of that hash: `table.added` after it. */
  readonly #fields = new Int32Array(PLACES);
  readonly #names = new Int32Array(PLACES);
  /** Sources of fields (`FieldSink`), and the entry that each became; a negative one is the static table's. Made with the first one. */
  #sources: Float64Array | null = null;
  #entries: Int32Array | null = null;
  /** The name of the field under way, in lower case. */
  #name: Uint8Array = new Uint8Array(0);
  #nameStart = 0;
  #nameLength = 0;
  /** Where a name is brought to lower case. */
  #scratch = new Uint8Array(64);
  /** Lines that were nothing but indices when they were written last, and the state of the table then. */
  #lines: Uint8Array | null = null;
  #linesVersion = 0;
  #linesFields = 0;
  #indices: Uint8Array = NO_INDICES;
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
    return plain(out, integer(out, at, 0, 4, name), bytes, start, end);
  }

  /** A field that is not kept, with any name in lower case. */
  named(out: Uint8Array, at: number, name: Uint8Array, bytes: Uint8Array, start: number, end: number): number {
    return plain(out, plain(out, integer(out, at, 0, 4, 0), name, 0, name.length), bytes, start, end);
  }

  /** A field whose text never comes again, name in lower case. */
  once(out: Uint8Array, at: number, bytes: Uint8Array, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): number {
    return plain(out, plain(out, integer(out, at, 0, 4, 0), bytes, nameStart, nameEnd), bytes, valueStart, valueEnd);
  }

  /** A field that is in a table, by its source. @returns `at`: it is in none. */
  known(out: Uint8Array, at: number, source: number): number {
    const index = source > 0 ? this.#indexOfSource(source) : 0;
    return index > 0 ? integer(out, at, INDEXED, 7, index) : at;
  }

  /** A pseudo-header, by the first entry of its name in the static table. @param source as FieldSink has it. */
  pseudo(out: Uint8Array, at: number, known: number, bytes: Uint8Array, start: number, end: number, source = 0): number {
    const index = source > 0 ? this.#indexOfSource(source) : 0;
    if (index > 0) return integer(out, at, INDEXED, 7, index);
    this.#name = staticName(known);
    this.#nameStart = 0;
    this.#nameLength = this.#name.length;
    return this.#field(out, at, known, known, bytes, start, end, source);
  }

  /** Writes lines that were written before, as a block of nothing but indices which are still right. @returns `at`: there are none such. */
  again(out: Uint8Array, at: number, lines: Uint8Array): number {
    if (this.#lines !== lines || this.#linesVersion !== this.table.version) return at;
    return copyBytes(this.#indices, 0, this.#linesFields, out, at);
  }

  /** Takes note of what lines that nobody changes have become. */
  wrote(lines: Uint8Array, out: Uint8Array, start: number, end: number): void {
    if (end - start > MOST_INDICES) return;
    // Every other representation has a byte without the first bit.
    for (let p = start; p < end; p++) if ((out[p] as number) < INDEXED) return;
    this.#lines = lines;
    this.#linesVersion = this.table.version;
    this.#linesFields = end - start;
    if (this.#indices.length === 0) this.#indices = new Uint8Array(MOST_INDICES);
    copyBytes(out, start, end, this.#indices, 0);
  }

  /**
   * A field that is no pseudo-header. `out` has room for its text and FIELD_ROOM.
   * @param source as FieldSink has it: of all fields of the same source the text is the same.
   */
  field(
    out: Uint8Array,
    at: number,
    bytes: Uint8Array,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
    source = 0,
  ): number {
    const index = source > 0 ? this.#indexOfSource(source) : 0;
    if (index > 0) return integer(out, at, INDEXED, 7, index);
    const nameHash = this.#lowerName(bytes, nameStart, nameEnd);
    const known = findStaticName(this.#name, this.#nameStart, this.#nameStart + this.#nameLength, nameHash);
    if (source === SECRET || isSecret(known, valueEnd - valueStart)) {
      return this.#literal(out, at, NEVER_INDEXED, 4, known, bytes, valueStart, valueEnd);
    }
    return this.#field(out, at, known, nameHash, bytes, valueStart, valueEnd, source);
  }

  #field(
    out: Uint8Array,
    at: number,
    known: number,
    nameHash: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    source: number,
  ): number {
    if (this.#nameLength + end - start > LONGEST_INDEXED) return this.#literal(out, at, 0, 4, known, bytes, start, end);
    let hash = nameHash;
    for (let p = start; p < end; p++) hash = HeaderNames.mix(hash, bytes[p] as number);
    const whole = this.#find(hash, bytes, start, end);
    if (whole > 0) {
      this.#note(source, this.table.added - whole + 1);
      return integer(out, at, INDEXED, 7, STATIC_SIZE + whole);
    }
    if (known > 0 && staticValueIs(known, bytes, start, end)) {
      this.#note(source, -known);
      return integer(out, at, INDEXED, 7, known);
    }
    const named = known > 0 ? known : this.#named(nameHash);
    const again = this.#seen[hash & MASK] === hash;
    this.#seen[hash & MASK] = hash;
    at = this.#literal(out, at, again ? INDEXING : 0, again ? 6 : 4, named, bytes, start, end);
    if (again) this.#add(nameHash, hash, bytes, start, end);
    return at;
  }

  /** What is kept is written once and read often: only that is worth the Huffman code. */
  #literal(
    out: Uint8Array,
    at: number,
    kind: number,
    prefix: number,
    named: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): number {
    const text = kind === INDEXING ? coded : plain;
    at = integer(out, at, kind, prefix, named);
    if (named === 0) at = text(out, at, this.#name, this.#nameStart, this.#nameStart + this.#nameLength);
    return text(out, at, bytes, start, end);
  }

  /** Where it is in lower case already, it is not copied. @returns its hash. */
  #lowerName(bytes: Uint8Array, start: number, end: number): number {
    let hash = 0;
    this.#name = bytes;
    this.#nameStart = start;
    this.#nameLength = end - start;
    for (let p = start; p < end; p++) {
      const c = bytes[p] as number;
      const low = TOKEN_LOWER[c] as number;
      if (low !== c && this.#name === bytes) this.#copyName(bytes, start, end);
      hash = HeaderNames.mix(hash, low);
    }
    return hash;
  }

  #copyName(bytes: Uint8Array, start: number, end: number): void {
    if (end - start > this.#scratch.length) this.#scratch = new Uint8Array(2 * (end - start));
    const name = (this.#name = this.#scratch);
    this.#nameStart = 0;
    for (let p = start, i = 0; p < end; p++, i++) name[i] = TOKEN_LOWER[bytes[p] as number] as number;
  }

  /** The index of what a source has become, if that is still there; else 0. */
  #indexOfSource(source: number): number {
    if (source <= STATIC_SIZE) return source;
    const sources = this.#sources;
    if (sources === null || sources[source & MASK] !== source) return 0;
    const entry = this.#entries![source & MASK] as number;
    if (entry < 0) return -entry;
    const index = this.#indexOf(entry);
    return index > 0 ? STATIC_SIZE + index : 0;
  }

  #note(source: number, entry: number): void {
    if (source === 0) return;
    (this.#sources ??= new Float64Array(PLACES))[source & MASK] = source;
    (this.#entries ??= new Int32Array(PLACES))[source & MASK] = entry;
  }

  /** Index of the entry of that hash, if it is still there and is the field under way; else 0. */
  #find(hash: number, bytes: Uint8Array, start: number, end: number): number {
    const { table } = this;
    const index = this.#indexOf(this.#fields[hash & MASK] as number);
    if (index === 0 || !this.#isNamed(index)) return 0;
    const value = table.nameEnd(index);
    if (table.valueEnd(index) - value !== end - start) return 0;
    for (let i = 0; i < end - start; i++) if (table.bytes[value + i] !== bytes[start + i]) return 0;
    return index;
  }

  #named(hash: number): number {
    const index = this.#indexOf(this.#names[hash & MASK] as number);
    return index > 0 && this.#isNamed(index) ? STATIC_SIZE + index : 0;
  }

  #isNamed(index: number): boolean {
    const { table } = this;
    const name = this.#name;
    const start = table.nameStart(index);
    const length = this.#nameLength;
    if (table.nameEnd(index) - start !== length) return false;
    for (let i = 0, p = this.#nameStart; i < length; i++, p++) if (table.bytes[start + i] !== name[p]) return false;
    return true;
  }

  /** @param number as `#fields` has it. */
  #indexOf(number: number): number {
    const { added, count } = this.table;
    const index = added - number + 1;
    return number > 0 && index <= count ? index : 0;
  }

  #add(nameHash: number, hash: number, bytes: Uint8Array, start: number, end: number): void {
    const { table } = this;
    if (!table.add(this.#name, this.#nameStart, this.#nameStart + this.#nameLength, bytes, start, end)) return;
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

/** A string literal in the Huffman code, where that is shorter. */
function coded(out: Uint8Array, at: number, bytes: Uint8Array, start: number, end: number): number {
  const size = huffmanLength(bytes, start, end);
  if (size >= end - start) return plain(out, at, bytes, start, end);
  return huffmanEncode(bytes, start, end, out, integer(out, at, 128, 7, size));
}

/** A string literal as it is. */
function plain(out: Uint8Array, at: number, bytes: Uint8Array, start: number, end: number): number {
  return copyBytes(bytes, start, end, out, integer(out, at, 0, 7, end - start));
}
