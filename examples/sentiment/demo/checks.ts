/** What the steps check, with what was expected and what was seen. */
import { binomialBand } from './binomial.ts';
import type { Check } from './report.ts';

/** A check that two things are the same. */
export function same(what: string, expected: string | number, seen: string | number): Check {
  return { what, expected: String(expected), seen: String(seen), held: expected === seen };
}

/** A check that a count of successes is credible for a share. */
export function share(what: string, expected: number, successes: number, total: number): Check {
  const { low, high } = binomialBand(total, expected);
  return {
    what,
    expected: `≈ ${percent(expected)} (${percent(low / total)}–${percent(high / total)})`,
    seen: `${percent(successes / total)} (${successes} of ${total})`,
    held: successes >= low && successes <= high,
  };
}

export function within(what: string, limit: number, seconds: number): Check {
  return { what, expected: `≤ ${limit} s`, seen: `${seconds.toFixed(2)} s`, held: seconds <= limit };
}

function percent(value: number): string {
  return `${(value * 100).toFixed(1)} %`;
}
