/**
 * Times as text: formats of `strftime(3)` in UTC, and Envoy's own conversions: `%s` and `%1s` to `%9s` since the epoch, in parts of a
 * second; `%f` and `%1f` to `%9f`, the fraction (Envoy's DateFormatter).
 */

type Part = (time: Date) => string;
/** A format made ready; text stands for itself. */
export type TimePattern = readonly (string | Part)[];
/** What is no conversion, as it stands. */
interface Unknown {
  readonly unknown: string;
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'],
];
const ABBREVIATED = 3;
const MS_OF_A_DAY = 86_400_000;
const MS_OF_A_SECOND = 1000;
const NANOSECOND_DIGITS = 9;

const padded = (value: number, digits: number, fill = '0'): string => String(value).padStart(digits, fill);
const two = (value: number): string => padded(value, 2);
const short = (name: string | undefined): string => (name ?? '').slice(0, ABBREVIATED);
const hour12 = (time: Date): number => time.getUTCHours() % 12 || 12;
const dayOfYear = (time: Date): number => Math.floor((time.getTime() - Date.UTC(time.getUTCFullYear(), 0)) / MS_OF_A_DAY) + 1;
const seconds = (time: Date): string => String(Math.floor(time.getTime() / MS_OF_A_SECOND));
const fraction = (time: Date, digits: number): string =>
  padded(time.getTime() % MS_OF_A_SECOND, 3)
    .padEnd(NANOSECOND_DIGITS, '0')
    .slice(0, digits);

const PARTS: Readonly<Record<string, Part | string>> = {
  Y: (time) => String(time.getUTCFullYear()),
  y: (time) => two(time.getUTCFullYear() % 100),
  m: (time) => two(time.getUTCMonth() + 1),
  d: (time) => two(time.getUTCDate()),
  e: (time) => padded(time.getUTCDate(), 2, ' '),
  j: (time) => padded(dayOfYear(time), 3),
  H: (time) => two(time.getUTCHours()),
  I: (time) => two(hour12(time)),
  M: (time) => two(time.getUTCMinutes()),
  S: (time) => two(time.getUTCSeconds()),
  p: (time) => (time.getUTCHours() < 12 ? 'AM' : 'PM'),
  A: (time) => DAYS[time.getUTCDay()] ?? '',
  a: (time) => short(DAYS[time.getUTCDay()]),
  B: (time) => MONTHS[time.getUTCMonth()] ?? '',
  b: (time) => short(MONTHS[time.getUTCMonth()]),
  h: (time) => short(MONTHS[time.getUTCMonth()]),
  s: seconds,
  f: (time) => fraction(time, NANOSECOND_DIGITS),
  D: (time) => `${two(time.getUTCMonth() + 1)}/${two(time.getUTCDate())}/${two(time.getUTCFullYear() % 100)}`,
  F: (time) => time.toISOString().slice(0, 10),
  T: (time) => time.toISOString().slice(11, 19),
  R: (time) => time.toISOString().slice(11, 16),
  z: '+0000',
  Z: 'UTC',
  n: '\n',
  t: '\t',
  '%': '%',
};
const ISO = '%Y-%m-%dT%H:%M:%S.%3fZ';

/** For values of headers. Null: it has what is not known here. @param format empty: that of RFC 3339, with milliseconds. */
export function timePattern(format: string): TimePattern | null {
  const parts = partsOf(format || ISO, (letter, digits) => (digits === 0 ? letter !== 'n' && letter !== 't' : letter === 'f'));
  const known = parts.filter((part) => isKnown(part));
  return known.length === parts.length ? known : null;
}

/** For lines of logs, in which what is not known stays as it stands. */
export function logTimePattern(format: string): TimePattern {
  return partsOf(format, () => true).map((part) => (isKnown(part) ? part : part.unknown));
}

/** @param epochMs fractions of a millisecond are cut off. */
export function timeText(pattern: TimePattern, epochMs: number): string {
  const time = new Date(epochMs);
  return pattern.map((part) => (typeof part === 'string' ? part : part(time))).join('');
}

/** @param takes whether a conversion is one, by its letter and digit; 0: without one. */
function partsOf(format: string, takes: (letter: string, digits: number) => boolean): (string | Part | Unknown)[] {
  return [...format.matchAll(/[^%]+|%([1-9])?(.?)/gsu)].map(([whole, digit = '0', letter = '']) => {
    if (!whole.startsWith('%')) return whole;
    const digits = Number(digit);
    return (takes(letter, digits) ? partOf(letter, digits) : null) ?? { unknown: whole };
  });
}

function partOf(letter: string, digits: number): string | Part | null {
  if (digits === 0) return Object.hasOwn(PARTS, letter) ? (PARTS[letter] as Part | string) : null;
  if (letter === 'f') return (time) => fraction(time, digits);
  return letter === 's' ? (time) => seconds(time) + fraction(time, digits) : null;
}

function isKnown(part: string | Part | Unknown): part is string | Part {
  return typeof part !== 'object';
}
