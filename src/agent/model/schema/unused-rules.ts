/**
 * Rules of a VirtualService that no request gets to, as Istio's validation warns of them: behind one for everything, the same as an
 * earlier one, or below an earlier prefix that asks for nothing else. Each is looked up and not compared with all others, so that
 * thousands of rules take no longer to check for it.
 */
import type { Fault } from './fields.ts';

/** What of a match matters here. */
export interface MatchLike {
  readonly name?: string | undefined;
  readonly uri?:
    { readonly exact?: string | undefined; readonly prefix?: string | undefined; readonly regex?: string | undefined } | undefined;
}

export interface RuleLike {
  readonly name?: string | undefined;
  readonly match?: readonly MatchLike[] | undefined;
}

/** More of them say nothing new. */
const MOST = 50;

export function unusedRules(rules: readonly RuleLike[]): Fault[] {
  const found: Fault[] = [];
  const seen = new Seen();
  let last: number | null = null;
  for (const [index, { match = [] }] of rules.entries()) {
    const path = ['http', index];
    if (last !== null) found.push(warning(path, `no request gets here: rule ${title(rules, last)} before it has no conditions`));
    else if (match.length === 0) last = index;
    else {
      for (const [position, one] of match.entries()) {
        const earlier = seen.find(one) ?? seen.add(one, index);
        if (earlier !== null)
          found.push(warning([...path, 'match', position], `rule ${title(rules, earlier)} before it has all of its requests`));
      }
    }
    if (found.length >= MOST) return found.slice(0, MOST);
  }
  return found;
}

class Seen {
  /** Rules by everything that a match asks for. */
  readonly #whole = new Map<string, number>();
  /** Rules by prefix, and by what they ask for beside it. */
  readonly #prefixes = new Map<string, Map<string, number>>();

  /** An earlier rule whose requests these are part of. */
  find(match: MatchLike): number | null {
    const same = this.#whole.get(keyOf(match));
    return same ?? this.#above(match);
  }

  add(match: MatchLike, rule: number): null {
    this.#whole.set(keyOf(match), rule);
    const prefix = match.uri?.prefix;
    if (prefix === undefined) return null;
    const known = this.#prefixes.get(prefix) ?? new Map<string, number>();
    this.#prefixes.set(prefix, known);
    const rest = restOf(match);
    if (!known.has(rest)) known.set(rest, rule);
    return null;
  }

  #above(match: MatchLike): number | null {
    const text = match.uri?.prefix ?? match.uri?.exact;
    if (text === undefined || this.#prefixes.size === 0) return null;
    const rest = restOf(match);
    const bare = bareOf(match);
    for (let length = 0; length <= text.length; length++) {
      const known = this.#prefixes.get(text.slice(0, length));
      const rule = known?.get(rest) ?? known?.get(bare);
      if (rule !== undefined) return rule;
    }
    return null;
  }
}

/** A match's name is no condition. */
function keyOf(match: MatchLike): string {
  const { name: _, ...conditions } = match;
  return JSON.stringify(sorted(conditions));
}

function restOf(match: MatchLike): string {
  const { uri: _, ...rest } = match;
  return keyOf(rest);
}

/** The same without any further condition, but for how the path is compared. */
function bareOf(match: MatchLike): string {
  const ignoreUriCase = (match as { readonly ignoreUriCase?: boolean }).ignoreUriCase;
  return keyOf(ignoreUriCase === undefined ? {} : ({ ignoreUriCase } as MatchLike));
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}

function title(rules: readonly RuleLike[], index: number): string {
  return rules[index]?.name ? `“${rules[index].name}”` : `http[${index}]`;
}

function warning(path: (string | number)[], reason: string): Fault {
  return { path, reason, severity: 'warning' };
}
