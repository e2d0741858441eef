/** The faults of the second version: each request draws from 1 to 101, and the draw decides what becomes of it. */

export type Outcome = 'error' | 'slow error' | 'success';

const SIDES = 101;
const LAST_ERROR = 33;
const LAST_SLOW = 65;

export const SHARES: Readonly<Record<Outcome, number>> = {
  error: LAST_ERROR / SIDES,
  'slow error': (LAST_SLOW - LAST_ERROR) / SIDES,
  success: (SIDES - LAST_SLOW) / SIDES,
};

export function outcomeOf(draw: number): Outcome {
  if (draw <= LAST_ERROR) return 'error';
  return draw <= LAST_SLOW ? 'slow error' : 'success';
}

/** The same seed and pod give the same sequence; two pods of one seed differ. */
export function drawSequence(seed: string, pod: string): () => number {
  const next = mulberry32(fnv1a(`${seed}/${pod}`));
  return () => 1 + Math.floor(next() * SIDES);
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

/** Tommy Ettinger's generator of 32 bits of state: plenty for a demonstration, and the same everywhere. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
