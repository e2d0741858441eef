/**
 * Regular expressions as Istio and Envoy have them: RE2's syntax and leftmost-first semantics, the whole string, time linear in
 * the text whatever the pattern. The reasons for this library and these limits are in docs/adr/0030-regular-expressions.md.
 */
import { RE2JS } from 're2js';

/** Istio's limit (validation of StringMatch). */
export const MAX_PATTERN = 1024;
/**
 * Instructions of the compiled pattern. A literal of MAX_PATTERN characters fits, and so does a `{1000}` with something around it.
 */
const MAX_PROGRAM = 2048;
/**
 * The worst case of one match is text × program steps. An expression that repeats something at will is not evaluated on a text for
 * which it could take more than this (docs/adr/0064-how-long-an-expression-may-take.md).
 */
const MAX_STEPS = 2 ** 18;

export type RegexResult = { readonly ok: true; readonly regex: Regex } | { readonly ok: false; readonly error: string };

/** Compiles a pattern, or explains to its author why it cannot. */
export function compileRegex(source: string): RegexResult {
  if (source === '') return { ok: false, error: 'the expression is empty' };
  if (source.length > MAX_PATTERN) return { ok: false, error: `the expression has more than ${MAX_PATTERN} characters` };
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(source);
  } catch (error) {
    // The library has no other way to say that a pattern is not RE2's.
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
  const size = compiled.programSize();
  if (size > MAX_PROGRAM) return { ok: false, error: `the expression is too large: ${size} steps, at most ${MAX_PROGRAM} are allowed` };
  return { ok: true, regex: new Regex(source, compiled) };
}

export class Regex {
  readonly source: string;
  /** Instructions of the compiled pattern: what the worst case grows with. */
  readonly size: number;
  /** Characters of the longest text on which it is evaluated. */
  readonly longest: number;
  readonly #compiled: RE2JS;

  constructor(source: string, compiled: RE2JS) {
    this.source = source;
    this.size = compiled.programSize();
    // Where nothing repeats at will, a text of another length is refused early, and few steps are taken for a character.
    this.longest = /[*+?]|\{\d+,/.test(source) ? Math.floor(MAX_STEPS / this.size) : Infinity;
    this.#compiled = compiled;
  }

  get groups(): number {
    return this.#compiled.groupCount();
  }

  /** Whether the whole text matches; not, if it is longer than `longest`. */
  matches(text: string): boolean {
    return text.length <= this.longest && this.#compiled.testExact(text);
  }

  /**
   * RE2::GlobalReplace: every non-overlapping match gives way to `substitution`, in which `\0` to `\9` are groups and `\\` is a
   * backslash. An empty match directly after another match does not count. Once the search has taken as long as the longest match may,
   * the rest of the text stays as it is.
   */
  replaceAll(text: string, substitution: string): string {
    const matcher = this.#compiled.matcher(text);
    let out = '';
    let copied = 0;
    let lastEnd = -1;
    // Each search may go on to the end of the text.
    for (let left = this.longest; left >= text.length - copied && matcher.find(); left -= text.length - copied) {
      const start = matcher.start();
      const end = matcher.end();
      if (start === end && start === lastEnd) continue;
      out += text.slice(copied, start);
      out += expand(substitution, (group) => (group <= this.groups ? (matcher.group(group) ?? '') : ''));
      copied = lastEnd = end;
    }
    return out + text.slice(copied);
  }
}

/** What is wrong with a substitution for `regex` (RE2::CheckRewriteString), or null. */
export function substitutionFault(regex: Regex, substitution: string): string | null {
  for (let i = 0; i < substitution.length; i++) {
    if (substitution[i] !== '\\') continue;
    const next = substitution[++i];
    if (next === '\\') continue;
    if (next === undefined || next < '0' || next > '9') return 'a backslash must be followed by a digit or a backslash';
    if (Number(next) > regex.groups) return `\\${next} is used, but the expression has ${regex.groups} groups`;
  }
  return null;
}

function expand(substitution: string, group: (index: number) => string): string {
  return substitution.replace(/\\([0-9\\])/g, (_, c: string) => (c === '\\' ? '\\' : group(Number(c))));
}
