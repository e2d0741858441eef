/**
 * Collects a head that arrives in pieces. Parsers have no memory between calls, so parsing after each piece would cost time in
 * the square of the head's size when somebody sends it byte by byte. So it parses only when the end of the head may
 * have arrived, or when the size has doubled, so that a refusal is not delayed for long. The work stays linear.
 */
const CR = 13;
const LF = 10;
const FIRST = 1024;

export class HeadBuffer {
  bytes: Uint8Array = new Uint8Array(0);
  length = 0;
  /** The size from which it parses without a blank line. */
  #parseAt = 0;

  /** Adds a piece. @returns whether to parse `bytes[0, length)` now. */
  add(bytes: Uint8Array, start: number, end: number): boolean {
    const before = this.length;
    this.#reserve(before + end - start);
    this.bytes.set(bytes.subarray(start, end), before);
    this.length = before + end - start;
    if (this.length < this.#parseAt && !this.#endsAfter(before)) return false;
    this.#parseAt = 2 * this.length;
    return true;
  }

  /** Whether an empty line ends behind `before`; its line end and the one before it may be LF alone (RFC 9112 §2.2). */
  #endsAfter(before: number): boolean {
    const { bytes, length } = this;
    for (let p = bytes.indexOf(LF, before); p >= 0 && p < length; p = bytes.indexOf(LF, p + 1)) {
      const line = p > 0 && bytes[p - 1] === CR ? p - 1 : p;
      if (line > 0 && bytes[line - 1] === LF) return true;
    }
    return false;
  }

  #reserve(size: number): void {
    if (size <= this.bytes.length) return;
    const bytes = new Uint8Array(Math.max(size, 2 * this.bytes.length, FIRST));
    bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = bytes;
  }
}
