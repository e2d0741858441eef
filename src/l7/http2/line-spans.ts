/** Where the lines of a head stand that has been put together from fields, so that nobody has to look for them again. */
import { noteField } from '../http1/field-lines.ts';
import type { FieldNumbers } from '../message/field-numbers.ts';
import type { Head } from '../message/head.ts';

const CRLF = 2;

/** What a block has meant, to be used again. */
export interface KeptLines {
  readonly text: Uint8Array;
  readonly spans: LineSpans;
  readonly lines: number;
  /** Numbers for the texts of `:path` and `:authority`. */
  readonly pathSource: number;
  readonly authoritySource: number;
}

export class LineSpans {
  readonly #nameStart: Int32Array;
  readonly #nameEnd: Int32Array;
  readonly #valueStart: Int32Array;
  readonly #valueEnd: Int32Array;
  readonly #id: Int32Array;
  readonly #source: Float64Array;

  constructor(lines: number) {
    this.#nameStart = new Int32Array(lines);
    this.#nameEnd = new Int32Array(lines);
    this.#valueStart = new Int32Array(lines);
    this.#valueEnd = new Int32Array(lines);
    this.#id = new Int32Array(lines);
    this.#source = new Float64Array(lines);
  }

  start(line: number): number {
    return this.#nameStart[line] as number;
  }

  /** @param id of the name, as a head has it. @param source as FieldSink has it. */
  put(line: number, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number, id: number, source: number): void {
    this.#nameStart[line] = nameStart;
    this.#nameEnd[line] = nameEnd;
    this.#valueStart[line] = valueStart;
    this.#valueEnd[line] = valueEnd;
    this.#id[line] = id;
    this.#source[line] = source;
  }

  /** The value of a line has become so much longer, and the lines behind it, up to `count`, have moved. */
  lengthen(line: number, count: number, more: number): void {
    this.#valueEnd[line] = this.#valueEnd[line]! + more;
    this.#source[line] = 0;
    for (let i = line + 1; i < count; i++) {
      for (const span of [this.#nameStart, this.#nameEnd, this.#valueStart, this.#valueEnd]) span[i] = span[i]! + more;
    }
  }

  /**
   * The first `count` lines for themselves, as if their text began at 0. @param from where it begins. @param numbers for what has none yet.
   */
  copy(count: number, from: number, numbers: FieldNumbers): LineSpans {
    const copy = new LineSpans(count);
    for (let i = 0; i < count; i++) {
      const source = this.#source[i]!;
      const number = source === 0 ? numbers.take() : source;
      const [nameStart, nameEnd] = [this.#nameStart[i]! - from, this.#nameEnd[i]! - from];
      copy.put(i, nameStart, nameEnd, this.#valueStart[i]! - from, this.#valueEnd[i]! - from, this.#id[i]!, number);
    }
    return copy;
  }

  /** Tells a head of the lines, of which the first now begins at `p`. @returns 0, or why the head is refused. */
  fill(bytes: Uint8Array, p: number, head: Head, count: number): number {
    const { nameStart, nameEnd, valueStart, valueEnd, lineEnd, id: ids, source } = head;
    const shift = p - this.start(0);
    for (let i = 0; i < count; i++) {
      const value = this.#valueStart[i]! + shift;
      const end = this.#valueEnd[i]! + shift;
      const id = this.#id[i]!;
      nameStart[i] = this.#nameStart[i]! + shift;
      nameEnd[i] = this.#nameEnd[i]! + shift;
      valueStart[i] = value;
      valueEnd[i] = end;
      lineEnd[i] = end + CRLF;
      ids[i] = id;
      source[i] = this.#source[i]!;
      const fault = id < 0 ? 0 : noteField(bytes, value, end, head, id, i);
      if (fault !== 0) return fault;
    }
    return 0;
  }
}
