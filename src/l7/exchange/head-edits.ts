/**
 * Changes to a head on its way through: lines left out, lines added after the last one. What is not changed goes out as
 * slices of the bytes that came in, so order and case survive. One object per worker: fill it and send the head at once.
 */
import type { Head } from '../message/head.ts';
import type { ConnectionId, Transport } from '../transport.ts';

/** Every head keeps at most this many lines out; a head has at most `HeadLimits.maxHeaders`. */
const MAX_REMOVED = 1024;

export class HeadEdits {
  readonly #transport: Transport;
  readonly #arena: Uint8Array;
  readonly #removed = new Int32Array(MAX_REMOVED);
  #removedCount = 0;
  #start = 0;
  #cursor = 0;
  /** A first line of our own, CRLF included; empty: as it came. */
  #lineStart = 0;
  #lineEnd = 0;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#arena = transport.arena;
  }

  /** @param room upper bound of the bytes that will be added, the first line included. */
  begin(head: Head, room: number): void {
    this.#removedCount = 0;
    this.#lineStart = this.#lineEnd = 0;
    if (head.bytes === this.#arena) {
      this.#start = this.#cursor = this.#transport.reserve(room);
      return;
    }
    // The head was put together from pieces outside the arena: bring it in, next to what will be added.
    const at = this.#transport.reserve(head.end - head.start + room);
    moveHead(head, this.#arena, at);
    this.#start = this.#cursor = head.end;
  }

  removeLine(index: number): void {
    this.#removed[this.#removedCount++] = index;
  }

  /** Leaves out every line of that interned name. */
  removeName(head: Head, id: number): void {
    if (!head.has(id)) return;
    for (let i = head.find(id); i < head.count; i++) if (head.id[i] === id) this.#removed[this.#removedCount++] = i;
  }

  /** Where the next added byte goes, for whoever writes into the arena directly; follow with `advance`. */
  get cursor(): number {
    return this.#cursor;
  }

  advance(to: number): void {
    this.#cursor = to;
  }

  bytes(bytes: Uint8Array): void {
    this.#arena.set(bytes, this.#cursor);
    this.#cursor += bytes.length;
  }

  /** Appends latin-1 text. */
  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.#arena[this.#cursor++] = text.charCodeAt(i);
  }

  /** Appends a piece of the head itself. */
  slice(head: Head, start: number, end: number): void {
    this.#arena.set(head.bytes.subarray(start, end), this.#cursor);
    this.#cursor += end - start;
  }

  /** What has been added so far becomes the first line; lines to add follow. */
  endFirstLine(): void {
    this.#lineStart = this.#start;
    this.#lineEnd = this.#start = this.#cursor;
  }

  /** Sends the head with the changes. What was added must end with the blank line, which the wire's own side writes. */
  send(connection: ConnectionId, head: Head): void {
    const transport = this.#transport;
    let from = head.start;
    if (this.#lineEnd > this.#lineStart) {
      transport.write(connection, this.#lineStart, this.#lineEnd);
      from = head.fields;
    }
    if (this.#removedCount > 0) from = this.#sendKept(connection, head, from);
    const stop = head.end - 2;
    if (stop > from) transport.write(connection, from, stop);
    transport.write(connection, this.#start, this.#cursor);
  }

  #sendKept(connection: ConnectionId, head: Head, from: number): number {
    this.#sortRemoved();
    for (let i = 0; i < this.#removedCount; i++) {
      const index = this.#removed[i] as number;
      const start = head.nameStart[index] as number;
      if (start > from) this.#transport.write(connection, from, start);
      from = head.lineEnd[index] as number;
    }
    return from;
  }

  /** Insertion sort: a handful of indices, nearly in order. */
  #sortRemoved(): void {
    const removed = this.#removed;
    for (let i = 1; i < this.#removedCount; i++) {
      const index = removed[i] as number;
      let at = i - 1;
      for (; at >= 0 && (removed[at] as number) > index; at--) removed[at + 1] = removed[at] as number;
      removed[at + 1] = index;
    }
  }
}

/** Copies a head to another place and lets its spans follow. */
export function moveHead(head: Head, bytes: Uint8Array, at: number): void {
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
