/**
 * Rules of a VirtualService that no request reaches, as Istio's validation and analysis warn of them. A match is covered by an earlier
 * one that asks for nothing else than this one asks for too, and whose path takes this one's in. Matches are looked up by what they
 * ask for beside the path, and then by the path: thousands of rules cost each as little as a few.
 */
import type { Fault } from './fields.ts';

interface PathLike {
  readonly exact?: string | undefined;
  readonly prefix?: string | undefined;
  readonly regex?: string | undefined;
}

/** What of a match matters here; everything else are conditions. */
export interface MatchLike {
  readonly name?: string | undefined;
  readonly uri?: PathLike | undefined;
  readonly ignoreUriCase?: boolean | undefined;
}

export interface RuleLike {
  readonly name?: string | undefined;
  readonly match?: readonly MatchLike[] | undefined;
}

/** More of them say nothing new. */
const MOST = 50;
/** Of a match with more conditions than this, only some earlier ones are looked for. */
const COMBINED = 6;

export function unusedRules(rules: readonly RuleLike[]): Fault[] {
  const found: Fault[] = [];
  const earlier = new EarlierMatches();
  for (const [index, { match = [] }] of rules.entries()) {
    const all: readonly MatchLike[] = match.length === 0 ? [{}] : match;
    const covering = all.map((one) => earlier.covering(one) ?? earlier.add(one, index));
    const [first] = covering;
    const path = ['http', index];
    if (first !== undefined && first !== null && covering.every((rule) => rule !== null)) {
      found.push(warning(path, `no request reaches the rule: ${title(rules, first)} takes all that it matches`));
    } else {
      for (const [position, rule] of covering.entries()) {
        if (rule === null) continue;
        found.push(warning([...path, 'match', position], `no request meets it here: ${title(rules, rule)} takes all of them`));
      }
    }
    if (found.length >= MOST) return found.slice(0, MOST);
  }
  return found;
}

/** By the conditions beside the path. */
class EarlierMatches {
  readonly #byConditions = new Map<string, EarlierPaths>();

  /** A rule whose requests include those of the match; null: none. */
  covering(match: MatchLike): number | null {
    for (const key of subsets(conditionsOf(match))) {
      const rule = this.#byConditions.get(key)?.covering(match);
      if (rule !== undefined) return rule;
    }
    return null;
  }

  add(match: MatchLike, rule: number): null {
    const key = keyOf(conditionsOf(match));
    const paths = this.#byConditions.get(key) ?? new EarlierPaths();
    this.#byConditions.set(key, paths);
    paths.add(match, rule);
    return null;
  }
}

class EarlierPaths {
  #any: number | undefined;
  readonly #same = new Map<string, number>();
  readonly #prefixes = new Map<string, number>();
  readonly #lengths = new Set<number>();

  covering(match: MatchLike): number | undefined {
    const { uri = {} } = match;
    const found = this.#any ?? this.#same.get(pathKey(match));
    const text = uri.prefix ?? uri.exact;
    if (found !== undefined || text === undefined) return found;
    let first: number | undefined;
    for (const length of this.#lengths) {
      if (length > text.length) continue;
      const uri = { prefix: text.slice(0, length) };
      const rule = this.#prefixes.get(pathKey({ uri, ignoreUriCase: match.ignoreUriCase }));
      if (rule !== undefined && (first === undefined || rule < first)) first = rule;
    }
    return first;
  }

  add(match: MatchLike, rule: number): void {
    const { uri } = match;
    if (uri === undefined || uri.prefix === '/' || uri.prefix === '' || uri.regex === '.*') this.#any ??= rule;
    const key = pathKey(match);
    if (!this.#same.has(key)) this.#same.set(key, rule);
    if (uri?.prefix === undefined || this.#prefixes.has(key)) return;
    this.#prefixes.set(key, rule);
    this.#lengths.add(uri.prefix.length);
  }
}

/** Paths that are compared in another way are never taken for the same. */
function pathKey({ uri, ignoreUriCase = false }: MatchLike): string {
  if (uri === undefined) return '';
  const { exact, prefix, regex } = ignoreUriCase ? lowered(uri) : uri;
  const kind = exact !== undefined ? 'exact' : prefix !== undefined ? 'prefix' : regex !== undefined ? 'regex' : 'any';
  return `${ignoreUriCase ? 'any case ' : ''}${kind} ${exact ?? prefix ?? regex ?? ''}`;
}

/** An expression says by itself what it ignores. */
function lowered({ exact, prefix, regex }: PathLike = {}): PathLike {
  return { exact: exact?.toLowerCase(), prefix: prefix?.toLowerCase(), regex };
}

const NO_CONDITIONS = new Set(['name', 'uri', 'ignoreUriCase', 'statPrefix']);

/** Each as a text that says all of it. A name is no condition. */
function conditionsOf(match: MatchLike): string[] {
  const conditions: string[] = [];
  for (const [field, value] of Object.entries(match)) {
    if (value !== undefined && !NO_CONDITIONS.has(field)) conditions.push(JSON.stringify([field, sorted(value)]));
  }
  return conditions.sort();
}

const keyOf = (conditions: readonly string[]): string => conditions.join('\n');

/** Keys of all that asks for no more than this, the least first. */
function* subsets(conditions: readonly string[]): Generator<string> {
  const combined = conditions.slice(0, COMBINED);
  for (let chosen = 0; chosen < 2 ** combined.length; chosen++) yield keyOf(combined.filter((_, index) => ((chosen >> index) & 1) === 1));
  if (conditions.length > COMBINED) yield keyOf(conditions);
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
  return rules[index]?.name ? `rule “${rules[index].name}”` : `rule http[${index}]`;
}

function warning(path: (string | number)[], reason: string): Fault {
  return { path, reason, severity: 'warning' };
}
