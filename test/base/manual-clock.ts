/** A clock that stands still until a test turns it. Tasks run inside `advance`, in the order of their times. */
import type { Cancel, Clock } from '../../src/base/clock.ts';

interface Planned {
  at: number;
  readonly everyMs: number | null;
  readonly task: () => void;
}

export class ManualClock implements Clock {
  /** In order of planning, which decides between tasks of the same time. */
  readonly #planned = new Set<Planned>();
  readonly #epoch: number;
  #elapsed = 0;

  /** @param epoch wall clock at the start. */
  constructor(epoch = 0) {
    this.#epoch = epoch;
  }

  now(): number {
    return this.#epoch + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(delayMs: number, task: () => void): Cancel {
    return this.#plan({ at: this.#elapsed + delayMs, everyMs: null, task });
  }

  every(intervalMs: number, task: () => void): Cancel {
    return this.#plan({ at: this.#elapsed + intervalMs, everyMs: intervalMs, task });
  }

  /** How many tasks wait for their time: none should when everything has been stopped. */
  get pending(): number {
    return this.#planned.size;
  }

  /** Time passes, and everything that falls due runs at its own time; so does what those tasks plan within it. */
  advance(ms: number): void {
    const end = this.#elapsed + ms;
    for (let next = this.#next(end); next !== null; next = this.#next(end)) {
      this.#elapsed = Math.max(this.#elapsed, next.at);
      if (next.everyMs === null) this.#planned.delete(next);
      else next.at += next.everyMs;
      next.task();
    }
    this.#elapsed = end;
  }

  #plan(planned: Planned): Cancel {
    if (planned.everyMs !== null && planned.everyMs <= 0) throw new RangeError('an interval must be positive');
    this.#planned.add(planned);
    return () => void this.#planned.delete(planned);
  }

  #next(end: number): Planned | null {
    let first: Planned | null = null;
    for (const planned of this.#planned) {
      if (planned.at <= end && (first === null || planned.at < first.at)) first = planned;
    }
    return first;
  }
}
