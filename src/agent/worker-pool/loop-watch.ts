/**
 * Measures for how long a worker's loop is busy with one thing: a message of the control thread, a slice of configuration, or the
 * collector. Traffic of other pods waits for that long. How much of it the worker has spent itself, and not waited for a processor, is
 * measured beside it: only that says how much there is to do at once.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import type { Clock } from '../../base/clock.ts';
import type { Vitals } from './vitals.ts';

const WINDOW_MS = 10_000;

export class LoopWatch {
  readonly #vitals: Vitals;
  readonly #clock: Clock;
  readonly #threadTime: () => number;
  #windowEnd: number;

  /** @param threadTime milliseconds for which this thread has had a processor. */
  constructor(vitals: Vitals, clock: Clock, threadTime: () => number) {
    this.#vitals = vitals;
    this.#clock = clock;
    this.#threadTime = threadTime;
    this.#windowEnd = clock.monotonic() + WINDOW_MS;
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) this.#vitals.pause(duration * 1000);
    }).observe({ entryTypes: ['gc'] });
  }

  /** A collection that comes meanwhile counts as part of the work. */
  during(work: () => void): void {
    const start = this.#clock.monotonic();
    const workStart = this.#threadTime();
    work();
    this.#vitals.work((this.#threadTime() - workStart) * 1000);
    this.#vitals.pause((this.#clock.monotonic() - start) * 1000);
  }

  beat(): void {
    this.#vitals.beat();
    const now = this.#clock.monotonic();
    if (now < this.#windowEnd) return;
    this.#windowEnd = now + WINDOW_MS;
    this.#vitals.nextWindow();
  }
}
