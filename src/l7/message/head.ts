/**
 * One parsed message head: spans into the bytes that it was parsed from, no strings and no allocation. A parser
 * fills the same object again for each message, so nothing in it outlives the handling of that message.
 *
 * Names are interned: well-known names and those that the configuration mentions have a small id, others have -1. Looking
 * a header up by id costs an array access.
 */
import type { HeaderNames } from './header-names.ts';

/** Where the request target's form was recognised, RFC 9112 §3.2. */
export const TargetForm = { Origin: 0, Absolute: 1, Authority: 2, Asterisk: 3 } as const;
export type TargetForm = (typeof TargetForm)[keyof typeof TargetForm];

/** How the message's body is delimited, RFC 9112 §6.3. */
export const Framing = { None: 0, Length: 1, Chunked: 2, UntilClose: 3 } as const;
export type Framing = (typeof Framing)[keyof typeof Framing];

export interface HeadLimits {
  /** Bytes of the whole head, request line included. */
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
}
/** Envoy's defaults: max_request_headers_kb 60, max_headers_count 100. */
export const DEFAULT_LIMITS: HeadLimits = { maxHeadBytes: 60 * 1024, maxHeaders: 100 };

export class Head {
  readonly names: HeaderNames;
  /** What all spans refer to: the bytes that were parsed, or a copy of a response's head that was brought within the grammar. */
  bytes: Uint8Array = new Uint8Array(0);
  /** The head occupies `bytes[start, end)`, blank line included; `fields` is where the first header line begins. */
  start = 0;
  fields = 0;
  end = 0;
  /** HTTP/1.`minor`. */
  minor = 1;

  // Requests.
  methodStart = 0;
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  form: TargetForm = TargetForm.Origin;
  /** The path without query and fragment; for absolute-form without a path it is empty (and means `/`). */
  pathStart = 0;
  pathEnd = 0;
  /** The query without `?`; empty (start === end) when there is none. */
  queryStart = 0;
  queryEnd = 0;
  /** The effective authority: that of an absolute target, else the value of Host; empty for HTTP/1.0 without Host. */
  authorityStart = 0;
  authorityEnd = 0;
  /** Host says something else than the target, which counts. */
  hostBeaten = false;

  // Responses.
  status = 0;

  // Headers, in order. Line i is `bytes[nameStart[i], lineEnd[i])`, CRLF included.
  count = 0;
  readonly nameStart: Int32Array;
  readonly nameEnd: Int32Array;
  readonly valueStart: Int32Array;
  readonly valueEnd: Int32Array;
  readonly lineEnd: Int32Array;
  /** Interned id of the name, or -1. */
  readonly id: Int32Array;
  /** Where `sourced`: what stands for the text of a line in HTTP/2, as `FieldSink` has it. */
  readonly source: Float64Array;
  sourced = false;
  /** The same for the path as it came, and for the authority; 0: nothing does. */
  pathSource = 0;
  authoritySource = 0;
  /** `first[id]` is the index of the first header with that name, valid only where `seen[id] === generation`. */
  first: Int32Array;
  seen: Int32Array;
  generation = 0;

  // What the parser found out on the way.
  /** -1: no Content-Length. */
  contentLength = -1;
  chunked = false;
  /** Connection: close. */
  connectionClose = false;
  /** Connection: keep-alive. */
  connectionKeepAlive = false;
  /** Connection: upgrade. */
  connectionUpgrade = false;
  /** Connection names further headers than close, keep-alive, upgrade, which are hop-by-hop then. */
  connectionTokens = false;
  /** Connection: upgrade together with one Upgrade header, HTTP/1.1, and not to h2c. */
  upgrade = false;
  /** Expect: 100-continue. */
  expectContinue = false;

  /** Scratch of `markHopByHop`: indices of the lines that are not forwarded. */
  readonly hopByHop: Int32Array;

  constructor(names: HeaderNames, limits: HeadLimits = DEFAULT_LIMITS) {
    this.names = names;
    const n = limits.maxHeaders;
    this.nameStart = new Int32Array(n);
    this.nameEnd = new Int32Array(n);
    this.valueStart = new Int32Array(n);
    this.valueEnd = new Int32Array(n);
    this.lineEnd = new Int32Array(n);
    this.id = new Int32Array(n);
    this.source = new Float64Array(n);
    this.hopByHop = new Int32Array(n);
    this.first = new Int32Array(names.bound);
    this.seen = new Int32Array(names.bound);
  }

  /** Makes room for names that have become known. Parsers call it before they note the first field. */
  fit(): void {
    const { bound } = this.names;
    if (this.seen.length >= bound) return;
    this.first = new Int32Array(2 * bound);
    this.seen = new Int32Array(2 * bound);
  }

  /** Index of the first header with that interned name, or -1. */
  find(id: number): number {
    return this.seen[id] === this.generation ? (this.first[id] as number) : -1;
  }

  has(id: number): boolean {
    return this.seen[id] === this.generation;
  }

  /** The same by a name in lower case, which nobody may have interned. */
  findNamed(name: string): number {
    for (let i = 0; i < this.count; i++) {
      const start = this.nameStart[i] as number;
      if ((this.nameEnd[i] as number) - start === name.length && isNamed(this.bytes, start, name)) return i;
    }
    return -1;
  }

  /** The value of header `index` as a latin-1 string. Not for the way that every request takes. */
  value(index: number): string {
    return latin1(this.bytes, this.valueStart[index] as number, this.valueEnd[index] as number);
  }

  name(index: number): string {
    return latin1(this.bytes, this.nameStart[index] as number, this.nameEnd[index] as number);
  }

  method(): string {
    return latin1(this.bytes, this.methodStart, this.methodEnd);
  }

  /** The path, `/` where the target has none. */
  path(): string {
    return this.pathEnd > this.pathStart ? latin1(this.bytes, this.pathStart, this.pathEnd) : '/';
  }

  authority(): string {
    return latin1(this.bytes, this.authorityStart, this.authorityEnd);
  }
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

function isNamed(bytes: Uint8Array, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const byte = bytes[start + i] as number;
    const lower = byte >= 65 && byte <= 90 ? byte + 32 : byte;
    if (lower !== name.charCodeAt(i)) return false;
  }
  return true;
}
