/**
 * HPACK decoder (RFC 7541): a whole header block in, fields out, written as the lines of a head (`name: value`) where the receiver keeps
 * them. What a name or value may be is not its business.
 *
 * Invariants (test/l7/http2/hpack.test.ts): the table follows the peer's encoder whatever the receiver does with the fields; an integer has
 * at most 28 bits; a block is decoded to at most what the receiver lets through, which bounds the work too.
 */
import { copyBytes } from '../message/copy-bytes.ts';
import { DynamicTable, ENTRY_OVERHEAD } from './dynamic-table.ts';
import { EXPANSION, huffmanDecode } from './huffman.ts';
import { STATIC_SIZE, staticName, staticValue } from './static-table.ts';

/** Where the decoder writes fields. */
export interface FieldSink {
  bytes: Uint8Array;
  /** Where the next field begins. */
  length: number;
  /** Makes room for so many bytes behind `length`; it may replace `bytes`. */
  room(size: number): void;
  /**
   * A field stands at `bytes[length, nameEnd)` and `bytes[valueStart, valueEnd)`.
   * @param source what it has been taken from: an entry of the static table (its index), one of a dynamic table (its number), 0, or SECRET.
   * @returns false when no more are taken: the block is given up.
   */
  field(nameEnd: number, valueStart: number, valueEnd: number, source: number): boolean;
  /** A number for an entry of a dynamic table, above all indices of the static one. No other entry of any decoder that writes here gets it. */
  number(): number;
}

/** A field that is marked as never to be indexed, by whoever passes it on as well (RFC 7541 §6.2.3). */
export const SECRET = -1;

export const Decoded = {
  Whole: 0,
  /** The block is malformed: a connection error (RFC 7541 §2). */
  Malformed: -1,
  /** The receiver takes no more: the table no longer follows the peer's, so it is a connection error too. */
  GivenUp: -2,
} as const;
export type Decoded = (typeof Decoded)[keyof typeof Decoded];

/** Four continuation bytes at most: no length or index of ours has more bits. */
const MAX_SHIFT = 28;
/** Before a value stands `: `. */
const SEPARATOR = 2;
const COLON = 58;
const SP = 32;
/** First byte of a literal that is never to be indexed; those below may be. */
const NEVER_INDEXED = 16;

export class HpackDecoder {
  readonly table: DynamicTable;
  /** What we have told the peer: its table size updates may not exceed it. */
  readonly #bound: number;
  /** Numbers of the entries, in a ring; made when the first one comes. */
  #numbers: Float64Array | null = null;
  #block: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;

  /** @param bound bytes of the dynamic table. */
  constructor(bound: number) {
    this.#bound = bound;
    this.table = new DynamicTable(bound);
  }

  decode(block: Uint8Array, start: number, end: number, sink: FieldSink): Decoded {
    this.#block = block;
    this.#at = start;
    this.#end = end;
    let updates = 2;
    while (this.#at < end) {
      const byte = block[this.#at] as number;
      if (byte >= 32 && byte < 64) {
        // Only at the beginning of a block, and at most two of them (RFC 7541 §4.2).
        if (--updates < 0 || !this.#resize()) return Decoded.Malformed;
        continue;
      }
      updates = 0;
      const result = byte >= 128 ? this.#indexed(sink) : this.#literal(sink, byte);
      if (result !== Decoded.Whole) return result;
    }
    return Decoded.Whole;
  }

  #resize(): boolean {
    const size = this.#integer(5);
    if (size < 0 || size > this.#bound) return false;
    this.table.resize(size);
    return true;
  }

  #indexed(sink: FieldSink): Decoded {
    const index = this.#integer(7);
    const nameEnd = index <= 0 ? -1 : this.#name(sink, index);
    if (nameEnd < 0) return Decoded.Malformed;
    const value = nameEnd + SEPARATOR;
    if (index <= STATIC_SIZE) return finish(sink, nameEnd, value, put(staticValue(index), sink, value), index);
    const own = index - STATIC_SIZE;
    return finish(sink, nameEnd, value, this.#tableValue(own, sink, value), this.#numberOf(own));
  }

  #literal(sink: FieldSink, byte: number): Decoded {
    const indexing = byte >= 64;
    const index = this.#integer(indexing ? 6 : 4);
    if (index < 0) return Decoded.Malformed;
    const nameEnd = index > 0 ? this.#name(sink, index) : this.#string(sink, sink.length);
    if (nameEnd < 0) return Decoded.Malformed;
    const value = nameEnd + SEPARATOR;
    const valueEnd = this.#string(sink, value);
    if (valueEnd < 0) return Decoded.Malformed;
    if (!indexing || !this.table.add(sink.bytes, sink.length, nameEnd, sink.bytes, value, valueEnd))
      return finish(sink, nameEnd, value, valueEnd, !indexing && byte >= NEVER_INDEXED ? SECRET : 0);
    const number = sink.number();
    const numbers = (this.#numbers ??= new Float64Array(ringFor(this.#bound)));
    numbers[this.table.added & (numbers.length - 1)] = number;
    return finish(sink, nameEnd, value, valueEnd, number);
  }

  #numberOf(own: number): number {
    const numbers = this.#numbers as Float64Array;
    return numbers[(this.table.added - own + 1) & (numbers.length - 1)] as number;
  }

  /** Writes the name of entry `index`. @returns its end, or −1: there is no such entry. */
  #name(sink: FieldSink, index: number): number {
    if (index <= STATIC_SIZE) return put(staticName(index), sink, sink.length);
    const own = index - STATIC_SIZE;
    const { table } = this;
    if (own > table.count) return -1;
    return putRange(table.bytes, table.nameStart(own), table.nameEnd(own), sink, sink.length);
  }

  #tableValue(own: number, sink: FieldSink, at: number): number {
    const { table } = this;
    return putRange(table.bytes, table.nameEnd(own), table.valueEnd(own), sink, at);
  }

  /** Decodes a string literal to `sink.bytes[at, …)`. @returns its end, or −1. */
  #string(sink: FieldSink, at: number): number {
    if (this.#at >= this.#end) return -1;
    const huffman = (this.#block[this.#at] as number) >= 128;
    const length = this.#integer(7);
    const start = this.#at;
    if (length < 0 || length > this.#end - start) return -1;
    this.#at = start + length;
    if (!huffman) return putRange(this.#block, start, start + length, sink, at);
    sink.room(at - sink.length + Math.ceil(length * EXPANSION) + SEPARATOR);
    return huffmanDecode(this.#block, start, start + length, sink.bytes, at);
  }

  /** An integer with a prefix of so many bits (RFC 7541 §5.1), or −1. */
  #integer(prefix: number): number {
    const mask = (1 << prefix) - 1;
    let value = (this.#block[this.#at++] as number) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift < MAX_SHIFT; shift += 7) {
      if (this.#at >= this.#end) return -1;
      const byte = this.#block[this.#at++] as number;
      value += (byte & 127) << shift;
      if (byte < 128) return value;
    }
    return -1;
  }
}

/** Places for all the entries that a table of so many bytes can have; a power of two. */
function ringFor(bytes: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, bytes / ENTRY_OVERHEAD)));
}

function finish(sink: FieldSink, nameEnd: number, value: number, valueEnd: number, source: number): Decoded {
  sink.bytes[nameEnd] = COLON;
  sink.bytes[nameEnd + 1] = SP;
  return sink.field(nameEnd, value, valueEnd, source) ? Decoded.Whole : Decoded.GivenUp;
}

function put(text: Uint8Array, sink: FieldSink, at: number): number {
  return putRange(text, 0, text.length, sink, at);
}

function putRange(source: Uint8Array, start: number, end: number, sink: FieldSink, at: number): number {
  sink.room(at - sink.length + end - start + SEPARATOR);
  return copyBytes(source, start, end, sink.bytes, at);
}
