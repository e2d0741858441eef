import { randomFillSync } from 'node:crypto';

/** 16 KB: a call to the generator costs more than its bytes. */
const WORDS = 4096;

/** Uniform 32-bit numbers from the system's generator. They are fetched in blocks, so a call costs nanoseconds. There is no seed that could repeat after a restart. */
export function systemRandom(): () => number {
  const words = new Uint32Array(WORDS);
  let next = WORDS;
  return () => {
    if (next === WORDS) {
      randomFillSync(words);
      next = 0;
    }
    return words[next++] as number;
  };
}
