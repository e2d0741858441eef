/** The only place that reads the machine's clocks; everything else is handed one. */
export interface Clock {
  /** Wall clock in milliseconds since the epoch: for people and headers. */
  now(): number;
  /** Milliseconds that never step back: for durations. */
  monotonic(): number;
}

export function systemClock(): Clock {
  return { now: () => Date.now(), monotonic: () => performance.now() };
}
