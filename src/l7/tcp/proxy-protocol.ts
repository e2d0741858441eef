/** The header of the PROXY protocol, by which a server learns who its client's client is (haproxy.org/download/2.1/doc/proxy-protocol.txt). */
import { isIP } from 'node:net';
import type { Address } from '../transport.ts';

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
/** Version 2, command PROXY. */
const PROXY = 0x21;
const TCP = { 4: 0x11, 6: 0x21 } as const;

/** @param from who has connected. @param to where it wanted to go. Addresses are in the form in which sockets show them. */
export function proxyHeader(version: 1 | 2, from: Address, to: Address): Uint8Array {
  const family = isIP(from.ip) === 6 || isIP(to.ip) === 6 ? 6 : 4;
  return version === 1 ? textHeader(family, from, to) : binaryHeader(family, from, to);
}

function textHeader(family: 4 | 6, from: Address, to: Address): Uint8Array {
  const [source, target] = [from, to].map(({ ip }) => (family === 6 && isIP(ip) === 4 ? `::ffff:${ip}` : ip));
  return Buffer.from(`PROXY TCP${family} ${source} ${target} ${from.port} ${to.port}\r\n`, 'latin1');
}

function binaryHeader(family: 4 | 6, from: Address, to: Address): Uint8Array {
  const addresses = [from, to].flatMap(({ ip }) => bytesOf(ip, family));
  const ports = [from, to].flatMap(({ port }) => [port >> 8, port & 0xff]);
  return Uint8Array.from([...SIGNATURE, PROXY, TCP[family], 0, addresses.length + ports.length, ...addresses, ...ports]);
}

function bytesOf(ip: string, family: 4 | 6): number[] {
  if (isIP(ip) === 4) {
    const bytes = ip.split('.').map(Number);
    return family === 4 ? bytes : [...Array.from({ length: 10 }, () => 0), 0xff, 0xff, ...bytes];
  }
  const [head = '', tail = ''] = ip.split('::', 2);
  const words = (text: string): number[] => (text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16)));
  const [before, after] = [words(head), words(tail)];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0);
  return [...before, ...zeros, ...after].flatMap((word) => [word >> 8, word & 0xff]);
}
