/**
 * Heads of HTTP/1 messages, RFC 9112 §2–§5. A head that two parsers could read in two ways is refused, whatever the grammar
 * or other proxies allow. A response that deviates from the grammar in a way that everybody reads alike is read from a clean
 * copy of its head, so that what goes on is within the grammar.
 *
 * A parser starts at the beginning of a message each time it is called; there is no state between calls, and `end` says what
 * has arrived. Whoever collects a head from small pieces calls again when the end of the head has arrived or the size has
 * doubled since the last call (HeadBuffer decides so), which keeps the work linear.
 *
 * Choices where the RFC leaves one, or where we are stricter:
 * - a method has upper-case letters, digits, `-` and `_` only: `get` is not GET, but some parsers read it so;
 * - a target has visible ASCII only, and no `#`: proxies differ on whether a fragment is dropped or forwarded;
 * - absolute-form is `http` or `https`, without userinfo; its host beats Host, which goes no further (RFC 9112 §3.2.2);
 * - empty lines before a request line are skipped (RFC 9112 §2.2), however they end and however many, as by Envoy, nginx and llhttp;
 * - the space before an empty reason phrase may be missing, as all clients accept.
 */
import { hostEnd, isAuthority, isPort, sameHost } from './authority.ts';
import { equalsIgnoreCase, FIELD_VALUE, type FieldLines, framingFault, hostFault, parseFieldLines } from './field-lines.ts';
import { TargetForm, type Head, type HeadLimits } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import { ParseError } from './parse-error.ts';
import { cleanResponseHead } from './response-cleaner.ts';

const LF = 10;
const CR = 13;
const SP = 32;
const HASH = 35;
const ASTERISK = 42;
const SLASH = 47;
const COLON = 58;
const QUESTION = 63;

/** 1 for bytes of a method. */
const METHOD: Uint8Array = (() => {
  const table = new Uint8Array(256);
  for (const c of 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_') table[c.charCodeAt(0)] = 1;
  return table;
})();

/** 1 for bytes of a request target: visible ASCII but `#`. */
const TARGET: Uint8Array = (() => {
  const table = new Uint8Array(256).fill(1, 33, 127);
  table[HASH] = 0;
  return table;
})();

/** `HTTP/1.` as bytes. */
const VERSION = [72, 84, 84, 80, 47, 49, 46] as const;
const VERSION_LENGTH = 8;

/**
 * Parses a request's head from `bytes[start, end)` into `head`.
 * @param fieldLines finds the lines of the fields.
 * @returns the offset after the blank line; 0: incomplete; negative: a ParseError.
 */
export function parseRequestHead(
  bytes: Uint8Array,
  start: number,
  end: number,
  head: Head,
  limits: HeadLimits,
  fieldLines: FieldLines = parseFieldLines,
): number {
  const stop = end - start > limits.maxHeadBytes ? start + limits.maxHeadBytes : end;
  const next = requestHead(bytes, start, stop, head, limits, fieldLines);
  return next === 0 && end - start >= limits.maxHeadBytes ? ParseError.HeadTooLarge : next;
}

/** Faults that a server may commit in a response, see response-cleaner.ts. */
const MENDABLE: ReadonlySet<number> = new Set([
  ParseError.LineEnd,
  ParseError.SpaceBeforeColon,
  ParseError.ObsFold,
  ParseError.StatusLine,
  ParseError.VersionUnsupported,
  ParseError.ContentLength,
  ParseError.RepeatedContentLength,
]);

/** As parseRequestHead, for a response; but the spans may refer to a clean copy of the head, which `head.bytes` is then. */
export function parseResponseHead(
  bytes: Uint8Array,
  start: number,
  end: number,
  head: Head,
  limits: HeadLimits,
  fieldLines: FieldLines = parseFieldLines,
): number {
  const stop = end - start > limits.maxHeadBytes ? start + limits.maxHeadBytes : end;
  let next = responseHead(bytes, start, stop, head, limits, fieldLines);
  if (next < 0 && MENDABLE.has(next)) next = mendedHead(bytes, start, stop, head, limits);
  return next === 0 && end - start >= limits.maxHeadBytes ? ParseError.HeadTooLarge : next;
}

function requestHead(bytes: Uint8Array, p: number, end: number, head: Head, limits: HeadLimits, fieldLines: FieldLines): number {
  p = skipEmptyLines(bytes, p, end);
  head.bytes = bytes;
  head.start = p;
  const fields = requestLine(bytes, p, end, head);
  if (fields <= 0) return fields;
  head.fields = fields;
  const next = fieldLines(bytes, fields, end, head, maxFields(head, limits));
  if (next <= 0) return next;
  const fault = checkRequest(head);
  return fault === 0 ? next : fault;
}

/** @returns where a request line begins, or `end`. */
export function skipEmptyLines(bytes: Uint8Array, p: number, end: number): number {
  while (p < end && (bytes[p] === CR || bytes[p] === LF)) p++;
  return p;
}

function maxFields(head: Head, limits: HeadLimits): number {
  return limits.maxHeaders < head.nameStart.length ? limits.maxHeaders : head.nameStart.length;
}

function requestLine(bytes: Uint8Array, p: number, end: number, head: Head): number {
  const method = p;
  while (p < end && METHOD[bytes[p] as number] === 1) p++;
  if (p >= end) return 0;
  if (bytes[p] !== SP || p === method) return ParseError.Method;
  head.methodStart = method;
  head.methodEnd = p++;
  const target = p;
  while (p < end && TARGET[bytes[p] as number] === 1) p++;
  if (p >= end) return 0;
  if (bytes[p] !== SP || p === target) return targetFault(bytes, p, target);
  head.targetStart = target;
  head.targetEnd = p++;
  const version = versionAt(bytes, p, end, head);
  if (version <= 0) return version;
  p += VERSION_LENGTH;
  if (p >= end) return 0;
  if (bytes[p] !== CR) return bytes[p] === LF ? ParseError.LineEnd : ParseError.Version;
  if (p + 1 >= end) return 0;
  if (bytes[p + 1] !== LF) return ParseError.LineEnd;
  const fault = splitTarget(bytes, head);
  return fault === 0 ? p + 2 : fault;
}

/** A line that ends after the target is HTTP/0.9. */
function targetFault(bytes: Uint8Array, p: number, target: number): number {
  return p > target && (bytes[p] === CR || bytes[p] === LF) ? ParseError.Version : ParseError.Target;
}

/** @returns 1 with `head.minor` set, 0: incomplete, or a ParseError. */
function versionAt(bytes: Uint8Array, p: number, end: number, head: Head): number {
  if (p + VERSION_LENGTH <= end && isHttp1(bytes, p) && bytes[p + 7] === 49) {
    head.minor = 1;
    return 1;
  }
  return versionSlowly(bytes, p, end, head);
}

function isHttp1(b: Uint8Array, p: number): boolean {
  return b[p] === 72 && b[p + 1] === 84 && b[p + 2] === 84 && b[p + 3] === 80 && b[p + 4] === 47 && b[p + 5] === 49 && b[p + 6] === 46;
}

/** What is not plainly `HTTP/1.1`: incomplete, 1.0 or a fault. */
function versionSlowly(bytes: Uint8Array, p: number, end: number, head: Head): number {
  for (let i = 0; i < VERSION.length; i++) {
    if (p + i >= end) return 0;
    if (bytes[p + i] === VERSION[i]) continue;
    return i === 5 && isDigit(bytes[p + i] as number) && bytes[p + i] !== 48 ? ParseError.VersionUnsupported : ParseError.Version;
  }
  if (p + VERSION.length >= end) return 0;
  const minor = (bytes[p + VERSION.length] as number) - 48;
  if (minor < 0 || minor > 9) return ParseError.Version;
  if (minor > 1) return ParseError.VersionUnsupported;
  head.minor = minor;
  return 1;
}

function isDigit(c: number): boolean {
  return c >= 48 && c <= 57;
}

/** Distinguishes the target's four forms (RFC 9112 §3.2) and finds its parts. */
function splitTarget(bytes: Uint8Array, head: Head): number {
  const { targetStart, targetEnd } = head;
  const connect = isConnect(bytes, head);
  head.authorityStart = head.authorityEnd = targetStart;
  if (connect) return authorityTarget(bytes, head);
  if (bytes[targetStart] === SLASH) {
    head.form = TargetForm.Origin;
    splitPath(bytes, head, targetStart);
    return 0;
  }
  if (bytes[targetStart] === ASTERISK && targetEnd === targetStart + 1) {
    head.form = TargetForm.Asterisk;
    head.pathStart = targetStart;
    head.pathEnd = head.queryStart = head.queryEnd = targetEnd;
    return equalsIgnoreCase(bytes, head.methodStart, head.methodEnd, 'options') ? 0 : ParseError.TargetForm;
  }
  return absoluteTarget(bytes, head);
}

function isConnect(bytes: Uint8Array, head: Head): boolean {
  return head.methodEnd - head.methodStart === 7 && equalsIgnoreCase(bytes, head.methodStart, head.methodEnd, 'connect');
}

function splitPath(bytes: Uint8Array, head: Head, path: number): void {
  const { targetEnd } = head;
  let p = path;
  while (p < targetEnd && bytes[p] !== QUESTION) p++;
  head.pathStart = path;
  head.pathEnd = p;
  head.queryStart = p < targetEnd ? p + 1 : p;
  head.queryEnd = targetEnd;
}

function authorityTarget(bytes: Uint8Array, head: Head): number {
  const { targetStart, targetEnd } = head;
  const host = hostEnd(bytes, targetStart, targetEnd);
  head.form = TargetForm.Authority;
  if (host < 0 || bytes[host] !== COLON || host + 1 >= targetEnd || !isPort(bytes, host + 1, targetEnd)) return ParseError.TargetForm;
  head.authorityEnd = targetEnd;
  head.pathStart = head.pathEnd = head.queryStart = head.queryEnd = targetEnd;
  return 0;
}

function absoluteTarget(bytes: Uint8Array, head: Head): number {
  const { targetStart, targetEnd } = head;
  let p = targetStart;
  if (equalsIgnoreCase(bytes, p, Math.min(p + 7, targetEnd), 'http://')) p += 7;
  else if (equalsIgnoreCase(bytes, p, Math.min(p + 8, targetEnd), 'https://')) p += 8;
  else return ParseError.TargetForm;
  head.form = TargetForm.Absolute;
  head.authorityStart = p;
  while (p < targetEnd && bytes[p] !== SLASH && bytes[p] !== QUESTION) p++;
  head.authorityEnd = p;
  splitPath(bytes, head, p);
  return p > head.authorityStart && isAuthority(bytes, head.authorityStart, p) ? 0 : ParseError.Host;
}

/** Rules over the whole head of a request. */
function checkRequest(head: Head): number {
  const framing = framingFault(head);
  if (framing !== 0) return framing;
  head.hostBeaten = false;
  head.upgrade = head.upgrade && head.connectionUpgrade && head.minor === 1;
  if (head.minor === 0) head.expectContinue = false; // RFC 9110 §10.1.1
  const host = head.find(H.host);
  if (host < 0) return head.minor === 1 ? ParseError.HostMissing : 0;
  const fault = hostFault(head, host);
  if (fault !== 0) return fault;
  if (head.form === TargetForm.Authority && (head.chunked || head.contentLength > 0)) return ParseError.UnexpectedBody;
  const start = head.valueStart[host] as number;
  const end = head.valueEnd[host] as number;
  if (head.form === TargetForm.Origin || head.form === TargetForm.Asterisk) {
    head.authorityStart = start;
    head.authorityEnd = end;
    return 0;
  }
  head.hostBeaten = !agrees(head, start, end);
  return head.hostBeaten && head.form === TargetForm.Authority ? ParseError.HostMismatch : 0;
}

/** Host repeats the target's authority (RFC 9112 §3.2.2); that of CONNECT may leave the port out. */
function agrees(head: Head, start: number, end: number): boolean {
  const { bytes, authorityStart, authorityEnd } = head;
  if (sameHost(bytes, authorityStart, authorityEnd, start, end)) return true;
  if (head.form !== TargetForm.Authority) return false;
  return sameHost(bytes, authorityStart, hostEnd(bytes, authorityStart, authorityEnd), start, end);
}

function responseHead(bytes: Uint8Array, p: number, end: number, head: Head, limits: HeadLimits, fieldLines: FieldLines): number {
  head.bytes = bytes;
  head.start = p;
  const fields = statusLine(bytes, p, end, head);
  if (fields <= 0) return fields;
  head.fields = fields;
  const next = fieldLines(bytes, fields, end, head, maxFields(head, limits));
  if (next <= 0) return next;
  const fault = checkResponse(head);
  return fault === 0 ? next : fault;
}

function mendedHead(bytes: Uint8Array, start: number, end: number, head: Head, limits: HeadLimits): number {
  const clean = cleanResponseHead(bytes, start, end);
  if (clean === null) return 0;
  const parsed = responseHead(clean.bytes, 0, clean.bytes.length, head, limits, parseFieldLines);
  return parsed > 0 ? clean.next : parsed;
}

function statusLine(bytes: Uint8Array, p: number, end: number, head: Head): number {
  const version = versionAt(bytes, p, end, head);
  if (version <= 0) return version;
  p += VERSION_LENGTH;
  let status = 0;
  for (let i = 0; i < 4; i++, p++) {
    if (p >= end) return 0;
    const c = bytes[p] as number;
    if (i === 0 ? c !== SP : !isDigit(c)) return ParseError.StatusLine;
    if (i > 0) status = status * 10 + c - 48;
  }
  if (status < 100) return ParseError.StatusLine;
  head.status = status;
  if (p >= end) return 0;
  if (bytes[p] === SP) while (p < end && FIELD_VALUE[bytes[p] as number] === 1) p++;
  if (p >= end) return 0;
  if (bytes[p] !== CR) return bytes[p] === LF ? ParseError.LineEnd : ParseError.StatusLine;
  if (p + 1 >= end) return 0;
  return bytes[p + 1] === LF ? p + 2 : ParseError.LineEnd;
}

/** Rules over the whole head of a response. */
function checkResponse(head: Head): number {
  const framing = framingFault(head);
  if (framing !== 0) return framing;
  head.upgrade = head.upgrade && head.connectionUpgrade && head.minor === 1;
  const { status } = head;
  // RFC 9112 §6.1 and RFC 9110 §8.6: neither field may stand there; Content-Length: 0 is common and harmless.
  const bodiless = status < 200 || status === 204;
  return bodiless && (head.chunked || head.contentLength > 0) ? ParseError.UnexpectedBody : 0;
}
