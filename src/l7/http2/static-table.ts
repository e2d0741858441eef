/** HPACK's static table (RFC 7541 appendix A). Indices begin at 1. */
import { sameBytes } from '../message/copy-bytes.ts';
import { HeaderNames } from '../message/header-names.ts';

const ENTRIES: readonly (readonly [name: string, value?: string])[] = [
  [':authority'],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset'],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language'],
  ['accept-ranges'],
  ['accept'],
  ['access-control-allow-origin'],
  ['age'],
  ['allow'],
  ['authorization'],
  ['cache-control'],
  ['content-disposition'],
  ['content-encoding'],
  ['content-language'],
  ['content-length'],
  ['content-location'],
  ['content-range'],
  ['content-type'],
  ['cookie'],
  ['date'],
  ['etag'],
  ['expect'],
  ['expires'],
  ['from'],
  ['host'],
  ['if-match'],
  ['if-modified-since'],
  ['if-none-match'],
  ['if-range'],
  ['if-unmodified-since'],
  ['last-modified'],
  ['link'],
  ['location'],
  ['max-forwards'],
  ['proxy-authenticate'],
  ['proxy-authorization'],
  ['range'],
  ['referer'],
  ['refresh'],
  ['retry-after'],
  ['server'],
  ['set-cookie'],
  ['strict-transport-security'],
  ['transfer-encoding'],
  ['user-agent'],
  ['vary'],
  ['via'],
  ['www-authenticate'],
];

export const STATIC_SIZE = ENTRIES.length;

/** By index; the first is unused. */
const NAMES: readonly Uint8Array[] = [new Uint8Array(0), ...ENTRIES.map(([name]) => Buffer.from(name, 'latin1'))];
const VALUES: readonly Uint8Array[] = [new Uint8Array(0), ...ENTRIES.map(([, value = '']) => Buffer.from(value, 'latin1'))];

export function staticName(index: number): Uint8Array {
  return NAMES[index] as Uint8Array;
}

export function staticValue(index: number): Uint8Array {
  return VALUES[index] as Uint8Array;
}

/** The index of the first entry with that name and value. @throws RangeError when there is none. */
export function staticIndex(name: string, value = ''): number {
  const index = ENTRIES.findIndex(([known, text = '']) => known === name && text === value);
  if (index < 0) throw new RangeError(`not in the static table: ${name}: ${value}`);
  return index + 1;
}

const SLOTS = 256;
/** Index of the first entry of a name, by the name's hash; collisions go to the next slot. */
const BY_NAME: Uint8Array = (() => {
  const slots = new Uint8Array(SLOTS);
  for (let index = STATIC_SIZE; index > 0; index--) {
    const name = NAMES[index] as Uint8Array;
    let slot = HeaderNames.hash(name, 0, name.length) & (SLOTS - 1);
    while (slots[slot] !== 0 && Buffer.compare(NAMES[slots[slot] as number] as Uint8Array, name) !== 0) slot = (slot + 1) & (SLOTS - 1);
    slots[slot] = index;
  }
  return slots;
})();

/** The first index of the lower-case name `bytes[start, end)` whose hash is given, or 0. */
export function findStaticName(bytes: Uint8Array, start: number, end: number, hash: number): number {
  for (let slot = hash & (SLOTS - 1), index = BY_NAME[slot] as number; index !== 0; index = BY_NAME[slot] as number) {
    if (sameBytes(NAMES[index] as Uint8Array, bytes, start, end)) return index;
    slot = (slot + 1) & (SLOTS - 1);
  }
  return 0;
}

/** Whether the entry's value is `bytes[start, end)`. */
export function staticValueIs(index: number, bytes: Uint8Array, start: number, end: number): boolean {
  return sameBytes(VALUES[index] as Uint8Array, bytes, start, end);
}
