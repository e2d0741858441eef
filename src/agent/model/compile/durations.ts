/** Durations as Go writes them (`1.5s`, `1h30m`), in milliseconds. */
const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 1e-3, ns: 1e-6 };

/** Timers count milliseconds in 31 bits; what is longer is as good as for ever. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** For a timer; 0 for what is left out. */
export function milliseconds(duration: string | undefined): number {
  return Math.min(MAX_TIMER_MS, Math.round(lengthOf(duration)));
}

/** Whole ones. */
export function seconds(duration: string): number {
  return Math.floor(lengthOf(duration) / 1000);
}

function lengthOf(duration: string | undefined): number {
  if (duration === undefined) return 0;
  let sum = 0;
  for (const [, number, unit] of duration.matchAll(/([0-9]+(?:\.[0-9]+)?)(h|ms|m|s|us|ns)/g)) {
    sum += Number(number) * (UNITS[unit as string] as number);
  }
  return sum;
}
