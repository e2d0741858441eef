/**
 * What stands around the data of a chunked body (RFC 9112 §7.1), for a sender that has the data and the trailers. Each function
 * writes into the caller's buffer at an offset and returns the end of what it wrote; the caller has left room for it.
 */

/** A chunk header has 14 digits (2^53 - 1) and CR LF at most. */
export const CHUNK_HEADER_MAX = 16;
/** CR LF after the data of a chunk. */
export const CHUNK_END_LENGTH = 2;

const CR = 13;
const LF = 10;
const ZERO = 48;
const DIGITS: Uint8Array = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));

/** `length` is not 0: a chunk without data ends the body. */
export function writeChunkHeader(into: Uint8Array, at: number, length: number): number {
  let p = at + hexDigits(length);
  const end = writeLineEnd(into, p);
  // Bit operations would cut a length at 32 bits.
  for (let rest = length; p > at; rest = Math.floor(rest / 16)) into[--p] = DIGITS[rest % 16] as number;
  return end;
}

export function writeChunkEnd(into: Uint8Array, at: number): number {
  return writeLineEnd(into, at);
}

/** @param trailers complete lines as `ChunkedScanner.trailers` has them, or null. */
export function lastChunkLength(trailers: Uint8Array | null): number {
  return 5 + (trailers === null ? 0 : trailers.length);
}

/** The chunk without data, the trailers and the blank line. */
export function writeLastChunk(into: Uint8Array, at: number, trailers: Uint8Array | null): number {
  into[at] = ZERO;
  let p = writeLineEnd(into, at + 1);
  if (trailers !== null) {
    into.set(trailers, p);
    p += trailers.length;
  }
  return writeLineEnd(into, p);
}

function hexDigits(length: number): number {
  let digits = 1;
  for (let rest = length; rest >= 16; rest = Math.floor(rest / 16)) digits++;
  return digits;
}

function writeLineEnd(into: Uint8Array, at: number): number {
  into[at] = CR;
  into[at + 1] = LF;
  return at + 2;
}
