/**
 * What a client speaks, from its first bytes, as Envoy's tls_inspector and http_inspector decide: a TLS record with a
 * ClientHello, the HTTP/2 preface, or a whole HTTP/1.0 or 1.1 request line. A method alone is not enough: `GET key` is also
 * Redis, `OPTIONS …` also SIP and RTSP.
 */

export type Sniffed = 'http1' | 'http2' | 'tls' | 'other' | 'more';

const PREFACE = bytesOf('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** `PRI * HTTP/2` */
const PREFACE_LINE = 12;
const VERSION = bytesOf('HTTP/1.');
/** Longer than any registered method (IANA: 17). */
const MAX_METHOD = 24;
const CR = 13;
const LF = 10;
const SP = 32;
const TLS_HANDSHAKE = 0x16;
const CLIENT_HELLO = 1;

export function sniff(bytes: Uint8Array, start: number, end: number): Sniffed {
  if (start >= end) return 'more';
  if (bytes[start] === TLS_HANDSHAKE) return sniffTls(bytes, start, end);
  const preface = startsWith(bytes, start, end, PREFACE);
  if (preface !== 'no') return preface === 'yes' ? 'http2' : 'more';
  return sniffHttp1(bytes, start, end);
}

/** Whether a client of HTTP/2 begins so. What is still to come of its preface is not looked at. */
export function isPreface(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start >= PREFACE_LINE && startsWith(bytes, start, end, PREFACE) !== 'no';
}

/** Record: type 22, version 3.x, length; handshake: type 1 (RFC 8446 §5.1, §4). */
function sniffTls(bytes: Uint8Array, start: number, end: number): Sniffed {
  if (end > start + 1 && bytes[start + 1] !== 3) return 'other';
  if (end > start + 2 && (bytes[start + 2] as number) > 4) return 'other';
  if (end < start + 6) return 'more';
  return bytes[start + 5] === CLIENT_HELLO ? 'tls' : 'other';
}

function sniffHttp1(bytes: Uint8Array, p: number, end: number): Sniffed {
  if (bytes[p] === CR) {
    if (++p >= end) return 'more';
    if (bytes[p] !== LF) return 'other';
    p++;
  }
  const method = p;
  while (p < end && isMethod(bytes[p] as number)) p++;
  if (p - method > MAX_METHOD) return 'other';
  if (p >= end) return 'more';
  if (p === method || bytes[p] !== SP) return 'other';
  const target = ++p;
  while (p < end && (bytes[p] as number) > SP && bytes[p] !== 127) p++;
  if (p >= end) return 'more';
  if (p === target || bytes[p] !== SP) return 'other';
  return sniffVersion(bytes, p + 1, end);
}

function sniffVersion(bytes: Uint8Array, p: number, end: number): Sniffed {
  const version = startsWith(bytes, p, end, VERSION);
  if (version !== 'yes') return version === 'no' ? 'other' : 'more';
  p += VERSION.length;
  if (p < end && bytes[p] !== 48 && bytes[p] !== 49) return 'other';
  if (p + 1 >= end) return 'more';
  // A bare LF is close enough to be refused as HTTP rather than to slip through unseen.
  return bytes[p + 1] === CR || bytes[p + 1] === LF ? 'http1' : 'other';
}

function isMethod(c: number): boolean {
  return (c >= 65 && c <= 90) || c === 45 || c === 95;
}

function startsWith(bytes: Uint8Array, start: number, end: number, text: Uint8Array): 'yes' | 'no' | 'so far' {
  const length = Math.min(text.length, end - start);
  for (let i = 0; i < length; i++) if (bytes[start + i] !== text[i]) return 'no';
  return length === text.length ? 'yes' : 'so far';
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}
