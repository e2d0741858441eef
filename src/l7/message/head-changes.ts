/**
 * Changes to a head on its way through: lines left out, lines added after the last one, another target, another authority. What
 * is not changed goes out as slices of the bytes that came in, so order and case survive. Which bytes a change becomes is the
 * business of the wire that sends the head.
 *
 * One object per worker: begin, fill, and send the head at once.
 */
import type { Transport } from '../transport.ts';
import type { Head } from './head.ts';
import type { WireText } from './wire-text.ts';

/** A head has at most `HeadLimits.maxHeaders` lines; a line may be named more than once. */
const MAX_REMOVED = 1024;
/** Lines that are known by number; the rest of them is looked at. */
const MOST_MARKS = 8;

/** Room that a wire needs for what it adds itself: the lines of framing and connection, and the end of the head. */
export const WIRE_ROOM = 64;

export class HeadChanges {
  readonly #transport: Transport;
  readonly arena: Uint8Array;
  readonly removed = new Int32Array(MAX_REMOVED);
  removedCount = 0;
  /** A request's path and query, where they are not those of the head; empty: as they came. */
  targetStart = 0;
  targetEnd = 0;
  /** A request's authority, likewise. */
  authorityStart = 0;
  authorityEnd = 0;
  /** The upstream may be a proxy to the client: the target goes in the form in which it came. */
  asSent = false;
  /** Complete field lines. */
  linesStart = 0;
  cursor = 0;
  /** Some of them, in order, with what stands for their texts in HTTP/2: a number of `FieldNumbers`, or ONCE. */
  marks = 0;
  readonly markStart = new Int32Array(MOST_MARKS);
  readonly markEnd = new Int32Array(MOST_MARKS);
  readonly markSource = new Float64Array(MOST_MARKS);

  constructor(transport: Transport) {
    this.#transport = transport;
    this.arena = transport.arena;
  }

  /** @param room upper bound of the bytes that will be added. */
  begin(head: Head, room: number): void {
    this.removedCount = this.marks = 0;
    this.asSent = false;
    let at: number;
    if (head.bytes === this.arena) {
      at = this.#transport.reserve(room);
    } else {
      // The head was put together from pieces outside the arena: bring it in, next to what will be added.
      at = this.#transport.reserve(head.end - head.start + room);
      moveHead(head, this.arena, at);
      at = head.end;
    }
    this.targetStart = this.targetEnd = this.authorityStart = this.authorityEnd = this.linesStart = this.cursor = at;
  }

  /** What has been added so far is the target. Before the authority and the lines. */
  endTarget(): void {
    this.targetEnd = this.authorityStart = this.authorityEnd = this.linesStart = this.cursor;
  }

  /** What has been added since is the authority. Before the lines. */
  endAuthority(): void {
    this.authorityEnd = this.linesStart = this.cursor;
  }

  get hasTarget(): boolean {
    return this.targetEnd > this.targetStart;
  }

  get hasAuthority(): boolean {
    return this.authorityEnd > this.authorityStart;
  }

  removeLine(index: number): void {
    if (this.removedCount < MAX_REMOVED) this.removed[this.removedCount++] = index;
  }

  /** Leaves out every line of that interned name. */
  removeName(head: Head, id: number): void {
    if (!head.has(id)) return;
    for (let i = head.find(id); i < head.count; i++) if (head.id[i] === id) this.removeLine(i);
  }

  /** Appends bytes that were made of WireText, or read from a parsed head. */
  bytes(bytes: Uint8Array): void {
    this.arena.set(bytes, this.cursor);
    this.cursor += bytes.length;
  }

  text(text: WireText): void {
    const { arena } = this;
    let at = this.cursor;
    for (let i = 0; i < text.length; i++) arena[at++] = text.charCodeAt(i);
    this.cursor = at;
  }

  /** What has been appended from `start` up to `end` is one line, `name: value`, that is known by a number. */
  mark(start: number, end: number, source: number): void {
    const { marks } = this;
    if (marks === MOST_MARKS) return;
    this.markStart[marks] = start;
    this.markEnd[marks] = end;
    this.markSource[marks] = source;
    this.marks++;
  }

  /** Appends a piece of the head itself. */
  slice(head: Head, start: number, end: number): void {
    this.arena.set(head.bytes.subarray(start, end), this.cursor);
    this.cursor += end - start;
  }

  /** Appends what stands elsewhere in the arena for good. */
  copy(start: number, end: number): void {
    this.arena.copyWithin(this.cursor, start, end);
    this.cursor += end - start;
  }

  /** Appends a whole number in decimal. */
  integer(value: number): void {
    const whole = Math.max(0, Math.floor(value));
    if (whole < 10) {
      this.arena[this.cursor++] = ZERO + whole;
      return;
    }
    const text = String(whole);
    for (let i = 0; i < text.length; i++) this.arena[this.cursor++] = text.charCodeAt(i);
  }

  endLine(): void {
    this.arena[this.cursor++] = CR;
    this.arena[this.cursor++] = LF;
  }

  /** Bytes of a response's head as it has just been sent with these changes, the added lines ending with the blank one. */
  bytesOf(head: Head): number {
    let bytes = head.end - head.start - BLANK_LINE + this.cursor - this.linesStart;
    for (let i = 0; i < this.removedCount; i++) {
      const index = this.removed[i] as number;
      bytes -= (head.lineEnd[index] as number) - (head.nameStart[index] as number);
    }
    return bytes;
  }

  /** Puts the removed lines into their order, each once. Insertion sort: a handful of indices, nearly in order. */
  sortRemoved(): void {
    const { removed } = this;
    let count = 0;
    for (let i = 0; i < this.removedCount; i++) {
      const index = removed[i] as number;
      let at = count - 1;
      while (at >= 0 && (removed[at] as number) > index) at--;
      if (at >= 0 && removed[at] === index) continue;
      removed.copyWithin(at + 2, at + 1, count);
      removed[at + 1] = index;
      count++;
    }
    this.removedCount = count;
  }
}

/** Copies a head to another place and lets its spans follow. */
function moveHead(head: Head, bytes: Uint8Array, at: number): void {
  bytes.set(head.bytes.subarray(head.start, head.end), at);
  const shift = at - head.start;
  head.bytes = bytes;
  for (const key of SPANS) head[key] += shift;
  for (let i = 0; i < head.count; i++) {
    for (const spans of [head.nameStart, head.nameEnd, head.valueStart, head.valueEnd, head.lineEnd]) {
      spans[i] = (spans[i] as number) + shift;
    }
  }
}

const SPANS = [
  'start',
  'fields',
  'end',
  'methodStart',
  'methodEnd',
  'targetStart',
  'targetEnd',
  'pathStart',
  'pathEnd',
  'queryStart',
  'queryEnd',
  'authorityStart',
  'authorityEnd',
] as const;

const BLANK_LINE = 2;
const CR = 13;
const LF = 10;
const ZERO = 48;
