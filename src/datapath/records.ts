/** The maps' keys and values as bytes: the layouts of bpf/lib/abi.h, little-endian machines. */
import { isIPv4 } from 'node:net';

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
  const [head = '', tail] = ip.split('::');
  const groups = (text: string): number[] => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const all = [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
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

export function originKey(cookie: string, ipv6: boolean, port: number): Uint8Array {
  const key = new Uint8Array(16);
  const view = new DataView(key.buffer);
  view.setBigUint64(0, BigInt(cookie), true);
  view.setUint16(8, port);
  view.setUint16(10, ipv6 ? 1 : 0, true);
  return key;
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
