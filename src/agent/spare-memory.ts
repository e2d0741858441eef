/** When to give back what the start, or changes, have left unused in the process. */
import type { Cancel, Clock } from '../base/clock.ts';

/** After readiness, for what follows the start directly. */
const SETTLED_MS = 1000;
/** Changes follow each other; each time costs the control thread about a millisecond, and all threads some hundred faults for pages of code. */
const INTERVAL_MS = 10_000;

export class SpareMemory {
  readonly #clock: Clock;
  readonly #giveBack: () => void;
  #pending: Cancel | null = null;

  constructor(clock: Clock, giveBack: () => void) {
    this.#clock = clock;
    this.#giveBack = giveBack;
  }

  /** What the start needed is given back soon. */
  started(): void {
    this.#pending?.();
    this.#pending = this.#in(SETTLED_MS);
  }

  /** What the change needed is given back with what those after it need. */
  changed(): void {
    this.#pending ??= this.#in(INTERVAL_MS);
  }

  stop(): void {
    this.#pending?.();
    this.#pending = null;
  }

  #in(delayMs: number): Cancel {
    return this.#clock.after(delayMs, () => {
      this.#pending = null;
      this.#giveBack();
    });
  }
}
