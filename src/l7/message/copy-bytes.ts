/** Copies bytes. Most texts are short: for them a loop is quicker than a view of them. */
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
