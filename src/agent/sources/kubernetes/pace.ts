/** Waits after failures: full jitter below a bound that doubles, so that the agents of a cluster do not all come back at once. */
import type { Clock } from '../../../base/clock.ts';
import { sleep } from '../../../base/sleep.ts';

const FIRST_MS = 500;
const LONGEST_MS = 30_000;
/** However the dice fall. */
const LEAST_MS = 50;

export class Pace {
  readonly #clock: Clock;
  readonly #random: () => number;
  #failures = 0;

  /** @param random as Math.random. */
  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** It works again. */
  reset(): void {
    this.#failures = 0;
  }

  /** Waits because of one more failure. `leastMs`: what the server asked for. Ends early when `end` is aborted. */
  wait(end: AbortSignal, { leastMs = 0, longestMs = LONGEST_MS } = {}): Promise<void> {
    const bound = Math.min(longestMs, FIRST_MS * 2 ** Math.min(this.#failures++, 10));
    const delayMs = leastMs + LEAST_MS + this.#random() * (bound - LEAST_MS);
    return sleep(this.#clock, delayMs, end);
  }
}
