/**
 * The only place that reads the machine's clocks and arms its timers; everything else is handed a clock, so that tests can
 * turn time by hand (test/base/manual-clock.ts). `.oxlintrc.json` forbids the bare functions elsewhere.
 */
export interface Clock {
  /** Wall clock in milliseconds since the epoch: for people and headers. */
  now(): number;
  /** Milliseconds that never step back: for durations. */
  monotonic(): number;
  /** Runs `task` once, after at least this long. */
  after(delayMs: number, task: () => void): Cancel;
  /** Runs `task` again and again, for the first time after one interval. */
  every(intervalMs: number, task: () => void): Cancel;
}

/** Takes back what was planned. Calling it again, or after the task has run, has no effect. */
export type Cancel = () => void;

export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after: (delayMs, task) => {
      const timer = setTimeout(task, delayMs);
      return () => clearTimeout(timer);
    },
    every: (intervalMs, task) => {
      const timer = setInterval(task, intervalMs);
      return () => clearInterval(timer);
    },
  };
}
