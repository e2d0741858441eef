/** `uri-host [ ":" port ]` of Host and of request targets (RFC 9110 §7.2, RFC 3986 §3.2), as spans. */
import { lower } from '../message/ascii.ts';

/**
 * Bytes of a registered name or IPv4 address. Narrower than the grammar: no `%`, which some decode and others do not, and no
 * `,`, by which some join two Host lines.
 */
const REG_NAME: Uint8Array = (() => {
  const table = new Uint8Array(256);
  for (const c of "-._~!$&'()*+;=0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") table[c.charCodeAt(0)] = 1;
  return table;
})();

/** Bytes between the brackets of an IPv6 address. A zone has no meaning beyond the sender's own host, so it is refused. */
const IPV6: Uint8Array = (() => {
  const table = new Uint8Array(256);
  for (const c of ':.0123456789abcdefABCDEF') table[c.charCodeAt(0)] = 1;
  return table;
})();

const COLON = 58;
const BRACKET = 91;
const BRACKET_END = 93;

/** Where the host ends and `:` or nothing follows; -1 when it is not a host. Empty only when there is nothing at all. */
export function hostEnd(bytes: Uint8Array, start: number, end: number): number {
  let p = start;
  if (p < end && bytes[p] === BRACKET) {
    p++;
    while (p < end && IPV6[bytes[p] as number] === 1) p++;
    return p < end && bytes[p] === BRACKET_END && p > start + 2 ? p + 1 : -1;
  }
  while (p < end && REG_NAME[bytes[p] as number] === 1) p++;
  return p === start && p < end ? -1 : p;
}

/** Whether `bytes[start, end)` is a host with or without a port. An empty port is within the grammar. */
export function isAuthority(bytes: Uint8Array, start: number, end: number): boolean {
  const host = hostEnd(bytes, start, end);
  if (host < 0) return false;
  return host === end || (bytes[host] === COLON && isPort(bytes, host + 1, end));
}

export function isPort(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > 5) return false;
  let port = 0;
  for (let p = start; p < end; p++) {
    const digit = (bytes[p] as number) - 48;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
  }
  return port <= 65535;
}

/** ASCII case-insensitive equality of two spans. */
export function sameHost(bytes: Uint8Array, aStart: number, aEnd: number, bStart: number, bEnd: number): boolean {
  if (aEnd - aStart !== bEnd - bStart) return false;
  for (let i = aStart, j = bStart; i < aEnd; i++, j++) {
    if (lower(bytes[i] as number) !== lower(bytes[j] as number)) return false;
  }
  return true;
}
