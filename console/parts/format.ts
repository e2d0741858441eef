/** Numbers and times as people read them. A column of one unit has the same number of decimals in every row. */

const decimals = (digits: number) => new Intl.NumberFormat('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
const ONE = decimals(1);
const NONE = decimals(0);

/** Per second. */
export const rate = (perSecond: number): string => (perSecond > 0 && perSecond < 0.05 ? '<0.1' : ONE.format(perSecond));

/** A share of 1. What is above 0 does not look like 0, and what is below 1 does not look like 1. */
export function percent(share: number): string {
  if (share > 0 && share < 0.0005) return '<0.1 %';
  if (share < 1 && share > 0.9995) return '>99.9 %';
  return `${ONE.format(100 * share)} %`;
}

export function milliseconds(ms: number): string {
  if (ms < 100) return `${ONE.format(ms)} ms`;
  return ms < 10_000 ? `${NONE.format(ms)} ms` : `${ONE.format(ms / 1000)} s`;
}

export const integer = (value: number): string => NONE.format(value);

export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? NONE.format(value) : ONE.format(value)} ${units[unit]}`;
}

export function span(seconds: number): string {
  if (seconds < 120) return `${NONE.format(seconds)} s`;
  if (seconds < 7200) return `${NONE.format(seconds / 60)} min`;
  return seconds < 172_800 ? `${NONE.format(seconds / 3600)} h` : `${NONE.format(seconds / 86_400)} d`;
}

/** Of the day, with seconds. @param at milliseconds since the epoch. */
export const timeOfDay = (at: number): string => new Date(at).toLocaleTimeString('en-GB');

export const plural = (count: number, noun: string, nouns = `${noun}s`): string => `${NONE.format(count)} ${count === 1 ? noun : nouns}`;
