/**
 * Fields of a header block, in the form in which the engine has heads: the lines of an HTTP/1 head. The strict parser of HTTP/1 then
 * reads them, so there is one definition of what a head may be, and what goes on to an HTTP/1 server is what that parser has let
 * through; where the lines of fields begin and end, it is told from here. Before that, everything that HTTP/2 forbids is refused here
 * (RFC 9113 §8.2, §8.3), first of all the bytes that would make one line into two. What was found of the entry of a table is not
 * looked for again.
 *
 *     pseudo-headers ──first other field──▶ request line or status line, Host ──▶ the other fields ──finish──▶ blank line
 *
 * Invariants (test/l7/http2/head-lines.test.ts): a block that is not refused gives one line for each field, and no byte of a field outside
 * its line; memory is bounded by `MOST_EXCESS` times the limit of heads; after a fault nothing more is kept.
 */
import { beginFields, FIELD_VALUE, type FieldLines, parseFieldLines } from '../http1/field-lines.ts';
import { sameHost } from '../http1/authority.ts';
import { reasonOf } from '../http1/reasons.ts';
import { ParseError } from '../http1/parse-error.ts';
import { isForbiddenTrailer } from '../http1/trailer-section.ts';
import { H, type HeaderNames, TOKEN_LOWER } from '../message/header-names.ts';
import { copyBytes, sameBytes } from '../message/copy-bytes.ts';
import { FieldNumbers } from '../message/field-numbers.ts';
import type { Head, HeadLimits } from '../message/head.ts';
import type { Trailers } from '../message/stream.ts';
import { ENTRY_OVERHEAD } from './dynamic-table.ts';
import type { FieldSink } from './hpack-decoder.ts';
import { type KeptLines, LineSpans } from './line-spans.ts';

export const BlockKind = { Request: 0, Response: 1, Trailers: 2 } as const;
export type BlockKind = (typeof BlockKind)[keyof typeof BlockKind];

/** Why a block makes no head. */
export const BlockFault = {
  None: 0,
  /** The message is malformed: an error of its stream (RFC 9113 §8.1.1). */
  Malformed: 1,
  /** More or longer fields than are taken. */
  TooLarge: 2,
} as const;
export type BlockFault = (typeof BlockFault)[keyof typeof BlockFault];

/** A block that means more than this many times what a head may be is an attack on the whole connection. */
const MOST_EXCESS = 4;

/** The pseudo-headers, by place in `#pseudo`. */
const PSEUDO = [':method', ':scheme', ':path', ':authority', ':protocol', ':status'] as const;
const Pseudo = { Method: 0, Scheme: 1, Path: 2, Authority: 3, Protocol: 4, Status: 5 } as const;

/** Where the status stands in `HTTP/1.1 200`. */
const STATUS_AT = 9;
const SWITCHING = '101';
const HOST = 'host: ';
const COOKIE_SEPARATOR: Uint8Array = Buffer.from('; ');

const ZERO = 48;
const COLON = 58;
const SP = 32;
const HTAB = 9;
const CR = 13;
const LF = 10;
const SLASH = 47;

/** Lines that are there besides those of fields: Host, and the two of an upgrade. */
const OWN_LINES = 3;
/** Of entries of tables whose fields are known; a power of two. */
const PLACES = 512;
/** The field may not stand in a head, or nothing is known of it. */
const UNKNOWN = -2;

/** 1 for visible ASCII. */
const VISIBLE: Uint8Array = new Uint8Array(256).fill(1, 33, 127);

export class HeadLines implements FieldSink {
  bytes: Uint8Array = new Uint8Array(1024);
  length = 0;
  /** Where the lines begin, once `finish` has been called. */
  start = 0;
  fault: BlockFault = BlockFault.None;
  readonly #names: HeaderNames;
  readonly #limits: HeadLimits;
  #kind: BlockKind = BlockKind.Request;
  /** Start and end of each pseudo-header's value; 0 and 0: not there. */
  readonly #pseudo = new Int32Array(2 * PSEUDO.length);
  /** The first line is there. */
  #opened = false;
  #size = 0;
  #count = 0;
  /** Start and end of the value of the cookie line, and the line's number; 0: there is none. */
  #cookieStart = 0;
  #cookieEnd = 0;
  #cookieLine = 0;
  /** The lines of fields so far, as a head has them. */
  #lines = 0;
  /** Whether all of them are known; the parser has to look for them otherwise. */
  #known = true;
  /** Where they stand: those that are being written, or those that were kept. */
  #spans: LineSpans;
  readonly #written: LineSpans;
  /** The lines are these, and not in `bytes`. */
  #kept: KeptLines | null = null;
  /** The trailers that were handed out last: nearly always the next ones are the same. */
  #trailers: Uint8Array = new Uint8Array(0);
  /** Entries of tables (their numbers) whose fields may stand in a head, and the ids of their names. */
  readonly #sources = new Float64Array(PLACES);
  readonly #ids = new Int32Array(PLACES);
  #version = 0;
  readonly #numbers: FieldNumbers;
  /** For the parser of these lines, after `finish`. */
  readonly fieldLines: FieldLines = (bytes, p, end, head, maxFields) =>
    this.#known ? this.#fill(bytes, p, end, head, maxFields) : parseFieldLines(bytes, p, end, head, maxFields);

  constructor(names: HeaderNames, limits: HeadLimits, numbers: FieldNumbers = new FieldNumbers()) {
    this.#names = names;
    this.#limits = limits;
    this.#numbers = numbers;
    this.#spans = this.#written = new LineSpans(limits.maxHeaders + PSEUDO.length + OWN_LINES);
  }

  /** Of the known names, which lines refer to. */
  get namesVersion(): number {
    return this.#names.version;
  }

  /** Bytes of the lines, once `finish` has been called. */
  get size(): number {
    return this.length - this.start;
  }

  begin(kind: BlockKind): void {
    this.#kind = kind;
    this.length = this.start = 0;
    this.fault = BlockFault.None;
    this.#kept = null;
    this.#spans = this.#written;
    for (let i = 0; i < 2 * PSEUDO.length; i++) this.#pseudo[i] = 0;
    this.#opened = kind === BlockKind.Trailers;
    this.#size = this.#count = this.#cookieEnd = this.#lines = 0;
    this.#known = true;
    if (this.#version === this.#names.version) return;
    this.#version = this.#names.version;
    this.#sources.fill(0);
  }

  number(): number {
    return this.#numbers.take();
  }

  room(size: number): void {
    if (this.length + size <= this.bytes.length) return;
    const bytes = new Uint8Array(2 * (this.length + size));
    bytes.set(this.bytes);
    this.bytes = bytes;
  }

  field(nameEnd: number, valueStart: number, valueEnd: number, source: number): boolean {
    const { maxHeadBytes, maxHeaders } = this.#limits;
    this.#size += nameEnd - this.length + valueEnd - valueStart + ENTRY_OVERHEAD;
    if (this.#size > MOST_EXCESS * maxHeadBytes) return false;
    if (this.fault !== BlockFault.None) return true;
    if (this.#size > maxHeadBytes || ++this.#count > maxHeaders + PSEUDO.length) this.fault = BlockFault.TooLarge;
    else if (this.bytes[this.length] === COLON) this.#pseudoField(nameEnd, valueStart, valueEnd);
    else this.#regularField(nameEnd, valueStart, valueEnd, source);
    return true;
  }

  /** Ends the block. What is in `bytes[start, length)` is then a head for the parser, or the lines of trailers. */
  finish(): BlockFault {
    if (this.fault !== BlockFault.None) return this.fault;
    if (!this.#opened) this.#open(this.length);
    if (this.fault !== BlockFault.None) return this.fault;
    if (this.#kind === BlockKind.Trailers) return BlockFault.None;
    this.room(2);
    this.#lineEnd();
    return BlockFault.None;
  }

  /** Of a response that has been finished: it becomes the 101 by which HTTP/1 changes to `protocol`, a token. @param more lines, each ended. */
  becomeUpgrade(protocol: string, more: string): void {
    if (this.#kept !== null) this.#unfold(this.#kept);
    const status = this.start + STATUS_AT;
    for (let i = 0; i < SWITCHING.length; i++) this.bytes[status + i] = SWITCHING.charCodeAt(i);
    this.length -= 2;
    this.#known = false;
    this.#text(`connection: Upgrade\r\nupgrade: ${protocol}\r\n${more}\r\n`);
  }

  /** What has been finished, for `restore`; null: it is not worth it. */
  keep(): KeptLines | null {
    const numbers = this.#numbers;
    if (this.#kind === BlockKind.Trailers) {
      const text = this.trailers();
      return text === null ? null : { text, spans: this.#written, lines: 0, pathSource: 0, authoritySource: 0 };
    }
    if (!this.#known) return null;
    return {
      text: this.bytes.slice(this.start, this.length),
      spans: this.#written.copy(this.#lines, this.start, numbers),
      lines: this.#lines,
      pathSource: numbers.take(),
      authoritySource: numbers.take(),
    };
  }

  /** In place of a block that has come before. */
  restore(kept: KeptLines): typeof BlockFault.None {
    this.#kept = kept;
    this.#spans = kept.spans;
    this.#lines = kept.lines;
    this.#known = true;
    this.start = 0;
    this.length = kept.text.length;
    return (this.fault = BlockFault.None);
  }

  /** Copies the lines. */
  copyTo(into: Uint8Array, at: number): void {
    into.set(this.#kept?.text ?? this.bytes.subarray(this.start, this.length), at);
  }

  /** The lines as trailers, which nobody changes. */
  trailers(): Trailers {
    if (this.#kept !== null) return this.#kept.text;
    if (this.size === 0) return null;
    const { bytes, start, length } = this;
    if (!sameBytes(this.#trailers, bytes, start, length)) this.#trailers = bytes.slice(start, length);
    return this.#trailers;
  }

  #unfold({ text }: KeptLines): void {
    this.#kept = null;
    this.start = this.length = 0;
    this.room(text.length);
    this.bytes.set(text);
    this.length = text.length;
  }

  // ── pseudo-headers ────────────────────────────────────────────────────────────────────────────────────────────

  #pseudoField(nameEnd: number, valueStart: number, valueEnd: number): void {
    const which = this.#pseudoName(this.length, nameEnd);
    const wanted = this.#kind === BlockKind.Response ? which === Pseudo.Status : which >= 0 && which !== Pseudo.Status;
    if (this.#opened || !wanted || this.#has(which) || valueEnd === valueStart || !this.#isVisible(valueStart, valueEnd)) {
      return this.#refuse();
    }
    this.#pseudo[2 * which] = valueStart;
    this.#pseudo[2 * which + 1] = valueEnd;
    this.length = valueEnd;
  }

  #pseudoName(start: number, end: number): number {
    for (let which = 0; which < PSEUDO.length; which++) if (this.#equals(start, end, PSEUDO[which]!)) return which;
    return -1;
  }

  #has(which: number): boolean {
    return this.#pseudo[2 * which + 1] !== 0;
  }

  #isVisible(start: number, end: number): boolean {
    for (let p = start; p < end; p++) if (VISIBLE[this.bytes[p] as number] !== 1) return false;
    return true;
  }

  /**
   * Writes the first lines, from `at` on.
   * @param at where they go: behind what has been read.
   */
  #open(at: number): void {
    this.#opened = true;
    const longest = at + 128;
    this.length = at;
    this.room(longest);
    this.start = at;
    if (this.#kind === BlockKind.Response) this.#statusLine();
    else this.#requestLine();
  }

  #statusLine(): void {
    const start = this.#pseudo[2 * Pseudo.Status] as number;
    if (!this.#has(Pseudo.Status) || (this.#pseudo[2 * Pseudo.Status + 1] as number) - start !== 3) return this.#refuse();
    this.#text('HTTP/1.1 ');
    this.#value(Pseudo.Status);
    this.#text(' ');
    this.#text(reasonOf(this.#status(start)));
    this.#lineEnd();
  }

  #status(start: number): number {
    const { bytes } = this;
    return (bytes[start] as number) * 100 + (bytes[start + 1] as number) * 10 + (bytes[start + 2] as number) - 111 * ZERO;
  }

  #requestLine(): void {
    const connect = this.#is(Pseudo.Method, 'CONNECT');
    const extended = this.#has(Pseudo.Protocol);
    const plain = connect && !extended;
    if (!this.#has(Pseudo.Method) || (extended && !connect)) return this.#refuse();
    if (plain ? this.#has(Pseudo.Scheme) || this.#has(Pseudo.Path) : !this.#has(Pseudo.Scheme) || !this.#has(Pseudo.Path))
      return this.#refuse();
    if (plain ? !this.#has(Pseudo.Authority) : !this.#isPath()) return this.#refuse();
    if (extended) this.#text('GET');
    else this.#value(Pseudo.Method);
    this.#text(' ');
    this.#value(plain ? Pseudo.Authority : Pseudo.Path);
    this.#text(' HTTP/1.1\r\n');
    if (this.#has(Pseudo.Authority)) this.#hostLine();
    if (extended) this.#upgradeLines();
  }

  #hostLine(): void {
    const start = this.length;
    this.#text(HOST);
    const value = this.length;
    this.#value(Pseudo.Authority);
    this.#line(start, value - 2, value, this.length, H.host, 0);
  }

  /** An extended CONNECT (RFC 8441) is what HTTP/1 says with Upgrade. */
  #upgradeLines(): void {
    this.#known = false;
    const start = this.#pseudo[2 * Pseudo.Protocol] as number;
    for (let p = start; p < (this.#pseudo[2 * Pseudo.Protocol + 1] as number); p++) {
      if (TOKEN_LOWER[this.bytes[p] as number] === 0) return this.#refuse();
    }
    this.#text('connection: Upgrade\r\nupgrade: ');
    this.#value(Pseudo.Protocol);
    this.#lineEnd();
  }

  /** Origin-form, or `*` of OPTIONS: a target in another form would be read as something else than a path. */
  #isPath(): boolean {
    const start = this.#pseudo[2 * Pseudo.Path] as number;
    return this.bytes[start] === SLASH || (this.#is(Pseudo.Path, '*') && this.#is(Pseudo.Method, 'OPTIONS'));
  }

  #is(which: number, text: string): boolean {
    return this.#equals(this.#pseudo[2 * which] as number, this.#pseudo[2 * which + 1] as number, text);
  }

  // ── other fields ──────────────────────────────────────────────────────────────────────────────────────────────

  #regularField(nameEnd: number, valueStart: number, valueEnd: number, source: number): void {
    const id = this.#idOf(nameEnd, valueStart, valueEnd, source);
    if (id === UNKNOWN) return this.#refuse();
    if (this.#kind === BlockKind.Trailers && isForbiddenTrailer(this.bytes, this.length, nameEnd)) return;
    const shift = this.#opened ? 0 : this.#openBefore(valueEnd);
    if (this.fault !== BlockFault.None) return;
    if (id === H.host && this.#has(Pseudo.Authority)) return this.#compareHost(valueStart + shift, valueEnd + shift);
    if (id === H.cookie && this.#cookieEnd > 0) return this.#joinCookie(valueStart + shift, valueEnd + shift);
    const start = this.length;
    this.length = valueEnd + shift;
    if (id === H.cookie) {
      this.#cookieStart = valueStart + shift;
      this.#cookieEnd = this.length;
      this.#cookieLine = this.#lines;
    }
    this.#line(start, nameEnd + shift, valueStart + shift, this.length, id, source);
  }

  /** The interned id of a field's name, -1: it has none; or UNKNOWN: the field may not stand in a head. */
  #idOf(nameEnd: number, valueStart: number, valueEnd: number, source: number): number {
    const place = source & (PLACES - 1);
    if (source > 0 && this.#sources[place] === source) return this.#ids[place] as number;
    const hash = this.#checkedName(this.length, nameEnd);
    if (hash === null || !this.#isValue(valueStart, valueEnd)) return UNKNOWN;
    const id = this.#names.find(this.bytes, this.length, nameEnd, hash);
    if (!this.#isAllowed(id, valueStart, valueEnd)) return UNKNOWN;
    if (source > 0) {
      this.#sources[place] = source;
      this.#ids[place] = id;
    }
    return id;
  }

  /** Puts the first lines before the field that has just been read, which ends at `end`. @returns by how much it moved. */
  #openBefore(end: number): number {
    const from = this.length;
    this.#open(end);
    const at = this.length;
    this.room(end - from + 2);
    copyBytes(this.bytes, from, end, this.bytes, at);
    return at - from;
  }

  /** The hash of a name that is a token in lower case; null: it is not (RFC 9113 §8.2.1). */
  #checkedName(start: number, end: number): number | null {
    if (end === start) return null;
    let hash = 0;
    for (let p = start; p < end; p++) {
      const c = this.bytes[p] as number;
      if (c === 0 || TOKEN_LOWER[c] !== c) return null;
      hash = (Math.imul(hash, 31) + c) | 0;
    }
    return hash;
  }

  /** No control character, and no white space around it (RFC 9113 §8.2.1). */
  #isValue(start: number, end: number): boolean {
    const { bytes } = this;
    for (let p = start; p < end; p++) if (FIELD_VALUE[bytes[p] as number] !== 1) return false;
    return start === end || !(isBlank(bytes[start] as number) || isBlank(bytes[end - 1] as number));
  }

  /** Fields that concern one connection have no place in HTTP/2 (RFC 9113 §8.2.2). */
  #isAllowed(id: number, valueStart: number, valueEnd: number): boolean {
    switch (id) {
      case H.connection:
      case H['keep-alive']:
      case H['proxy-connection']:
      case H['transfer-encoding']:
      case H.upgrade:
        return false;
      case H.te:
        return this.#equals(valueStart, valueEnd, 'trailers');
      default:
        return true;
    }
  }

  #equals(start: number, end: number, text: string): boolean {
    if (end - start !== text.length) return false;
    for (let i = 0; i < text.length; i++) if (this.bytes[start + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** Host must say what :authority says (RFC 9113 §8.3.1); the line of :authority is there already. */
  #compareHost(valueStart: number, valueEnd: number): void {
    const at = 2 * Pseudo.Authority;
    if (!sameHost(this.bytes, this.#pseudo[at] as number, this.#pseudo[at + 1] as number, valueStart, valueEnd)) this.#refuse();
  }

  /** Several cookie fields are one line to everybody else (RFC 9113 §8.2.3); empty ones say nothing, and leave no separator. */
  #joinCookie(valueStart: number, valueEnd: number): void {
    if (valueStart === valueEnd) return;
    const value = this.bytes.slice(valueStart, valueEnd);
    const separator = this.#cookieEnd > this.#cookieStart ? COOKIE_SEPARATOR.length : 0;
    const more = separator + value.length;
    this.room(more);
    this.bytes.copyWithin(this.#cookieEnd + more, this.#cookieEnd, this.length);
    this.bytes.set(COOKIE_SEPARATOR.subarray(0, separator), this.#cookieEnd);
    this.bytes.set(value, this.#cookieEnd + separator);
    this.length += more;
    this.#cookieEnd += more;
    this.#spans.lengthen(this.#cookieLine, this.#lines, more);
  }

  // ── what the parser is told ───────────────────────────────────────────────────────────────────────────────────

  /** Ends the line that begins at `start`, and notes it. */
  #line(start: number, nameEnd: number, valueStart: number, valueEnd: number, id: number, source: number): void {
    this.room(2);
    this.#lineEnd();
    this.#spans.put(this.#lines++, start, nameEnd, valueStart, valueEnd, id, source);
  }

  /** As parseFieldLines, of lines that stand in another array from `p` on. */
  #fill(bytes: Uint8Array, p: number, end: number, head: Head, maxFields: number): number {
    const count = this.#lines;
    beginFields(head);
    if (count > maxFields) return ParseError.TooManyFields;
    const next = p + this.length - (count === 0 ? this.length - 2 : this.#spans.start(0));
    if (next > end) return 0;
    const fault = this.#spans.fill(bytes, p, head, count);
    if (fault !== 0) return fault;
    head.count = count;
    head.end = next;
    head.sourced = true;
    if (this.#kept !== null) {
      head.pathSource = this.#kept.pathSource;
      head.authoritySource = this.#kept.authoritySource;
    }
    return next;
  }

  // ── pieces ────────────────────────────────────────────────────────────────────────────────────────────────────

  #refuse(): void {
    this.fault = BlockFault.Malformed;
  }

  #value(which: number): void {
    const start = this.#pseudo[2 * which] as number;
    const end = this.#pseudo[2 * which + 1] as number;
    this.room(end - start + 64);
    this.length = copyBytes(this.bytes, start, end, this.bytes, this.length);
  }

  #text(text: string): void {
    this.room(text.length + 64);
    for (let i = 0; i < text.length; i++) this.bytes[this.length++] = text.charCodeAt(i);
  }

  #lineEnd(): void {
    this.bytes[this.length++] = CR;
    this.bytes[this.length++] = LF;
  }
}

function isBlank(c: number): boolean {
  return c === SP || c === HTAB;
}
