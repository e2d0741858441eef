/**
 * Measures for how long a worker's loop is busy with one thing: a message of the control thread, a slice of configuration, or the
 * collector. Traffic of other pods waits for that long.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import type { Clock } from '../../base/clock.ts';
import type { Vitals } from './vitals.ts';

const WINDOW_MS = 10_000;

export class LoopWatch {
  readonly #vitals: Vitals;
  readonly #clock: Clock;
  #windowEnd: number;

  constructor(vitals: Vitals, clock: Clock) {
    this.#vitals = vitals;
    this.#clock = clock;
    this.#windowEnd = clock.monotonic() + WINDOW_MS;
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) this.note(duration);
    }).observe({ entryTypes: ['gc'] });
  }

  during(work: () => void): void {
    const start = this.#clock.monotonic();
    work();
    this.note(this.#clock.monotonic() - start);
  }

  beat(): void {
    this.#vitals.beat();
    const now = this.#clock.monotonic();
    if (now < this.#windowEnd) return;
    this.#windowEnd = now + WINDOW_MS;
    this.#vitals.nextWindow();
  }

  note(milliseconds: number): void {
    this.#vitals.pause(milliseconds * 1000);
  }
}
