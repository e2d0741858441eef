/**
 * What access logs say of a request, taken when it comes: its head does not live until the line is written. One object per connection,
 * whose bytes are used again. Only the headers are kept that some line asks for.
 */
import { copyBytes } from '../message/copy-bytes.ts';
import type { Head } from '../message/head.ts';
import { H, type WellKnownName } from '../message/header-names.ts';

/** A header that a line asks for. */
export interface NotedName {
  readonly name: string;
  /** Its id if it is one that the engine knows; -1: it is looked for by its bytes. */
  readonly id: number;
}

/** Names of headers that the lines of a policy ask for, each once. */
export interface LogNames {
  readonly request: NotedName[];
  readonly response: NotedName[];
}

/** Its place among the names, where it is put if need be. */
export function indexOfName(noted: NotedName[], name: string): number {
  const known = noted.findIndex((one) => one.name === name);
  return known >= 0 ? known : noted.push(notedName(name)) - 1;
}

function notedName(name: string): NotedName {
  return { name, id: (H as Readonly<Partial<Record<string, number>>>)[name as WellKnownName] ?? -1 };
}

/** Kept at most of one value. */
const MOST = 4096;
const MOST_BYTES = 64 * 1024;

/** What every note has, in the places of its first spans. Those of the headers that lines ask for follow. */
export const NoteSpan = { Method: 0, Path: 1, Authority: 2, Headers: 3 } as const;

/** Where values stand; −1: there is none. */
class Spans {
  count = 0;
  #starts = new Int32Array(8);
  #ends = new Int32Array(8);

  begin(count: number): void {
    this.count = count;
    if (count <= this.#starts.length) return;
    this.#starts = new Int32Array(2 * count);
    this.#ends = new Int32Array(2 * count);
  }

  put(index: number, start: number, end: number): void {
    this.#starts[index] = start;
    this.#ends[index] = end;
  }

  start(index: number): number {
    return index >= 0 && index < this.count ? (this.#starts[index] as number) : -1;
  }

  end(index: number): number {
    return index >= 0 && index < this.count ? (this.#ends[index] as number) : -1;
  }
}

export class RequestNote {
  /** Differs from request to request of a connection. */
  serial = 0;
  bytes = new Uint8Array(512);
  #length = 0;
  /** Where the path ends without its query, in `bytes`. */
  queryStart = 0;
  /** `HTTP/1.1` and so on. */
  protocol = '';
  readonly #request = new Spans();
  readonly #response = new Spans();

  /** @param names of the headers that are asked for, by index. */
  take(head: Head, protocol: string, names: readonly NotedName[]): void {
    const spans = this.#request;
    this.#length = 0;
    this.serial = (this.serial + 1) | 0;
    this.protocol = protocol;
    spans.begin(NoteSpan.Headers + names.length);
    spans.put(NoteSpan.Method, 0, this.#add(head.bytes, head.methodStart, head.methodEnd));
    const path = this.#length;
    this.queryStart = this.#add(head.bytes, head.pathStart, head.pathEnd);
    // The mark of the query stands before it.
    const hasQuery = head.queryEnd > head.queryStart;
    spans.put(NoteSpan.Path, path, hasQuery ? this.#add(head.bytes, head.queryStart - 1, head.queryEnd) : this.queryStart);
    const authority = this.#length;
    spans.put(NoteSpan.Authority, authority, this.#add(head.bytes, head.authorityStart, head.authorityEnd));
    this.#takeHeaders(head, names, spans, NoteSpan.Headers);
    this.#response.count = 0;
  }

  takeResponse(head: Head, names: readonly NotedName[]): void {
    if (names.length === 0) return;
    this.#response.begin(names.length);
    this.#takeHeaders(head, names, this.#response, 0);
  }

  /** Where a value of the request stands: one of `NoteSpan`, or of a header by its index among the names. @returns -1: it has none. */
  start(span: number): number {
    return this.#request.start(span);
  }

  end(span: number): number {
    return this.#request.end(span);
  }

  responseStart(index: number): number {
    return this.#response.start(index);
  }

  responseEnd(index: number): number {
    return this.#response.end(index);
  }

  #takeHeaders(head: Head, names: readonly NotedName[], spans: Spans, first: number): void {
    for (let i = 0; i < names.length; i++) {
      const { id, name } = names[i]!;
      const index = id >= 0 ? head.find(id) : head.findNamed(name);
      const start = this.#length;
      if (index < 0) spans.put(first + i, -1, -1);
      else spans.put(first + i, start, this.#add(head.bytes, head.valueStart[index] as number, head.valueEnd[index] as number));
    }
  }

  /** @returns where it ends. */
  #add(bytes: Uint8Array, start: number, end: number): number {
    const stop = Math.min(end, start + MOST);
    const needed = this.#length + stop - start;
    if (needed > MOST_BYTES) return this.#length;
    if (needed > this.bytes.length) this.#grow(needed);
    return (this.#length = copyBytes(bytes, start, stop, this.bytes, this.#length));
  }

  #grow(needed: number): void {
    const larger = new Uint8Array(2 * needed);
    larger.set(this.bytes.subarray(0, this.#length));
    this.bytes = larger;
  }
}
