import { randomFillSync } from 'node:crypto';

const WORDS = 256;

/** Uniform 32-bit numbers from the system's generator, fetched in blocks: a call costs nanoseconds, and no seed can repeat after a fork or a restart. */
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
