/** The maps' keys and values as bytes: the layouts of bpf/lib/abi.h, little-endian machines. */
import { isIPv4, isIPv6 } from 'node:net';
import { LAYOUT } from './abi.ts';

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

export function u32(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

export function u64(...values: readonly bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values).buffer);
}

/** IPv4 as v4-mapped. */
export function addressBytes(ip: string): Uint8Array {
  if (isIPv4(ip)) return Uint8Array.from([...MAPPED, ...ip.split('.').map(Number)]);
  // RFC 4291 2.2: a "::" once, for the zeros that are missing; the last 32 bits may be dotted.
  const [front = [], back] = ip.split('::').map((half) => half.split(':').filter(Boolean).flatMap(groupBytes));
  const bytes = new Uint8Array(16);
  bytes.set(front);
  if (back !== undefined) bytes.set(back, 16 - back.length);
  return bytes;
}

function groupBytes(group: string): number[] {
  if (group.includes('.')) return group.split('.').map(Number);
  const value = Number.parseInt(group, 16);
  return [value >> 8, value & 0xff];
}

export function addressText(bytes: Uint8Array): string {
  if (MAPPED.every((byte, at) => bytes[at] === byte)) return bytes.subarray(12, 16).join('.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const text = Array.from({ length: 8 }, (_, at) => view.getUint16(at * 2).toString(16)).join(':');
  return new URL(`http://[${text}]/`).hostname.slice(1, -1);
}

export function podAddress(cookie: string, ip: string): Uint8Array {
  return concat(u64(BigInt(cookie)), addressBytes(ip));
}

export interface PodFacts {
  readonly failClosed: boolean;
  readonly addresses: readonly string[];
  /** 32 hexadecimal digits. */
  readonly owner: string;
}

/** The pod's own address of a family is the first in the list; all zero: none. */
export function podRecord(slot: number, { failClosed, addresses, owner }: PodFacts): Uint8Array {
  const record = new Uint8Array(LAYOUT.pod.size);
  const view = new DataView(record.buffer);
  view.setUint32(LAYOUT.pod.slot, slot, true);
  view.setUint32(LAYOUT.pod.fail_closed, failClosed ? 1 : 0, true);
  for (const [at, isOfFamily] of [
    [LAYOUT.pod.own4, isIPv4],
    [LAYOUT.pod.own6, isIPv6],
  ] as const) {
    const own = addresses.find(isOfFamily);
    if (own !== undefined) record.set(addressBytes(own), at);
  }
  record.set(Buffer.from(owner, 'hex'), LAYOUT.pod.owner);
  return record;
}

export function ownerIn(pod: Uint8Array): string {
  return Buffer.from(pod.subarray(LAYOUT.pod.owner, LAYOUT.pod.owner + 16)).toString('hex');
}

export function slotOf(pod: Uint8Array): number {
  return new DataView(pod.buffer, pod.byteOffset).getUint32(LAYOUT.pod.slot, true);
}

/** `source`: of the connection, as the listener that accepted it sees it. */
export function originKey(cookie: string, source: { ip: string; port: number }): Uint8Array {
  const key = new Uint8Array(LAYOUT.origin_key.size);
  const view = new DataView(key.buffer);
  view.setBigUint64(LAYOUT.origin_key.cookie, BigInt(cookie), true);
  key.set(addressBytes(source.ip), LAYOUT.origin_key.source);
  view.setUint16(LAYOUT.origin_key.port, source.port);
  return key;
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
