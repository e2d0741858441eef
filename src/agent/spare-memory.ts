/** When to give back what the start, or changes, have left unused in the process. */
import type { Cancel, Clock } from '../base/clock.ts';

/** After readiness, for what follows the start directly. */
const SETTLED_MS = 1000;
/** Changes follow each other. */
const INTERVAL_MS = 10_000;

/** Functions that give something back. */
export interface Spare {
  /** What only the start needed. */
  readonly ofStart: () => void;
  readonly ofChanges: () => void;
}

export class SpareMemory {
  readonly #clock: Clock;
  readonly #spare: Spare;
  #pending: Cancel | null = null;

  constructor(clock: Clock, spare: Spare) {
    this.#clock = clock;
    this.#spare = spare;
  }

  /** What the start needed is given back soon. */
  started(): void {
    this.#pending?.();
    this.#pending = this.#in(SETTLED_MS, this.#spare.ofStart);
  }

  /** What the change needed is given back with what those after it need. */
  changed(): void {
    this.#pending ??= this.#in(INTERVAL_MS, this.#spare.ofChanges);
  }

  stop(): void {
    this.#pending?.();
    this.#pending = null;
  }

  #in(delayMs: number, giveBack: () => void): Cancel {
    return this.#clock.after(delayMs, () => {
      this.#pending = null;
      giveBack();
    });
  }
}
