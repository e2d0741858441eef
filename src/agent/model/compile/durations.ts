/** Durations as Go writes them (`1.5s`, `1h30m`), in milliseconds. */
const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 1e-3, ns: 1e-6 };

/** 0 for what is left out. */
export function milliseconds(duration: string | undefined): number {
  let sum = 0;
  for (const [, number, unit] of (duration ?? '').matchAll(/([0-9]+(?:\.[0-9]+)?)(h|ms|m|s|us|ns)/g)) {
    sum += Number(number) * (UNITS[unit as string] as number);
  }
  return Math.round(sum);
}
