/** Text of JSON in the making, as bytes in a buffer that is used again: strings and objects would be garbage of each span. */
import { writeWord } from '../message/hex.ts';

const FIRST_BYTES = 4096;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
/** What a character takes at most, escaped: `\uxxxx`. */
const MOST_BYTES = 6;
/** Digits that are written at once: so many fit an integer of V8. */
const DIGITS = 9;
const ABOVE = 1e9;
/** Of the largest whole number that is exact. */
const MOST_DIGITS = 16;
const WORD_DIGITS = 8;
/** Up to here a loop is quicker than a call. */
const SHORT = 48;
/** 1 for characters that JSON writes as they are. */
const PLAIN = Uint8Array.from({ length: 128 }, (_, code) => (code >= 0x20 && code < 0x7f && code !== QUOTE && code !== BACKSLASH ? 1 : 0));

export class JsonText {
  /** Up to `length`. */
  bytes = Buffer.allocUnsafe(FIRST_BYTES);
  length = 0;

  clear(): void {
    this.length = 0;
  }

  /** @returns a copy. */
  taken(): Uint8Array {
    return new Uint8Array(this.bytes.subarray(0, this.length));
  }

  /** Of JSON already. */
  raw(json: Uint8Array): void {
    this.#reserve(json.length);
    const { bytes, length } = this;
    if (json.length > SHORT) bytes.set(json, length);
    else for (let i = 0; i < json.length; i++) bytes[length + i] = json[i] as number;
    this.length += json.length;
  }

  /** Within a string. */
  text(text: string): void {
    this.#reserve(MOST_BYTES * text.length);
    const { bytes } = this;
    let at = this.length;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (PLAIN[code] !== 1) return this.#escaped(text);
      bytes[at++] = code;
    }
    this.length = at;
  }

  /** Within a string: a character for each byte. */
  latin1(from: Uint8Array, start: number, end: number): void {
    this.#reserve(MOST_BYTES * (end - start));
    const { bytes } = this;
    let at = this.length;
    for (let i = start; i < end; i++) {
      const byte = from[i] as number;
      if (PLAIN[byte] !== 1) return this.#escaped(Buffer.from(from.buffer, from.byteOffset + start, end - start).toString('latin1'));
      bytes[at++] = byte;
    }
    this.length = at;
  }

  /** @param value whole, and not below 0. */
  number(value: number): void {
    this.#reserve(MOST_DIGITS);
    if (value < ABOVE) return this.#digits(value, widthOf(value));
    const high = Math.floor(value / ABOVE);
    this.#digits(high, widthOf(high));
    this.#digits(value - high * ABOVE, DIGITS);
  }

  /** 32 bits in hexadecimal digits. */
  word(value: number): void {
    this.#reserve(WORD_DIGITS);
    this.length = writeWord(this.bytes, this.length, value);
  }

  #digits(value: number, width: number): void {
    const { bytes } = this;
    this.length += width;
    for (let rest = value | 0, at = this.length, left = width; left > 0; left--) {
      const tens = Math.trunc(rest / 10);
      bytes[--at] = ZERO + (rest - tens * 10);
      rest = tens;
    }
  }

  #escaped(text: string): void {
    this.length += this.bytes.write(JSON.stringify(text).slice(1, -1), this.length);
  }

  #reserve(more: number): void {
    const most = this.length + more;
    if (most <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * most);
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}

function widthOf(value: number): number {
  let digits = 1;
  for (let above = 10; above <= value; above *= 10) digits++;
  return digits;
}
