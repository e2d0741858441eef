/** StringMatch over bytes: only a regular expression makes a string. */
import { compileRegex, type Regex } from '../../base/regex.ts';
import { lower } from '../message/ascii.ts';
import type { StringMatch } from '../config/route.ts';

const Kind = { Exact: 0, Prefix: 1, ExactIgnoreCase: 2, PrefixIgnoreCase: 3, Regex: 4, Present: 5, Never: 6 } as const;
type Kind = (typeof Kind)[keyof typeof Kind];

export class BytesMatch {
  readonly #kind: Kind;
  readonly #value: Uint8Array;
  readonly #regex: Regex | null;

  /** @param ignoreCase of exact and prefix, for ASCII letters. */
  constructor(match: StringMatch, ignoreCase = false) {
    const text = match.kind === 'exact' || match.kind === 'prefix' ? match.value : '';
    this.#value = Buffer.from(ignoreCase ? asciiLower(text) : text, 'utf8');
    let regex: Regex | null = null;
    if (match.kind === 'regex') {
      const compiled = compileRegex(match.value);
      if (compiled.ok) regex = compiled.regex;
    }
    this.#regex = regex;
    this.#kind = kindOf(match, ignoreCase, regex);
  }

  /** How an index of paths files this match. */
  get key(): { readonly kind: 'exact' | 'prefix' | 'other'; readonly bytes: Uint8Array } {
    if (this.#kind === Kind.Regex) {
      const start = literalStart((this.#regex as Regex).source);
      return start === '' ? { kind: 'other', bytes: this.#value } : { kind: 'prefix', bytes: Buffer.from(start, 'latin1') };
    }
    const kind = this.#kind === Kind.Exact ? 'exact' : this.#kind === Kind.Prefix ? 'prefix' : 'other';
    return { kind, bytes: this.#value };
  }

  /** For people: a prefix with a star, a value or an expression. */
  get shown(): string {
    if (this.#regex !== null) return this.#regex.source;
    const value = Buffer.from(this.#value).toString('utf8');
    return this.#kind === Kind.Prefix || this.#kind === Kind.PrefixIgnoreCase ? `${value}*` : this.#kind === Kind.Present ? '/*' : value;
  }

  /** Whether a text of so many bytes is looked at: an expression is not evaluated on one that is too long for it. */
  decides(length: number): boolean {
    return this.#regex === null || length <= this.#regex.longest;
  }

  matches(bytes: Uint8Array, start: number, end: number): boolean {
    const value = this.#value;
    switch (this.#kind) {
      case Kind.Exact:
        return end - start === value.length && startsWith(bytes, start, value);
      case Kind.Prefix:
        return end - start >= value.length && startsWith(bytes, start, value);
      case Kind.ExactIgnoreCase:
        return end - start === value.length && startsWithIgnoringCase(bytes, start, value);
      case Kind.PrefixIgnoreCase:
        return end - start >= value.length && startsWithIgnoringCase(bytes, start, value);
      case Kind.Regex:
        return this.decides(end - start) && (this.#regex as Regex).matches(utf8(bytes, start, end));
      case Kind.Present:
        return true;
      case Kind.Never:
        return false;
    }
  }
}

/**
 * What every text begins with that an expression matches as a whole: its leading ASCII characters, escaped punctuation included, without
 * one that the next character makes optional. Nothing where it has alternatives outside of groups.
 */
export function literalStart(source: string): string {
  if (hasAlternatives(source)) return '';
  const [start = ''] = /^\^?((?:[\w/\-~!@#%&=:;"',<> ]|\\[^\w\s])*)/.exec(source) ?? [];
  const literal = start.replace(/^\^/, '');
  const whole = /^[*?{]/.test(source.slice(start.length)) ? literal.replace(/(\\.|.)$/, '') : literal;
  return whole.replace(/\\(.)/g, '$1');
}

function hasAlternatives(source: string): boolean {
  let depth = 0;
  for (let i = 0; i < source.length; i++) {
    const character = source[i];
    if (character === '\\') i++;
    else if (character === '[') i = Math.max(i, source.indexOf(']', i + 2));
    else if (character === '(') depth++;
    else if (character === ')') depth--;
    else if (character === '|' && depth === 0) return true;
  }
  return false;
}

/** An expression that does not compile matches nothing. Validation has refused it, and a route must not match by mistake. */
function kindOf(match: StringMatch, ignoreCase: boolean, regex: Regex | null): Kind {
  switch (match.kind) {
    case 'exact':
      return ignoreCase ? Kind.ExactIgnoreCase : Kind.Exact;
    case 'prefix':
      return ignoreCase ? Kind.PrefixIgnoreCase : Kind.Prefix;
    case 'regex':
      return regex === null ? Kind.Never : Kind.Regex;
    case 'present':
      return Kind.Present;
  }
}

function startsWith(bytes: Uint8Array, start: number, value: Uint8Array): boolean {
  for (let i = 0; i < value.length; i++) if (bytes[start + i] !== value[i]) return false;
  return true;
}

function startsWithIgnoringCase(bytes: Uint8Array, start: number, value: Uint8Array): boolean {
  for (let i = 0; i < value.length; i++) if (lower(bytes[start + i] as number) !== value[i]) return false;
  return true;
}

function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, (c) => c.toLowerCase());
}

/** RE2 reads UTF-8; what is not becomes U+FFFD. */
function utf8(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}
