/**
 * The field lines of a head (RFC 9112 §5): one pass over the bytes, no allocation and no strings. What the lines say about
 * framing and the connection is gathered on the way.
 */
import { lower } from '../message/ascii.ts';
import { isAuthority } from './authority.ts';
import type { Head } from '../message/head.ts';
import { H, TOKEN_LOWER } from '../message/header-names.ts';
import { ParseError } from './parse-error.ts';

/** 1 for what may stand in a field value: visible ASCII, obs-text, SP and HTAB (RFC 9110 §5.5). */
export const FIELD_VALUE: Uint8Array = (() => {
  const table = new Uint8Array(256).fill(1, 32);
  table[9] = 1;
  table[127] = 0;
  return table;
})();

const HTAB = 9;
const LF = 10;
const CR = 13;
const SP = 32;
const COMMA = 44;
const COLON = 58;
const DEL = 127;

/** Ids up to this one mean something to the parser; the order of WELL_KNOWN puts them first. */
const LAST_SPECIAL = H.expect;

/** How the lines of a head are found: `parseFieldLines`, or who has written them knows. */
export type FieldLines = typeof parseFieldLines;

/**
 * Parses lines from `p` to the blank line.
 * @returns the offset after the blank line, 0 when `end` comes first, or a ParseError.
 */
export function parseFieldLines(bytes: Uint8Array, p: number, end: number, head: Head, maxFields: number): number {
  beginFields(head);
  const { nameStart, nameEnd, valueStart, valueEnd, lineEnd, id: ids } = head;
  let count = 0;
  for (;;) {
    if (p >= end) return 0;
    let c = bytes[p] as number;
    if (c === CR) {
      if (p + 1 >= end) return 0;
      if (bytes[p + 1] !== LF) return ParseError.LineEnd;
      head.count = count;
      head.end = p + 2;
      return p + 2;
    }
    if (count === maxFields) return ParseError.TooManyFields;
    const start = p;
    let hash = 0;
    for (let low = TOKEN_LOWER[c] as number; low !== 0; low = TOKEN_LOWER[c] as number) {
      hash = (Math.imul(hash, 31) + low) | 0;
      if (++p >= end) return 0;
      c = bytes[p] as number;
    }
    if (c !== COLON || p === start) return nameFault(c, p, start, count);
    nameStart[count] = start;
    nameEnd[count] = p++;
    while (p < end && ((c = bytes[p] as number) === SP || c === HTAB)) p++;
    const value = p;
    // FIELD_VALUE in other words: comparing costs less than a look at a table.
    while (p < end && ((c = bytes[p] as number) >= SP ? c !== DEL : c === HTAB)) p++;
    if (p >= end) return 0;
    if (bytes[p] !== CR) return bytes[p] === LF ? ParseError.LineEnd : ParseError.FieldValue;
    if (p + 1 >= end) return 0;
    if (bytes[p + 1] !== LF) return ParseError.LineEnd;
    let stop = p;
    while (stop > value && ((c = bytes[stop - 1] as number) === SP || c === HTAB)) stop--;
    valueStart[count] = value;
    valueEnd[count] = stop;
    lineEnd[count] = p += 2;
    const id = head.names.find(bytes, start, nameEnd[count] as number, hash);
    ids[count] = id;
    if (id >= 0) {
      const fault = noteField(bytes, value, stop, head, id, count);
      if (fault !== 0) return fault;
    }
    count++;
  }
}

/** Gathers what the field with a known name says whose value is `bytes[start, end)`. @returns 0, or why the head is refused. */
export function noteField(bytes: Uint8Array, start: number, end: number, head: Head, id: number, index: number): number {
  if (id <= LAST_SPECIAL) {
    const fault = special(bytes, start, end, head, id);
    if (fault !== 0) return fault;
  }
  if (head.seen[id] !== head.generation) {
    head.seen[id] = head.generation;
    head.first[id] = index;
  }
  return 0;
}

/** Forgets the fields of the head before. */
export function beginFields(head: Head): void {
  head.fit();
  // Generations are 32 bits wide: marks of four billion heads ago must not count again.
  if (head.generation === 0x7fffffff) {
    head.seen.fill(0);
    head.generation = 0;
  }
  head.generation++;
  head.count = 0;
  head.sourced = false;
  head.pathSource = head.authoritySource = 0;
  head.contentLength = -1;
  head.chunked = false;
  head.connectionClose = false;
  head.connectionKeepAlive = false;
  head.connectionUpgrade = false;
  head.connectionTokens = false;
  head.upgrade = false;
  head.expectContinue = false;
}

function nameFault(c: number, p: number, start: number, count: number): number {
  if (c === LF) return ParseError.LineEnd;
  if (c !== SP && c !== HTAB) return ParseError.FieldName;
  if (p > start) return ParseError.SpaceBeforeColon;
  return count === 0 ? ParseError.FieldName : ParseError.ObsFold;
}

/** @returns 0, or why the head is refused. */
function special(bytes: Uint8Array, start: number, end: number, head: Head, id: number): number {
  switch (id) {
    case H['content-length']:
      return contentLength(bytes, start, end, head);
    case H['transfer-encoding']:
      // Only one coding, named once (RFC 9112 §6.1): "chunked, chunked", "xchunked" and lists are how requests are smuggled.
      if (head.chunked || !equalsIgnoreCase(bytes, start, end, 'chunked')) return ParseError.TransferEncoding;
      head.chunked = true;
      return 0;
    case H.connection:
      connectionOptions(bytes, start, end, head);
      return 0;
    case H.expect:
      head.expectContinue = equalsIgnoreCase(bytes, start, end, '100-continue');
      return 0;
    case H.upgrade:
      head.upgrade = !head.has(id) && !namesH2c(bytes, start, end);
      return 0;
    default:
      return 0;
  }
}

/** One line, digits only, no list (RFC 9110 §8.6 lets a recipient refuse `5, 5`), and exact as a number. */
function contentLength(bytes: Uint8Array, start: number, end: number, head: Head): number {
  if (head.contentLength >= 0) return ParseError.RepeatedContentLength;
  if (end === start || end - start > 16) return ParseError.ContentLength;
  let n = 0;
  for (let p = start; p < end; p++) {
    const digit = (bytes[p] as number) - 48;
    if (digit < 0 || digit > 9) return ParseError.ContentLength;
    n = n * 10 + digit;
  }
  if (n > Number.MAX_SAFE_INTEGER) return ParseError.ContentLength;
  head.contentLength = n;
  return 0;
}

function connectionOptions(bytes: Uint8Array, p: number, end: number, head: Head): void {
  while (p < end) {
    let stop = p;
    while (stop < end && bytes[stop] !== COMMA) stop++;
    let last = stop;
    while (p < last && isBlank(bytes[p] as number)) p++;
    while (last > p && isBlank(bytes[last - 1] as number)) last--;
    if (last > p) connectionOption(bytes, p, last, head);
    p = stop + 1;
  }
}

function connectionOption(bytes: Uint8Array, start: number, end: number, head: Head): void {
  if (equalsIgnoreCase(bytes, start, end, 'keep-alive')) head.connectionKeepAlive = true;
  else if (equalsIgnoreCase(bytes, start, end, 'close')) head.connectionClose = true;
  else if (equalsIgnoreCase(bytes, start, end, 'upgrade')) head.connectionUpgrade = true;
  else head.connectionTokens = true;
}

/** An upgrade to cleartext HTTP/2 would hide all further requests from the routes and policies. As in Envoy, it is not offered on. */
function namesH2c(bytes: Uint8Array, start: number, end: number): boolean {
  for (let p = start; p + 3 <= end; p++) {
    const alone = p === start || bytes[p - 1] === COMMA || isBlank(bytes[p - 1] as number);
    if (alone && equalsIgnoreCase(bytes, p, p + 3, 'h2c')) return true;
  }
  return false;
}

function isBlank(c: number): boolean {
  return c === SP || c === HTAB;
}

/** @param text in lower case. */
export function equalsIgnoreCase(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (lower(bytes[start + i] as number) !== text.charCodeAt(i)) return false;
  return true;
}

/** A complete head must state its framing once and without contradiction. */
export function framingFault(head: Head): number {
  if (!head.chunked) return 0;
  if (head.contentLength >= 0) return ParseError.LengthWithTransferEncoding;
  return head.minor === 0 ? ParseError.TransferEncodingVersion : 0;
}

/** Whether header `index` is a well-formed host, and the only one. @returns 0 or a ParseError. */
export function hostFault(head: Head, index: number): number {
  if (!isAuthority(head.bytes, head.valueStart[index] as number, head.valueEnd[index] as number)) return ParseError.Host;
  for (let i = index + 1; i < head.count; i++) if (head.id[i] === H.host) return ParseError.HostRepeated;
  return 0;
}
