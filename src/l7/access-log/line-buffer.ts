import { copyBytes } from '../message/copy-bytes.ts';
import type { WrittenId } from './log-entry.ts';

/** The line that is being written, as bytes. One per worker. What is longer than `MOST` is cut, and the line ends as a line does. */

const HEX = Buffer.from('0123456789abcdef', 'latin1');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const DELETE = 0x7f;
const LINE_END = 0x0a;
const ZERO = 0x30;
/** Longer numbers are rare. They fit an integer of V8. */
const MOST_AT_ONCE = 1e9;
const LONGEST_ID = 64;
/** One beyond ASCII becomes two bytes in UTF-8; an escape has six. */
const WIDEST = 6;

/** 1 for bytes that no format escapes. */
const PLAIN: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= SPACE && byte < DELETE && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);

export class LineBuffer {
  /** Envoy's headers alone may have 60 KiB: a line is for people and their tools. */
  static readonly MOST = 16 * 1024;
  readonly bytes = new Uint8Array(LineBuffer.MOST + 64);
  length = 0;
  /** Quotes are escaped and bytes beyond ASCII become UTF-8; else only what would end a line is escaped, as Envoy's text has it. */
  #json = false;

  begin(json: boolean): void {
    this.length = 0;
    this.#json = json;
  }

  get full(): boolean {
    return this.length >= LineBuffer.MOST;
  }

  byte(byte: number): void {
    if (!this.full) this.bytes[this.length++] = byte;
  }

  /** As ascii, of bytes. */
  own(text: Uint8Array): void {
    const end = Math.min(text.length, LineBuffer.MOST - this.length);
    this.length = copyBytes(text, 0, end, this.bytes, this.length);
  }

  /** An id of ours; cut where that many bytes are the most, 0: never. */
  id(id: WrittenId, most: number): void {
    if (this.length > LineBuffer.MOST - LONGEST_ID) return;
    const end = id.write(this.bytes, this.length);
    this.length = most > 0 ? Math.min(end, this.length + most) : end;
  }

  /** Latin-1 text of our own, which has nothing that needs an escape. */
  ascii(text: string): void {
    const { bytes } = this;
    let at = this.length;
    const end = Math.min(text.length, LineBuffer.MOST - at);
    for (let i = 0; i < end; i++) bytes[at++] = text.charCodeAt(i);
    this.length = at;
  }

  /** A whole number, or a fraction in as many digits as it needs. */
  number(value: number): void {
    if (value < 0 || value >= MOST_AT_ONCE || !Number.isInteger(value) || this.full) return this.ascii(String(value));
    let digits = 1;
    for (let more = value; more >= 10; more = Math.trunc(more / 10)) digits++;
    let at = (this.length += digits);
    for (let rest = value; digits > 0; digits--, rest = Math.trunc(rest / 10)) this.bytes[--at] = ZERO + (rest % 10);
  }

  /** Bytes of a client. */
  foreign(bytes: Uint8Array, start: number, end: number): void {
    const own = this.bytes;
    let at = this.length;
    for (let i = start; i < end && at < LineBuffer.MOST - WIDEST; i++) {
      const byte = bytes[i] as number;
      if (PLAIN[byte] === 1) own[at++] = byte;
      else at = this.#escaped(byte, at);
    }
    this.length = at;
  }

  /** The same for text. */
  foreignText(text: string, most: number): void {
    const end = most > 0 ? Math.min(most, text.length) : text.length;
    const own = this.bytes;
    let at = this.length;
    for (let i = 0; i < end && at < LineBuffer.MOST - WIDEST; i++) {
      const byte = text.charCodeAt(i) & 255;
      if (PLAIN[byte] === 1) own[at++] = byte;
      else at = this.#escaped(byte, at);
    }
    this.length = at;
  }

  endLine(): void {
    this.bytes[this.length++] = LINE_END;
  }

  /** @returns where the next byte goes. */
  #escaped(byte: number, start: number): number {
    const { bytes } = this;
    let at = start;
    if (this.#json && (byte === QUOTE || byte === BACKSLASH)) {
      bytes[at++] = BACKSLASH;
      bytes[at++] = byte;
    } else if (byte < SPACE || byte === DELETE) {
      for (const letter of [BACKSLASH, 0x75, ZERO, ZERO, HEX[byte >> 4] as number, HEX[byte & 15] as number]) bytes[at++] = letter;
    } else if (byte < 0x80 || !this.#json) bytes[at++] = byte;
    else {
      bytes[at++] = 0xc0 | (byte >> 6);
      bytes[at++] = 0x80 | (byte & 0x3f);
    }
    return at;
  }
}
