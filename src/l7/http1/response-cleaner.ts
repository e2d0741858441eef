/**
 * Writes a response's head again as the grammar has it, where the RFCs let a proxy take it although the server did not keep to
 * the grammar. Only deviations that every recipient reads alike are mended; the strict parser decides over the result.
 *
 * - a line that ends with LF alone (RFC 9112 §2.2);
 * - white space between a field's name and its colon, which a proxy has to remove (RFC 9112 §5.1);
 * - a folded field line, which a proxy has to unfold (RFC 9112 §5.2), but not a fold that holds nothing but white space: some
 *   read it as the end of the head;
 * - more white space than one SP around the status code (RFC 9112 §4), and a minor version above 1, which is read as 1
 *   (RFC 9110 §2.5);
 * - Content-Length said several times with the same digits (RFC 9110 §8.6).
 */
import { equalsIgnoreCase } from './field-lines.ts';
import { TOKEN_LOWER } from '../message/header-names.ts';

const HTAB = 9;
const LF = 10;
const CR = 13;
const SP = 32;
const COMMA = 44;
const COLON = 58;
const ZERO = 48;
const ONE = 49;
const NINE = 57;

/** Of `HTTP/1.`, where the digit of the minor version stands. */
const MINOR = 7;

export interface CleanHead {
  /** The head and nothing else. */
  readonly bytes: Uint8Array;
  /** Where what follows the head begins in the bytes as they came. */
  readonly next: number;
}

/** @returns null when the end of the head has not come. */
export function cleanResponseHead(bytes: Uint8Array, start: number, end: number): CleanHead | null {
  const next = headEnd(bytes, start, end);
  return next < 0 ? null : { bytes: new HeadCleaner(bytes, start, next).clean(), next };
}

/** The offset after the first empty line, whatever its line end; -1 when there is none. */
function headEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let line = start; line < end;) {
    const lf = bytes.indexOf(LF, line);
    if (lf < 0 || lf >= end) return -1;
    if (line > start && (lf === line || (lf === line + 1 && bytes[line] === CR))) return lf + 1;
    line = lf + 1;
  }
  return -1;
}

class HeadCleaner {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #end: number;
  readonly #out: Uint8Array;
  #length = 0;
  /** The digits of Content-Length so far. */
  #contentLength: Uint8Array | null = null;

  /** @param end after the empty line. */
  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    // Nothing grows but line ends, from LF to CR LF.
    this.#out = new Uint8Array(2 * (end - start));
  }

  clean(): Uint8Array {
    let line = this.#start;
    let next = this.#lineAfter(line);
    this.#statusLine(line, this.#lineEnd(next));
    for (line = next; line < this.#end; line = next) {
      next = this.#lineAfter(line);
      const from = this.#length;
      this.#fieldLine(line, this.#lineEnd(next));
      while (next < this.#end && this.#isFold(next)) {
        line = next;
        next = this.#lineAfter(line);
        this.#unfold(line, this.#lineEnd(next));
      }
      this.#endLine();
      this.#onceOnly(from);
    }
    return this.#out.subarray(0, this.#length);
  }

  #lineAfter(line: number): number {
    return this.#bytes.indexOf(LF, line) + 1;
  }

  /** Where the line's text ends before `next`: one CR before the LF belongs to the line end. */
  #lineEnd(next: number): number {
    return next - 2 >= this.#start && this.#bytes[next - 2] === CR ? next - 2 : next - 1;
  }

  #statusLine(p: number, end: number): void {
    const version = Math.min(p + MINOR + 1, end);
    this.#copy(p, version);
    const minor = this.#out[MINOR] as number;
    if (version === p + MINOR + 1 && minor > ONE && minor <= NINE) this.#out[MINOR] = ONE;
    const status = this.#blanksToSpace(version, end);
    const reason = skipDigits(this.#bytes, status, end);
    this.#copy(status, reason);
    this.#copy(this.#blanksToSpace(reason, end), end);
    this.#endLine();
  }

  #fieldLine(p: number, end: number): void {
    let name = p;
    while (name < end && TOKEN_LOWER[this.#bytes[name] as number] !== 0) name++;
    this.#copy(p, name);
    const colon = this.#skipBlanks(name, end);
    const isField = name > p && colon < end && this.#bytes[colon] === COLON;
    this.#copy(isField ? colon : name, end);
  }

  /** A line that begins with white space and holds something else too. */
  #isFold(line: number): boolean {
    const end = this.#lineEnd(this.#lineAfter(line));
    const text = this.#skipBlanks(line, end);
    return text > line && text < end;
  }

  #unfold(line: number, end: number): void {
    this.#copy(this.#blanksToSpace(line, end), end);
  }

  /** Drops the line that begins at `from` when it repeats Content-Length; what is no repetition is left to the parser to refuse. */
  #onceOnly(from: number): void {
    const out = this.#out;
    const colon = out.indexOf(COLON, from);
    if (colon < 0 || colon >= this.#length || !equalsIgnoreCase(out, from, colon, 'content-length')) return;
    const digits = sameDigits(out.subarray(colon + 1, this.#length - 2));
    if (digits === null) return;
    if (this.#contentLength === null) {
      this.#contentLength = digits.slice();
      out[colon + 1] = SP;
      this.#length = colon + 2;
      out.set(this.#contentLength, this.#length);
      this.#length += digits.length;
      this.#endLine();
    } else if (Buffer.compare(this.#contentLength, digits) === 0) {
      this.#length = from;
    }
  }

  #copy(start: number, end: number): void {
    this.#out.set(this.#bytes.subarray(start, end), this.#length);
    this.#length += end - start;
  }

  /** @returns where the white space at `p` ends, of which one SP remains. */
  #blanksToSpace(p: number, end: number): number {
    const text = this.#skipBlanks(p, end);
    if (text > p) this.#out[this.#length++] = SP;
    return text;
  }

  #skipBlanks(p: number, end: number): number {
    while (p < end && isBlank(this.#bytes[p] as number)) p++;
    return p;
  }

  #endLine(): void {
    this.#out[this.#length++] = CR;
    this.#out[this.#length++] = LF;
  }
}

/** The number that a list repeats, or null when it is none or not one number. */
function sameDigits(list: Uint8Array): Uint8Array | null {
  let first: Uint8Array | null = null;
  for (let p = 0; p <= list.length; p++) {
    let stop = list.indexOf(COMMA, p);
    if (stop < 0) stop = list.length;
    const digits = trim(list.subarray(p, stop));
    if (digits.length === 0 || skipDigits(digits, 0, digits.length) !== digits.length) return null;
    if (first !== null && Buffer.compare(first, digits) !== 0) return null;
    first ??= digits;
    p = stop;
  }
  return first;
}

function trim(bytes: Uint8Array): Uint8Array {
  let start = 0;
  let end = bytes.length;
  while (start < end && isBlank(bytes[start] as number)) start++;
  while (end > start && isBlank(bytes[end - 1] as number)) end--;
  return bytes.subarray(start, end);
}

function skipDigits(bytes: Uint8Array, p: number, end: number): number {
  while (p < end && (bytes[p] as number) >= ZERO && (bytes[p] as number) <= NINE) p++;
  return p;
}

function isBlank(c: number): boolean {
  return c === SP || c === HTAB;
}
