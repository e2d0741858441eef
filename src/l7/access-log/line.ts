/**
 * A line as it was written last, and where its values stand in it. The next line of its kind differs in some values only: each of these is
 * written over the one before, and what follows moves where the new one is longer or shorter.
 *
 *     {"authority":"shop","bytes_received":0,"duration":12, … }\n
 *                  └────┘                  ^            └┘           slots: values with their quotes; all else never changes
 *
 * Invariants (test/l7/access-log/line-format.test.ts):
 *  1. a line does not depend on those before it;
 *  2. values of clients are cut where the line would get longer than `MOST`; a line of JSON stays one.
 */
import { isUtf8 } from 'node:buffer';
import type { WrittenId } from './log-entry.ts';

const HEX = Buffer.from('0123456789abcdef', 'latin1');
const NULL = Buffer.from('null', 'latin1');
const DASH = Buffer.from('-', 'latin1');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const DELETE = 0x7f;
const ZERO = 0x30;
const FIRST_BYTES = 1024;
/** Longer numbers are rare. They fit an integer of V8. */
const MOST_AT_ONCE = 1e9;
const LONGEST_ID = 36;
/** Digits of a time after its second, and what follows them. */
const MILLISECONDS = 3;
const ZULU = 0x5a;
/** `\u00xx`. */
const ESCAPE = 6;

/** 1 for bytes that no format escapes. */
const PLAIN: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= SPACE && byte < DELETE && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);

/** What stands in a slot. What differs in each line is not worth a comparison. */
const Kind = { Nothing: 0, Other: 1, Number: 2, Text: 3, Time: 4, Own: 5, Plain: 6 } as const;

/** What all lines of a format have in common. */
export interface LineLayout {
  readonly json: boolean;
  /** Before the first slot, between them, and after the last one, which ends the line. */
  readonly literals: readonly Uint8Array[];
  /** By slot: its value has quotes, and is null where there is none. */
  readonly quoted: readonly boolean[];
  /** By slot: as which there is none. */
  readonly typed: readonly boolean[];
}

export class Line {
  /** Envoy's headers alone may have 60 KiB: a line is for people and their tools. */
  static readonly MOST = 16 * 1024;
  bytes = Buffer.alloc(FIRST_BYTES);
  length = 0;
  /** How often a value was written over another one. */
  writes = 0;
  /** A value had to be cut: what it was cut by may be a value of the line before. */
  isCut = false;
  readonly #json: boolean;
  /** By slot: bytes before its value, and after it. */
  readonly #quotes: Uint8Array;
  readonly #typed: readonly boolean[];
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  readonly #kinds: Uint8Array;
  readonly #numbers: Float64Array;
  readonly #texts: string[];
  readonly #owns: (Uint8Array | null)[];

  constructor({ json, literals, quoted, typed }: LineLayout) {
    const slots = quoted.length;
    this.#json = json;
    this.#quotes = Uint8Array.from(quoted, (isQuoted) => (isQuoted ? 1 : 0));
    this.#typed = typed;
    this.#starts = new Int32Array(slots);
    this.#ends = new Int32Array(slots);
    this.#kinds = new Uint8Array(slots).fill(Kind.Other);
    this.#numbers = new Float64Array(slots);
    this.#texts = Array.from<string>({ length: slots }).fill('');
    this.#owns = Array.from<null>({ length: slots }).fill(null);
    for (const [slot, literal] of literals.entries()) {
      this.#reserve(literal.length);
      this.bytes.set(literal, this.length);
      this.length += literal.length;
      if (slot < slots) this.#starts[slot] = this.#ends[slot] = this.length;
    }
  }

  /** Where a slot begins. */
  startOf(slot: number): number {
    return this.#starts[slot] as number;
  }

  // The common case of each value is a few instructions, which V8 puts where they are called.

  /** There is none. */
  nothing(slot: number): void {
    if (this.#kinds[slot] !== Kind.Nothing) this.#newNothing(slot);
  }

  /** A whole number, or a fraction in as many digits as it needs. */
  number(slot: number, value: number): void {
    if (this.#kinds[slot] !== Kind.Number || this.#numbers[slot] !== value) this.#newNumber(slot, value);
  }

  /** ASCII of our own that nothing is ever written over. */
  own(slot: number, text: Uint8Array): void {
    if (this.#owns[slot] !== text || this.#kinds[slot] !== Kind.Own) this.#newOwn(slot, text);
  }

  #newNothing(slot: number): void {
    this.#kinds[slot] = Kind.Nothing;
    const text = this.#typed[slot] === true ? NULL : DASH;
    const at = this.#place(slot, text.length);
    this.bytes.set(text, at);
  }

  #newNumber(slot: number, value: number): void {
    if (value < 0 || value >= MOST_AT_ONCE || !Number.isInteger(value)) this.#ascii(slot, String(value));
    else this.#digits(slot, value);
    this.#kinds[slot] = Kind.Number;
    this.#numbers[slot] = value;
  }

  /** Text of our own, a byte for each character. */
  text(slot: number, text: string): void {
    if (this.#kinds[slot] === Kind.Text && this.#texts[slot] === text) return;
    for (let i = 0; i < text.length; i++) {
      if (PLAIN[text.charCodeAt(i)] !== 1) return this.#escapedText(slot, text);
    }
    this.#ascii(slot, text);
    this.#kinds[slot] = Kind.Text;
    this.#texts[slot] = text;
  }

  #newOwn(slot: number, text: Uint8Array): void {
    let at = this.#value(slot, text.length);
    const { bytes } = this;
    for (let i = 0; i < text.length; i++) bytes[at++] = text[i] as number;
    this.#kinds[slot] = Kind.Own;
    this.#owns[slot] = text;
  }

  /** A time. @param second with all that stands before its fraction. @param milliseconds of it. */
  time(slot: number, second: string, milliseconds: number): void {
    if (this.#kinds[slot] !== Kind.Time || this.#texts[slot] !== second) {
      const at = this.#value(slot, second.length + MILLISECONDS + 1);
      for (let i = 0; i < second.length; i++) this.bytes[at + i] = second.charCodeAt(i);
      this.bytes[at + second.length + MILLISECONDS] = ZULU;
      this.#kinds[slot] = Kind.Time;
      this.#texts[slot] = second;
    }
    const at = (this.#ends[slot] as number) - 1 - (this.#quotes[slot] as number);
    this.#decimal(at, MILLISECONDS, milliseconds);
  }

  /** @param most bytes of it; 0: all. */
  id(slot: number, id: WrittenId, most: number): void {
    const width = most > 0 ? Math.min(most, LONGEST_ID) : LONGEST_ID;
    const at = this.#value(slot, width);
    if (width === LONGEST_ID) id.write(this.bytes, at);
    else this.bytes.write(id.text(), at, width, 'latin1');
  }

  /** Bytes of a client. */
  foreign(slot: number, from: Uint8Array, start: number, end: number): void {
    const width = end - start;
    // Clients say the same again and again: most of it costs a comparison.
    if (this.#kinds[slot] === Kind.Plain && this.#has(slot, from, start, width)) return;
    if (this.length + width > Line.MOST) return this.#escaped(slot, from, start, end);
    let at = this.#value(slot, width);
    const { bytes } = this;
    for (let i = start; i < end; i++) {
      const byte = from[i] as number;
      if (PLAIN[byte] !== 1) return this.#escaped(slot, from, start, end);
      bytes[at++] = byte;
    }
    this.#kinds[slot] = Kind.Plain;
  }

  /** Whether these bytes are the slot's value, which nothing was escaped in. */
  #has(slot: number, from: Uint8Array, start: number, width: number): boolean {
    const quotes = this.#quotes[slot] as number;
    const at = (this.#starts[slot] as number) + quotes;
    if ((this.#ends[slot] as number) - quotes - at !== width) return false;
    const { bytes } = this;
    for (let i = 0; i < width; i++) if (bytes[at + i] !== from[start + i]) return false;
    return true;
  }

  #escapedText(slot: number, text: string): void {
    const bytes = Buffer.from(text, 'latin1');
    this.#escaped(slot, bytes, 0, bytes.length);
  }

  /** In JSON quotes are escaped, and what is not UTF-8 is taken for Latin-1; else only what would end a line is escaped, as Envoy's text has it. */
  #escaped(slot: number, from: Uint8Array, start: number, end: number): void {
    let raw = !this.#json || isUtf8(from.subarray(start, end));
    let stop = this.#fitting(slot, from, start, end, raw);
    if (stop < end) {
      this.isCut = true;
      // A cut may go through a character.
      raw = !this.#json;
      stop = this.#fitting(slot, from, start, end, raw);
    }
    let width = 0;
    for (let i = start; i < stop; i++) width += this.#widthOf(from[i] as number, raw);
    let at = this.#value(slot, width);
    for (let i = start; i < stop; i++) at = this.#escape(from[i] as number, at, raw);
  }

  /** @returns up to where they fit the line. */
  #fitting(slot: number, from: Uint8Array, start: number, end: number, raw: boolean): number {
    let room = Line.MOST - this.length + (this.#ends[slot] as number) - (this.#starts[slot] as number);
    let at = start;
    while (at < end && (room -= this.#widthOf(from[at] as number, raw)) >= 0) at++;
    return at;
  }

  #widthOf(byte: number, raw: boolean): number {
    if (PLAIN[byte] === 1) return 1;
    if (byte < SPACE || byte === DELETE) return ESCAPE;
    if (byte < 0x80) return this.#json ? 2 : 1;
    return raw ? 1 : 2;
  }

  /** @returns where the next byte goes. */
  #escape(byte: number, start: number, raw: boolean): number {
    const { bytes } = this;
    let at = start;
    if (byte < SPACE || byte === DELETE) {
      for (const letter of [BACKSLASH, 0x75, ZERO, ZERO, HEX[byte >> 4] as number, HEX[byte & 15] as number]) bytes[at++] = letter;
    } else if (byte >= 0x80 && !raw) {
      bytes[at++] = 0xc0 | (byte >> 6);
      bytes[at++] = 0x80 | (byte & 0x3f);
    } else {
      if (this.#json && (byte === QUOTE || byte === BACKSLASH)) bytes[at++] = BACKSLASH;
      bytes[at++] = byte;
    }
    return at;
  }

  #ascii(slot: number, text: string): void {
    let at = this.#value(slot, text.length);
    const { bytes } = this;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
  }

  #digits(slot: number, value: number): void {
    let digits = 1;
    for (let above = 10; above <= value; above *= 10) digits++;
    this.#decimal(this.#value(slot, digits) + digits, digits, value);
  }

  /** @param end where the digits end. */
  #decimal(end: number, digits: number, value: number): void {
    const { bytes } = this;
    let at = end;
    for (let rest = value, left = digits; left > 0; left--) {
      const tens = Math.trunc(rest / 10);
      bytes[--at] = ZERO + (rest - tens * 10);
      rest = tens;
    }
  }

  /** Makes room for a value in its slot, between quotes where it has some. @returns where the value begins. */
  #value(slot: number, width: number): number {
    this.#kinds[slot] = Kind.Other;
    if (this.#quotes[slot] === 0) return this.#place(slot, width);
    const at = this.#place(slot, width + 2);
    this.bytes[at] = this.bytes[at + width + 1] = QUOTE;
    return at + 1;
  }

  #place(slot: number, width: number): number {
    this.writes++;
    const start = this.#starts[slot] as number;
    const change = start + width - (this.#ends[slot] as number);
    if (change !== 0) this.#move(slot, change);
    return start;
  }

  /** What follows the slot moves. */
  #move(slot: number, change: number): void {
    this.#reserve(change);
    const starts = this.#starts;
    const ends = this.#ends;
    const end = ends[slot] as number;
    this.bytes.copyWithin(end + change, end, this.length);
    this.length += change;
    ends[slot] = end + change;
    for (let i = slot + 1; i < starts.length; i++) {
      starts[i] = (starts[i] as number) + change;
      ends[i] = (ends[i] as number) + change;
    }
  }

  #reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const larger = Buffer.alloc(2 * (this.length + more));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}
