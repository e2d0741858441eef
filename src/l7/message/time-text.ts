/**
 * Times as text: formats of `strftime(3)` in UTC, with Envoy's `%f` and `%3f` for parts of a second and `%s` for seconds since the
 * epoch (Envoy's DateFormatter).
 */

type Part = (time: Date, epochMs: number) => string;
/** A format made ready; text stands for itself. */
export type TimePattern = readonly (string | Part)[];

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'],
];
const ABBREVIATED = 3;
const MS_OF_A_DAY = 86_400_000;
const NANOSECOND_DIGITS = 9;

const two = (value: number): string => String(value).padStart(2, '0');
const hour12 = (time: Date): number => time.getUTCHours() % 12 || 12;
const dayOfYear = (time: Date): number => Math.floor((time.getTime() - Date.UTC(time.getUTCFullYear(), 0)) / MS_OF_A_DAY) + 1;

const PARTS: Readonly<Record<string, Part | string>> = {
  Y: (time) => String(time.getUTCFullYear()),
  y: (time) => two(time.getUTCFullYear() % 100),
  m: (time) => two(time.getUTCMonth() + 1),
  d: (time) => two(time.getUTCDate()),
  e: (time) => String(time.getUTCDate()).padStart(2, ' '),
  j: (time) => String(dayOfYear(time)).padStart(3, '0'),
  H: (time) => two(time.getUTCHours()),
  I: (time) => two(hour12(time)),
  M: (time) => two(time.getUTCMinutes()),
  S: (time) => two(time.getUTCSeconds()),
  p: (time) => (time.getUTCHours() < 12 ? 'AM' : 'PM'),
  A: (time) => DAYS[time.getUTCDay()] as string,
  a: (time) => (DAYS[time.getUTCDay()] as string).slice(0, ABBREVIATED),
  B: (time) => MONTHS[time.getUTCMonth()] as string,
  b: (time) => (MONTHS[time.getUTCMonth()] as string).slice(0, ABBREVIATED),
  s: (_, epochMs) => String(Math.floor(epochMs / 1000)),
  f: (_, epochMs) => fraction(epochMs, NANOSECOND_DIGITS),
  z: '+0000',
  Z: 'UTC',
  '%': '%',
};
const COMPOSED: Readonly<Record<string, string>> = { F: '%Y-%m-%d', T: '%H:%M:%S', D: '%m/%d/%y', R: '%H:%M', h: '%b' };
const ISO = '%Y-%m-%dT%H:%M:%S.%3fZ';

/** Null: it has what is not known here. @param format empty: that of RFC 3339, with milliseconds. */
export function timePattern(format: string): TimePattern | null {
  const spelled = (format || ISO).replace(/%([FTDRh])/g, (_, letter: string) => COMPOSED[letter] as string);
  const parts: (string | Part)[] = [];
  for (const [, text, digits, letter] of spelled.matchAll(/([^%]+)|%([1-9])?(.)/gsu)) {
    const part = text ?? partOf(digits, letter ?? '');
    if (part === null) return null;
    parts.push(part);
  }
  return spelled.endsWith('%') && !spelled.endsWith('%%') ? null : parts;
}

export function timeText(pattern: TimePattern, epochMs: number): string {
  const time = new Date(epochMs);
  return pattern.map((part) => (typeof part === 'string' ? part : part(time, epochMs))).join('');
}

function partOf(digits: string | undefined, letter: string): string | Part | null {
  if (digits !== undefined) return letter === 'f' ? (_, epochMs) => fraction(epochMs, Number(digits)) : null;
  return Object.hasOwn(PARTS, letter) ? (PARTS[letter] as Part | string) : null;
}

function fraction(epochMs: number, digits: number): string {
  return String(Math.floor(epochMs % 1000))
    .padStart(3, '0')
    .padEnd(NANOSECOND_DIGITS, '0')
    .slice(0, digits);
}
