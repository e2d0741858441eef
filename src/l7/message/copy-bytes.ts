/** Copies and compares bytes. Most texts are short: for them a loop is quicker than a view of them. */
const SHORT = 64;

/** @returns the end of the copy, which begins at `into[at]`. */
export function copyBytes(source: Uint8Array, start: number, end: number, into: Uint8Array, at: number): number {
  if (end - start > SHORT) {
    into.set(source.subarray(start, end), at);
    return at + end - start;
  }
  for (let p = start; p < end; p++) into[at++] = source[p] as number;
  return at;
}

/** Whether `bytes[start, end)` is that text. */
export function sameBytes(text: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i++) if (text[i] !== bytes[start + i]) return false;
  return true;
}
