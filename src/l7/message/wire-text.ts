/**
 * Text of users that is written to the wire. It is checked and encoded where the configuration is compiled; writers take this type
 * only, so that an unchecked string does not type-check. Values are UTF-8, as Envoy sends them.
 *
 * A WireText holds one byte per character (all are below 256): it is copied between threads as a string, and becomes bytes once, where
 * a worker prepares what it writes.
 */

declare const checked: unique symbol;
export type WireText = string & { readonly [checked]: true };

export type WireResult = { readonly ok: true; readonly text: WireText } | { readonly ok: false; readonly fault: string };

/** A token (RFC 9110 §5.6.2). */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** No control character but the tab (RFC 9110 §5.5). Bytes above 127 are obs-text. */
// oxlint-disable-next-line no-control-regex
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Visible ASCII without `#`: what the parser of requests takes (src/l7/http1/parser.ts). */
const TARGET = /^[\x21\x22\x24-\x7e]*$/;
/** `uri-host [ ":" port ]` without user information, zone or escapes (src/l7/http1/authority.ts). */
const AUTHORITY = /^(\[[0-9A-Fa-f:.]{2,}\]|[-._~!$&'()*+;=0-9A-Za-z]+)(:\d{1,5})?$/;
/** IPv4 or IPv6. */
const ADDRESS = /^[0-9A-Fa-f.:]+$/;
/** Of an attribute of Set-Cookie (RFC 6265 §4.1.1): no control character and no `;`. */
const COOKIE_ATTRIBUTE = /^[\x20-\x3a\x3c-\x7e]*$/;

export const NOTHING = '' as WireText;

/** The name of a header, or of a cookie. */
export function fieldName(text: string): WireResult {
  return TOKEN.test(text) ? ok(text) : refuse('is not a token');
}

export function fieldValue(text: string): WireResult {
  const bytes = utf8(text);
  return FIELD_VALUE.test(bytes) ? ok(bytes) : refuse('has a control character');
}

/** A value of bytes, as characters below 256, that was put together from a message; null: it is not fit for one. */
export function latin1Value(bytes: string): WireText | null {
  return FIELD_VALUE.test(bytes) ? (bytes as WireText) : null;
}

/** A path, with or without a query. What is not ASCII is escaped as UTF-8 (RFC 3987 §3.1). */
export function requestTarget(text: string): WireResult {
  const bytes = escaped(text);
  return TARGET.test(bytes) ? ok(bytes) : refuse('has a blank, a control character or #, which cannot stand in a request target');
}

/** A path of a Location, which may have a fragment (RFC 9110 §10.2.2). */
export function locationPath(text: string): WireResult {
  const bytes = escaped(text);
  return TARGET.test(bytes.replace('#', ''))
    ? ok(bytes)
    : refuse('has a blank, a control character or a second #, which cannot stand in a Location');
}

/** A host with or without a port. */
export function authority(text: string): WireResult {
  const port = /:(\d+)$/.exec(text)?.[1];
  return AUTHORITY.test(text) && !(port !== undefined && Number(port) > 65535) ? ok(text) : refuse('is not HOST or HOST:PORT');
}

export function cookiePath(text: string): WireResult {
  return COOKIE_ATTRIBUTE.test(text) ? ok(text) : refuse('has a control character, a ; or something beyond ASCII');
}

/** Text of our own that is known to be right. @throws RangeError when it is not. */
export function literal(text: string): WireText {
  // oxlint-disable-next-line no-control-regex
  if (!/^(?:[\t\x20-\x7e]|\r\n)*$/.test(text)) throw new RangeError(`not wire text: ${JSON.stringify(text)}`);
  return text as WireText;
}

/** An address as the kernel's are written out. @throws RangeError when it is none. */
export function addressText(ip: string): WireText {
  if (!ADDRESS.test(ip)) throw new RangeError(`not an address: ${JSON.stringify(ip)}`);
  return ip as WireText;
}

/** Of checked values. @throws RangeError when one was not. */
export function checkedText(result: WireResult): WireText {
  if (result.ok) return result.text;
  throw new RangeError(result.fault);
}

export function join(...parts: readonly WireText[]): WireText {
  return parts.join('') as WireText;
}

/** A complete field line, CRLF included. */
export function fieldLine(name: WireText, value: WireText): WireText {
  return `${name}: ${value}\r\n` as WireText;
}

export function wireBytes(text: WireText): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/** Bytes that were made of WireText, as text again. */
export function lineText(bytes: Uint8Array): WireText {
  return Buffer.from(bytes).toString('latin1') as WireText;
}

function escaped(text: string): string {
  return utf8(text).replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
}

function utf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function ok(text: string): WireResult {
  return { ok: true, text: text as WireText };
}

function refuse(fault: string): WireResult {
  return { ok: false, fault };
}
