/**
 * Finds the end of a chunked body (RFC 9112 §7.1) and refuses what is not exactly one. The bytes themselves may be forwarded as
 * they came; for a side that knows no chunks, `nextData` finds the data in them, and `trailers` holds what followed it.
 *
 *     Size ─▶ (Extension…) ─▶ SizeLf ─▶ Data ─▶ DataCr ─▶ DataLf ─▶ Size
 *                                └ size 0 ─▶ Trailers (trailer-section.ts) ─▶ Done
 *
 * Invariants (test/l7/http1/chunked.test.ts): the outcome does not depend on how the body was cut into pieces; nothing outside
 * `[start, end)` is read; work per byte is constant; memory is fixed, and bounded when there are trailers.
 */
import { FIELD_VALUE } from './field-lines.ts';
import { TOKEN_LOWER } from '../message/header-names.ts';
import { ParseError } from './parse-error.ts';
import { TrailerSection, type Sender } from './trailer-section.ts';

const State = {
  SizeStart: 0,
  Size: 1,
  SizeLf: 2,
  Data: 3,
  DataCr: 4,
  DataLf: 5,
  /** White space before a `;`. */
  Blank: 6,
  NameStart: 7,
  Name: 8,
  NameBlank: 9,
  ValueStart: 10,
  Value: 11,
  Quoted: 12,
  QuotedPair: 13,
  QuotedEnd: 14,
  Trailers: 15,
  Done: 16,
} as const;
type State = (typeof State)[keyof typeof State];

/** Leading zeros included. 2^53 takes 14 digits. */
const MAX_SIZE_DIGITS = 16;
/** By how much extensions may exceed the data: a body of one-byte chunks with long extensions is an attack, a signature on each chunk is not. */
const MAX_EXTENSION_EXCESS = 16 * 1024;

const HTAB = 9;
const LF = 10;
const CR = 13;
const SP = 32;
const QUOTE = 34;
const SEMICOLON = 59;
const EQUALS = 61;
const BACKSLASH = 92;

/** The value of a hex digit, else -1. */
const HEX: Int8Array = (() => {
  const table = new Int8Array(256).fill(-1);
  for (let i = 0; i < 10; i++) table[48 + i] = i;
  for (let i = 0; i < 6; i++) table[65 + i] = table[97 + i] = 10 + i;
  return table;
})();

export class ChunkedScanner {
  /** The last byte of the message has been seen. */
  done = false;
  /** After `nextData`: the data found, empty when there is none yet. */
  dataStart = 0;
  dataEnd = 0;
  /** After `done`: the trailer lines, each with its CR LF, in an array of their own; null when there are none. */
  trailers: Uint8Array | null = null;
  #state: State = State.SizeStart;
  #size = 0;
  #digits = 0;
  #excess = 0;
  readonly #section: TrailerSection;

  /** @param sender whose message it is: a server's trailers are mended where a proxy has to. */
  constructor(sender: Sender = 'client') {
    this.#section = new TrailerSection(sender);
  }

  reset(): void {
    this.done = false;
    this.dataStart = this.dataEnd = 0;
    this.#state = State.SizeStart;
    this.#size = 0;
    this.#digits = 0;
    this.#excess = 0;
    this.trailers = null;
    this.#section.reset();
  }

  /** @returns the offset after what belongs to this body: `end` while it goes on, less or equal when `done`; negative: a ParseError. */
  scan(bytes: Uint8Array, start: number, end: number): number {
    let p = start;
    while (p >= 0 && p < end && !this.done) p = this.nextData(bytes, p, end);
    return p;
  }

  /** As `scan`, but stops after the next piece of data, which is then `[dataStart, dataEnd)`. */
  nextData(bytes: Uint8Array, start: number, end: number): number {
    let p = start;
    this.dataStart = this.dataEnd = start;
    while (p < end && this.#state !== State.Data && !this.done) {
      const fault = this.#step(bytes[p] as number);
      if (fault !== 0) return fault;
      p++;
    }
    if (p < end && this.#state === State.Data) {
      const stop = this.#size < end - p ? p + this.#size : end;
      this.dataStart = p;
      this.dataEnd = stop;
      this.#size -= stop - p;
      if (this.#size === 0) this.#state = State.DataCr;
      return stop;
    }
    return p;
  }

  #step(c: number): number {
    if (this.#state <= State.DataLf) return this.#stepChunk(c);
    return this.#state < State.Trailers ? this.#stepExtension(c) : this.#stepTrailer(c);
  }

  #stepChunk(c: number): number {
    switch (this.#state) {
      case State.SizeStart:
      case State.Size:
        return this.#stepSize(c);
      case State.SizeLf:
        if (c !== LF) return ParseError.ChunkSize;
        this.#beginData();
        return 0;
      case State.DataCr:
        if (c !== CR) return ParseError.ChunkEnd;
        this.#state = State.DataLf;
        return 0;
      default:
        if (c !== LF) return ParseError.ChunkEnd;
        this.#state = State.SizeStart;
        return 0;
    }
  }

  #stepSize(c: number): number {
    const digit = HEX[c] as number;
    if (digit >= 0) {
      if (++this.#digits > MAX_SIZE_DIGITS) return ParseError.ChunkSize;
      this.#size = this.#size * 16 + digit;
      this.#state = State.Size;
      return this.#size > Number.MAX_SAFE_INTEGER ? ParseError.ChunkSize : 0;
    }
    if (this.#state === State.SizeStart) return ParseError.ChunkSize;
    if (c === CR) this.#state = State.SizeLf;
    else if (c === SEMICOLON) this.#state = State.NameStart;
    else if (c === SP || c === HTAB) this.#state = State.Blank;
    else return ParseError.ChunkSize;
    return 0;
  }

  #beginData(): void {
    this.#digits = 0;
    this.#excess = Math.max(0, this.#excess - this.#size);
    this.#state = this.#size === 0 ? State.Trailers : State.Data;
  }

  /** chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ), and no white space that nothing follows. */
  #stepExtension(c: number): number {
    if (++this.#excess > MAX_EXTENSION_EXCESS) return ParseError.ChunkExtension;
    switch (this.#state) {
      case State.Quoted:
        if (c === QUOTE) this.#state = State.QuotedEnd;
        else if (c === BACKSLASH) this.#state = State.QuotedPair;
        else return FIELD_VALUE[c] === 1 ? 0 : ParseError.ChunkExtension;
        return 0;
      case State.QuotedPair:
        this.#state = State.Quoted;
        return FIELD_VALUE[c] === 1 ? 0 : ParseError.ChunkExtension;
      default:
        return this.#stepExtensionToken(c);
    }
  }

  #stepExtensionToken(c: number): number {
    const state = this.#state;
    const blank = c === SP || c === HTAB;
    if (TOKEN_LOWER[c] !== 0) {
      if (state === State.NameStart || state === State.Name) this.#state = State.Name;
      else if (state === State.ValueStart || state === State.Value) this.#state = State.Value;
      else return ParseError.ChunkExtension;
      return 0;
    }
    if (state === State.NameStart) return blank ? 0 : ParseError.ChunkExtension;
    if (state === State.ValueStart) {
      if (c === QUOTE) this.#state = State.Quoted;
      else if (!blank) return ParseError.ChunkExtension;
      return 0;
    }
    if (c === SEMICOLON) this.#state = State.NameStart;
    else if (blank) this.#state = state === State.Name || state === State.NameBlank ? State.NameBlank : State.Blank;
    else if (c === EQUALS && (state === State.Name || state === State.NameBlank)) this.#state = State.ValueStart;
    else if (c === CR && state !== State.Blank && state !== State.NameBlank) this.#state = State.SizeLf;
    else return ParseError.ChunkExtension;
    return 0;
  }

  #stepTrailer(c: number): number {
    const fault = this.#section.step(c);
    if (fault === 0 && this.#section.done) {
      this.#state = State.Done;
      this.done = true;
      this.trailers = this.#section.lines;
    }
    return fault;
  }
}
