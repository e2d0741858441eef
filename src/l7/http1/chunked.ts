/**
 * Finds the end of a chunked body (RFC 9112 §7.1) and refuses what is not exactly one. The bytes themselves may be forwarded as
 * they came; for a side that knows no chunks, `nextData` tells where the data lies in them and `trailers` what followed it.
 *
 *     Size ─▶ (Extension…) ─▶ SizeLf ─▶ Data ─▶ DataCr ─▶ DataLf ─▶ Size
 *                                └ size 0 ─▶ Line ─▶ TrailerName ─▶ TrailerValue ─▶ TrailerLf ─▶ Line
 *                                             └ CR ─▶ EndLf ─▶ Done
 *
 * Invariants (test/l7/http1/chunked.test.ts): the outcome does not depend on how the body was cut into pieces; nothing outside
 * `[start, end)` is read; work per byte is constant; memory is fixed, and bounded by MAX_TRAILER_BYTES when there are trailers.
 */
import { FIELD_VALUE } from './field-lines.ts';
import { TOKEN_LOWER } from '../message/header-names.ts';
import { ParseError } from './parse-error.ts';

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
  /** The beginning of a trailer line, or of the blank line. */
  Line: 15,
  TrailerName: 16,
  TrailerValue: 17,
  TrailerLf: 18,
  EndLf: 19,
  Done: 20,
} as const;
type State = (typeof State)[keyof typeof State];

/** Leading zeros included. 2^53 takes 14 digits. */
const MAX_SIZE_DIGITS = 16;
/** How far extensions may outweigh the data: a body of one-byte chunks with long extensions is an attack, a signature on each chunk is not. */
const MAX_EXTENSION_EXCESS = 16 * 1024;
const MAX_TRAILER_BYTES = 16 * 1024;
const MAX_TRAILERS = 100;
const FIRST_TRAILER_BYTES = 256;

/** What decides framing, routing, authentication or the connection may not come after the body (RFC 9110 §6.5.1). */
const FORBIDDEN: ReadonlySet<string> = new Set([
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const LONGEST_FORBIDDEN = 19;

const HTAB = 9;
const LF = 10;
const CR = 13;
const SP = 32;
const QUOTE = 34;
const COLON = 58;
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
  /** After `done`: the trailer lines as they came, each with its CR LF, in an array of their own; null when there are none. */
  trailers: Uint8Array | null = null;
  #state: State = State.SizeStart;
  #size = 0;
  #digits = 0;
  #excess = 0;
  #trailers = 0;
  #trailerBytes = 0;
  #nameLength = 0;
  #kept: Uint8Array | null = null;
  readonly #name = new Uint8Array(LONGEST_FORBIDDEN);

  reset(): void {
    this.done = false;
    this.dataStart = this.dataEnd = 0;
    this.#state = State.SizeStart;
    this.#size = 0;
    this.#digits = 0;
    this.#excess = 0;
    this.#trailers = 0;
    this.#trailerBytes = 0;
    this.#nameLength = 0;
    this.#kept = this.trailers = null;
  }

  /** @returns the offset after what belongs to this body: `end` while it goes on, less or equal when `done`; negative: a ParseError. */
  scan(bytes: Uint8Array, start: number, end: number): number {
    let p = start;
    while (p >= 0 && p < end && !this.done) p = this.nextData(bytes, p, end);
    return p;
  }

  /** As `scan`, but stops after the next piece of data, which `dataStart` and `dataEnd` tell. */
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
    return this.#state < State.Line ? this.#stepExtension(c) : this.#stepTrailer(c);
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
    this.#state = this.#size === 0 ? State.Line : State.Data;
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
    if (++this.#trailerBytes > MAX_TRAILER_BYTES) return ParseError.TrailersTooLarge;
    switch (this.#state) {
      case State.Line:
        if (c === CR) {
          this.#state = State.EndLf;
          return 0;
        }
        if (++this.#trailers > MAX_TRAILERS) return ParseError.TrailersTooLarge;
        this.#nameLength = 0;
        this.#state = State.TrailerName;
        return this.#stepTrailerLine(c);
      case State.EndLf:
        if (c !== LF) return ParseError.TrailerField;
        this.#state = State.Done;
        this.done = true;
        if (this.#kept !== null) this.trailers = this.#kept.subarray(0, this.#trailerBytes - 2);
        return 0;
      default:
        return this.#stepTrailerLine(c);
    }
  }

  #stepTrailerLine(c: number): number {
    this.#keep(c);
    switch (this.#state) {
      case State.TrailerName:
        return this.#stepTrailerName(c);
      case State.TrailerValue:
        if (c === CR) this.#state = State.TrailerLf;
        else if (FIELD_VALUE[c] !== 1) return ParseError.TrailerField;
        return 0;
      default:
        this.#state = State.Line;
        return c === LF ? 0 : ParseError.TrailerField;
    }
  }

  /** All of the trailer section but its blank line is kept, so the count of its bytes is the place in what is kept. */
  #keep(c: number): void {
    const kept = this.#kept;
    const at = this.#trailerBytes - 1;
    if (kept !== null && at < kept.length) {
      kept[at] = c;
      return;
    }
    const more = new Uint8Array(kept === null ? FIRST_TRAILER_BYTES : 2 * kept.length);
    if (kept !== null) more.set(kept);
    more[at] = c;
    this.#kept = more;
  }

  #stepTrailerName(c: number): number {
    const low = TOKEN_LOWER[c] as number;
    if (low !== 0) {
      if (this.#nameLength < LONGEST_FORBIDDEN) this.#name[this.#nameLength] = low;
      this.#nameLength++;
      return 0;
    }
    if (c !== COLON || this.#nameLength === 0) return ParseError.TrailerField;
    this.#state = State.TrailerValue;
    return this.#isForbidden() ? ParseError.TrailerForbidden : 0;
  }

  #isForbidden(): boolean {
    return this.#nameLength <= LONGEST_FORBIDDEN && FORBIDDEN.has(String.fromCharCode(...this.#name.subarray(0, this.#nameLength)));
  }
}
