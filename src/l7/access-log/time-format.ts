/**
 * Times in a format of a user's, in UTC: the conversions of strftime(3) that say something there, and Envoy's own: `%s`, `%3s`, `%6s` and
 * `%9s` (since the epoch, in parts of a second), `%f` and `%1f` to `%9f` (the fraction; DateFormatter in
 * source/common/common/utility.cc). What is none of them stays as it stands.
 */

/** @param at milliseconds since the epoch. */
export type TimeText = (at: number) => string;

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
];
const DAY_MS = 86_400_000;
const SECOND_MS = 1000;
const NANOSECOND_DIGITS = 9;
const CONVERSION = /%(?:([1-9])([fs])|([A-Za-z%]))/g;

const padded = (value: number, digits: number, fill = '0'): string => String(value).padStart(digits, fill);
const short = (name: string | undefined): string => (name ?? '').slice(0, 3);
const nanoseconds = (at: number): string => padded(at % SECOND_MS, 3).padEnd(NANOSECOND_DIGITS, '0');
const dayOfYear = (date: Date): number => Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / DAY_MS) + 1;
const hour12 = (date: Date): number => date.getUTCHours() % 12 || 12;

const CONVERSIONS: Readonly<Record<string, (date: Date) => string>> = {
  Y: (date) => String(date.getUTCFullYear()),
  y: (date) => padded(date.getUTCFullYear() % 100, 2),
  m: (date) => padded(date.getUTCMonth() + 1, 2),
  d: (date) => padded(date.getUTCDate(), 2),
  e: (date) => padded(date.getUTCDate(), 2, ' '),
  j: (date) => padded(dayOfYear(date), 3),
  H: (date) => padded(date.getUTCHours(), 2),
  I: (date) => padded(hour12(date), 2),
  p: (date) => (date.getUTCHours() < 12 ? 'AM' : 'PM'),
  M: (date) => padded(date.getUTCMinutes(), 2),
  S: (date) => padded(date.getUTCSeconds(), 2),
  s: (date) => String(Math.floor(date.getTime() / SECOND_MS)),
  f: (date) => nanoseconds(date.getTime()),
  A: (date) => DAYS[date.getUTCDay()] ?? '',
  a: (date) => short(DAYS[date.getUTCDay()]),
  B: (date) => MONTHS[date.getUTCMonth()] ?? '',
  b: (date) => short(MONTHS[date.getUTCMonth()]),
  h: (date) => short(MONTHS[date.getUTCMonth()]),
  F: (date) => date.toISOString().slice(0, 10),
  T: (date) => date.toISOString().slice(11, 19),
  R: (date) => date.toISOString().slice(11, 16),
  z: () => '+0000',
  Z: () => 'UTC',
  n: () => '\n',
  t: () => '\t',
  '%': () => '%',
};

export function timeFormat(format: string): TimeText {
  return (at) => {
    const date = new Date(at);
    return format.replace(CONVERSION, (whole, digits: string | undefined, kind: string | undefined, letter: string | undefined) => {
      if (letter !== undefined) return CONVERSIONS[letter]?.(date) ?? whole;
      const fraction = nanoseconds(at).slice(0, Number(digits));
      return kind === 'f' ? fraction : `${Math.floor(at / SECOND_MS)}${fraction}`;
    });
  };
}
