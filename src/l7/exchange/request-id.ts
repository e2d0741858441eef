/** x-request-id: a random UUID (RFC 9562 version 4) written as bytes where it goes, and kept as four words for further attempts. */
import { wordText, writeHalf, writeWord } from '../message/hex.ts';

const DASH = 0x2d;
export const REQUEST_ID_LENGTH = 36;

export class RequestId {
  readonly #random: () => number;
  #drawn = false;
  #version = 4;
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;

  /** @param random uniform over 32 bits. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** For another request. It is drawn when it is written first: most requests inside a mesh have one. */
  renew(): void {
    this.#drawn = false;
    this.#version = 4;
  }

  /** Its first 32 bits, by which requests are drawn for traces. */
  get first(): number {
    if (!this.#drawn) this.#draw();
    return this.#a >>> 0;
  }

  /** Envoy writes its decision about traces where the version of the UUID stands. @param digit 0 to 15. */
  mark(digit: number): void {
    this.#version = digit;
  }

  text(): string {
    if (!this.#drawn) this.#draw();
    const [b, c] = [wordText(this.#b), wordText((this.#c & 0x3fffffff) | 0x80000000)];
    const version = this.#version.toString(16);
    return `${wordText(this.#a)}-${b.slice(0, 4)}-${version}${b.slice(5)}-${c.slice(0, 4)}-${c.slice(4)}${wordText(this.#d)}`;
  }

  /** Writes 36 bytes at `at` and returns where they end. */
  write(bytes: Uint8Array, at: number): number {
    if (!this.#drawn) this.#draw();
    at = writeWord(bytes, at, this.#a);
    bytes[at++] = DASH;
    at = writeHalf(bytes, at, this.#b >>> 16);
    bytes[at++] = DASH;
    at = writeHalf(bytes, at, (this.#b & 0x0fff) | (this.#version << 12));
    bytes[at++] = DASH;
    at = writeHalf(bytes, at, ((this.#c >>> 16) & 0x3fff) | 0x8000); // variant 10
    bytes[at++] = DASH;
    at = writeHalf(bytes, at, this.#c & 0xffff);
    return writeWord(bytes, at, this.#d);
  }

  /** Signed words are small integers to V8; unsigned ones would each be an object. */
  #draw(): void {
    const random = this.#random;
    this.#drawn = true;
    this.#a = random() | 0;
    this.#b = random() | 0;
    this.#c = random() | 0;
    this.#d = random() | 0;
  }
}
