/**
 * Reads the trailer section of a chunked body (RFC 9112 §7.1.2) byte by byte and keeps its lines.
 *
 *     Line ─▶ Name (─▶ Blank) ─▶ Value ─▶ Lf ─▶ Line
 *       │                          ▲        (server: a line that begins with white space ─▶ Fold ─▶ Value)
 *       └ CR ─▶ EndLf ─▶ done      └─────────────────────────────────────────────────────────┘
 *
 * A client's trailers are taken only within the grammar, and only fields that may be trailers. Of a server's, as of its heads
 * (response-cleaner.ts), what a proxy has to mend is mended: white space before a colon is removed (RFC 9112 §5.1), folded lines
 * are unfolded (RFC 9112 §5.2), and a field that may only stand in a head is left out (RFC 9110 §6.5.1). Line ends are CR LF for
 * both, as the end of the section is the end of the message.
 *
 * Memory is bounded by MAX_BYTES, and none is taken when there are no trailers.
 */
import { FIELD_VALUE } from './field-lines.ts';
import { HeaderNames, TOKEN_LOWER } from '../message/header-names.ts';
import { ParseError } from './parse-error.ts';

const MAX_BYTES = 16 * 1024;
const MAX_LINES = 100;
const FIRST_BYTES = 256;

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
/** Whatever has none of these hashes is none of them, and need not become a string. */
const FORBIDDEN_HASHES: ReadonlySet<number> = new Set(
  Array.from(FORBIDDEN, (name) => HeaderNames.hash(Buffer.from(name, 'latin1'), 0, name.length)),
);

const State = { Line: 0, Name: 1, Blank: 2, Value: 3, Lf: 4, Fold: 5, EndLf: 6 } as const;
type State = (typeof State)[keyof typeof State];

const HTAB = 9;
const LF = 10;
const CR = 13;
const SP = 32;
const COLON = 58;

export type Sender = 'client' | 'server';

export class TrailerSection {
  /** The empty line has come. */
  done = false;
  readonly #mends: boolean;
  #state: State = State.Line;
  #bytes = 0;
  #lines = 0;
  #nameLength = 0;
  readonly #name = new Uint8Array(LONGEST_FORBIDDEN);
  #kept: Uint8Array | null = null;
  #length = 0;
  /** Where the line begins that is being read, in `#kept`. */
  #lineStart = 0;
  /** The line is left out. */
  #dropped = false;

  constructor(sender: Sender) {
    this.#mends = sender === 'server';
  }

  /** The lines, each with its CR LF; null when there are none. */
  get lines(): Uint8Array | null {
    return this.#kept === null || this.#length === 0 ? null : this.#kept.subarray(0, this.#length);
  }

  reset(): void {
    this.done = false;
    this.#state = State.Line;
    this.#bytes = this.#lines = this.#nameLength = 0;
    this.#kept = null;
    this.#length = this.#lineStart = 0;
    this.#dropped = false;
  }

  /** @returns 0 or a ParseError. */
  step(c: number): number {
    if (++this.#bytes > MAX_BYTES) return ParseError.TrailersTooLarge;
    switch (this.#state) {
      case State.Line:
        return this.#beginLine(c);
      case State.Name:
        return this.#stepName(c);
      case State.Blank:
        return isBlank(c) ? 0 : this.#endName(c);
      case State.Value:
        return this.#stepValue(c);
      case State.Lf:
        this.#state = State.Line;
        this.#keep(c);
        return c === LF ? 0 : ParseError.TrailerField;
      case State.Fold:
        return this.#stepFold(c);
      default:
        this.done = true;
        return c === LF ? 0 : ParseError.TrailerField;
    }
  }

  #beginLine(c: number): number {
    if (c === CR) {
      this.#state = State.EndLf;
      return 0;
    }
    if (this.#mends && isBlank(c) && this.#lines > 0) {
      this.#state = State.Fold;
      return 0;
    }
    if (++this.#lines > MAX_LINES) return ParseError.TrailersTooLarge;
    this.#nameLength = 0;
    this.#lineStart = this.#length;
    this.#dropped = false;
    this.#state = State.Name;
    return this.#stepName(c);
  }

  #stepName(c: number): number {
    const low = TOKEN_LOWER[c] as number;
    if (low !== 0) {
      if (this.#nameLength < LONGEST_FORBIDDEN) this.#name[this.#nameLength] = low;
      this.#nameLength++;
      this.#keep(c);
      return 0;
    }
    if (this.#nameLength === 0) return ParseError.TrailerField;
    if (this.#mends && isBlank(c)) {
      this.#state = State.Blank;
      return 0;
    }
    return this.#endName(c);
  }

  #endName(c: number): number {
    if (c !== COLON) return ParseError.TrailerField;
    this.#state = State.Value;
    this.#keep(c);
    if (!this.#isForbidden()) return 0;
    if (!this.#mends) return ParseError.TrailerForbidden;
    this.#dropped = true;
    this.#length = this.#lineStart;
    return 0;
  }

  #stepValue(c: number): number {
    if (c === CR) this.#state = State.Lf;
    else if (FIELD_VALUE[c] !== 1) return ParseError.TrailerField;
    this.#keep(c);
    return 0;
  }

  /** A fold that holds nothing but white space could be taken for the end of the section. */
  #stepFold(c: number): number {
    if (isBlank(c)) return 0;
    if (FIELD_VALUE[c] !== 1) return ParseError.TrailerField;
    if (!this.#dropped) this.#length -= 2;
    this.#state = State.Value;
    this.#keep(SP);
    this.#keep(c);
    return 0;
  }

  #keep(c: number): void {
    if (this.#dropped) return;
    const kept = this.#kept;
    if (kept !== null && this.#length < kept.length) {
      kept[this.#length++] = c;
      return;
    }
    const more = new Uint8Array(kept === null ? FIRST_BYTES : 2 * kept.length);
    if (kept !== null) more.set(kept);
    more[this.#length++] = c;
    this.#kept = more;
  }

  #isForbidden(): boolean {
    return isForbiddenTrailer(this.#name, 0, this.#nameLength);
  }
}

/** Whether the lower-case name `bytes[start, end)` may only stand in a head. */
export function isForbiddenTrailer(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > LONGEST_FORBIDDEN || !FORBIDDEN_HASHES.has(HeaderNames.hash(bytes, start, end))) return false;
  return FORBIDDEN.has(String.fromCharCode(...bytes.subarray(start, end)));
}

function isBlank(c: number): boolean {
  return c === SP || c === HTAB;
}
