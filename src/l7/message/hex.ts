/** Hexadecimal digits as bytes. */

const HEX = Buffer.from('0123456789abcdef', 'latin1');
const HIGH = Uint8Array.from({ length: 256 }, (_, byte) => HEX[byte >> 4] as number);
const LOW = Uint8Array.from({ length: 256 }, (_, byte) => HEX[byte & 15] as number);
/** Value of a digit, in either case; 255: none. */
const VALUE = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase());
  return byte < 128 && digit >= 0 ? digit : 255;
});

/** Writes the 8 digits of 32 bits. @returns where they end. */
export function writeWord(bytes: Uint8Array, at: number, value: number): number {
  return writeHalf(bytes, writeHalf(bytes, at, value >>> 16), value & 0xffff);
}

/** Writes the 4 digits of 16 bits. @returns where they end. */
export function writeHalf(bytes: Uint8Array, at: number, value: number): number {
  const high = value >>> 8;
  const low = value & 255;
  bytes[at] = HIGH[high] as number;
  bytes[at + 1] = LOW[high] as number;
  bytes[at + 2] = HIGH[low] as number;
  bytes[at + 3] = LOW[low] as number;
  return at + 4;
}

/** Whether `bytes[start, end)` are digits, and nothing else. */
export function isHex(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (VALUE[bytes[at] as number] === 255) return false;
  return end > start;
}

/** The signed 32 bits of the 8 digits at `at`, which have been checked. */
export function readWord(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = 0; i < 8; i++) value = (value << 4) | (VALUE[bytes[at + i] as number] as number);
  return value;
}

/** The value of a digit, or 255. */
export function digitOf(byte: number): number {
  return VALUE[byte] as number;
}

/** @param value 0 to 15. */
export function digitByte(value: number): number {
  return HEX[value] as number;
}

const PAIRS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** 8 digits as text. */
export function wordText(value: number): string {
  return `${PAIRS[value >>> 24]}${PAIRS[(value >>> 16) & 255]}${PAIRS[(value >>> 8) & 255]}${PAIRS[value & 255]}`;
}
