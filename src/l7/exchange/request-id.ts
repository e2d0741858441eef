/** x-request-id: a random UUID (RFC 9562 version 4) written as bytes where it goes, and kept as four words for further attempts. */

const HEX = Buffer.from('0123456789abcdef', 'latin1');
const HIGH = Uint8Array.from({ length: 256 }, (_, byte) => HEX[byte >> 4] as number);
const LOW = Uint8Array.from({ length: 256 }, (_, byte) => HEX[byte & 15] as number);
const DASH = 0x2d;
export const REQUEST_ID_LENGTH = 36;

export class RequestId {
  readonly #random: () => number;
  #drawn = false;
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
  }

  /** Writes 36 bytes at `at` and returns where they end. */
  write(bytes: Uint8Array, at: number): number {
    if (!this.#drawn) this.#draw();
    at = word(bytes, at, this.#a);
    bytes[at++] = DASH;
    at = half(bytes, at, this.#b >>> 16);
    bytes[at++] = DASH;
    at = half(bytes, at, (this.#b & 0x0fff) | 0x4000); // version 4
    bytes[at++] = DASH;
    at = half(bytes, at, ((this.#c >>> 16) & 0x3fff) | 0x8000); // variant 10
    bytes[at++] = DASH;
    at = half(bytes, at, this.#c & 0xffff);
    return word(bytes, at, this.#d);
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

function word(bytes: Uint8Array, at: number, value: number): number {
  return half(bytes, half(bytes, at, value >>> 16), value & 0xffff);
}

function half(bytes: Uint8Array, at: number, value: number): number {
  const high = value >>> 8;
  const low = value & 255;
  bytes[at] = HIGH[high] as number;
  bytes[at + 1] = LOW[high] as number;
  bytes[at + 2] = HIGH[low] as number;
  bytes[at + 3] = LOW[low] as number;
  return at + 4;
}
