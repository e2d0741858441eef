/**
 * The part of CEL (https://cel.dev) that speaks of a request and its response. Conditions of access logs: comparisons with constants,
 * `has()`, `in`, `startsWith()` and the like, with `&&`, `||`, `!` and parentheses. Values of metrics' tags: constants, attributes,
 * `string()` of them, and `condition ? value : value`.
 */
import type { LogAttribute, LogFilter, TagValue } from '../../l7/config/telemetry.ts';

export type FilterResult = { readonly ok: true; readonly filter: LogFilter } | { readonly ok: false; readonly fault: string };
export type TagResult = { readonly ok: true; readonly value: TagValue } | { readonly ok: false; readonly fault: string };

const ATTRIBUTES: ReadonlySet<string> = new Set<LogAttribute['name']>([
  'response.code',
  'response.code_details',
  'response.flags',
  'response.total_size',
  'request.method',
  'request.path',
  'request.url_path',
  'request.host',
  'request.protocol',
  'request.size',
  'request.duration',
  'destination.address',
  'destination.port',
  'xds.cluster_name',
  'xds.route_name',
]);
const TOKEN =
  /\s*(?:(\.?[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)|(\d+(?:\.\d+)?)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(&&|\|\||[=!<>]=|[!<>()[\],?:]))/y;
const COMPARISONS = ['==', '!=', '<', '<=', '>', '>='] as const;
const METHODS = ['startsWith', 'endsWith', 'contains'] as const;
/** Deeper ones would be a stack of calls for each request. */
const MOST_DEPTH = 32;
const MOST_LENGTH = 4096;

interface Token {
  readonly kind: 'name' | 'number' | 'text' | 'sign' | 'end';
  readonly text: string;
}

/** What is wrong; it never leaves this file. */
class Fault extends Error {}

export function parseLogFilter(text: string): FilterResult {
  const parsed = parse(text, (parser) => parser.whole(() => parser.condition()));
  return parsed.ok ? { ok: true, filter: parsed.tree } : parsed;
}

/** The value of a metric's tag. */
export function parseTagValue(text: string): TagResult {
  const parsed = parse(text, (parser) => parser.whole(() => parser.value()));
  return parsed.ok ? { ok: true, value: parsed.tree } : parsed;
}

type Parsed<T> = { readonly ok: true; readonly tree: T } | { readonly ok: false; readonly fault: string };

function parse<T>(text: string, read: (parser: Parser) => T): Parsed<T> {
  if (text.length > MOST_LENGTH) return { ok: false, fault: `has more than ${MOST_LENGTH} characters` };
  try {
    return { ok: true, tree: read(new Parser(tokensOf(text))) };
  } catch (error) {
    if (error instanceof Fault) return { ok: false, fault: error.message };
    throw error;
  }
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  for (let at = 0; at < end; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null) throw new Fault(`cannot be read at "${text.slice(at, at + 20).trim()}"`);
    const [, name, number, quoted, sign] = match;
    if (name !== undefined) tokens.push({ kind: 'name', text: name });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (quoted !== undefined) tokens.push({ kind: 'text', text: quoted.slice(1, -1).replace(/\\(.)/g, '$1') });
    else tokens.push({ kind: 'sign', text: sign as string });
  }
  tokens.push({ kind: 'end', text: 'the end' });
  return tokens;
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole<T>(read: () => T): T {
    const tree = read();
    if (this.#next.kind !== 'end') throw new Fault(`"${this.#next.text}" was not expected`);
    return tree;
  }

  condition(): LogFilter {
    return this.#or();
  }

  value(): TagValue {
    return this.#deeper(() => this.#constantValue() ?? this.#converted() ?? this.#plainAttribute() ?? this.#choice());
  }

  #constantValue(): TagValue | null {
    const { kind, text } = this.#next;
    if (kind !== 'number' && kind !== 'text' && text !== 'true' && text !== 'false') return null;
    this.#at++;
    return { kind: 'literal', text };
  }

  /** A tag is a text, whatever the attribute is. */
  #converted(): TagValue | null {
    if (this.#next.kind !== 'name' || this.#next.text !== 'string') return null;
    this.#at++;
    this.#expect('(');
    const value = this.value();
    this.#expect(')');
    return value;
  }

  /** An attribute that no comparison follows; another attempt begins where this one began. */
  #plainAttribute(): TagValue | null {
    const { kind, text } = this.#next;
    if (kind !== 'name' || text === 'has') return null;
    const start = this.#at;
    const { attribute, method } = this.#attribute();
    if (method === null && (this.#next.kind === 'end' || this.#is(')') || this.#is(':'))) return { kind: 'attribute', of: attribute };
    this.#at = start;
    return null;
  }

  #choice(): TagValue {
    const condition = this.#or();
    this.#expect('?');
    const whenTrue = this.value();
    this.#expect(':');
    return { kind: 'choice', condition, whenTrue, otherwise: this.value() };
  }

  #deeper<T>(read: () => T): T {
    if (++this.#depth > MOST_DEPTH) throw new Fault(`is nested more than ${MOST_DEPTH} deep`);
    try {
      return read();
    } finally {
      this.#depth--;
    }
  }

  get #next(): Token {
    return this.#tokens[this.#at] as Token;
  }

  #take(): Token {
    return this.#tokens[this.#at++] as Token;
  }

  #is(sign: string): boolean {
    return this.#next.kind === 'sign' && this.#next.text === sign;
  }

  #skip(sign: string): boolean {
    const found = this.#is(sign);
    if (found) this.#at++;
    return found;
  }

  #expect(sign: string): void {
    if (!this.#skip(sign)) throw new Fault(`"${sign}" was expected before "${this.#next.text}"`);
  }

  #or(): LogFilter {
    const terms = [this.#and()];
    while (this.#skip('||')) terms.push(this.#and());
    return terms.length === 1 ? (terms[0] as LogFilter) : { op: 'or', terms };
  }

  #and(): LogFilter {
    const terms = [this.#term()];
    while (this.#skip('&&')) terms.push(this.#term());
    return terms.length === 1 ? (terms[0] as LogFilter) : { op: 'and', terms };
  }

  #term(): LogFilter {
    return this.#deeper(() => {
      if (this.#skip('!')) return { op: 'not', term: this.#term() };
      if (!this.#skip('(')) return this.#comparison();
      const inner = this.#or();
      this.#expect(')');
      return inner;
    });
  }

  #comparison(): LogFilter {
    if (this.#next.kind === 'name' && this.#next.text === 'has') return this.#has();
    const { attribute: left, method } = this.#attribute();
    if (method !== null) {
      this.#expect('(');
      const right = this.#text();
      this.#expect(')');
      return { op: method, left, right };
    }
    if (this.#next.kind === 'name' && this.#next.text === 'in') return this.#in(left);
    const sign = this.#take();
    const op = COMPARISONS.find((known) => known === sign.text);
    if (op === undefined) throw new Fault(`"${sign.text}" compares nothing; ${COMPARISONS.join(' ')}, in and ${METHODS.join(', ')} do`);
    return { op, left, right: this.#constant() };
  }

  #has(): LogFilter {
    this.#at++;
    this.#expect('(');
    const { attribute } = this.#attribute();
    this.#expect(')');
    return { op: 'has', of: attribute };
  }

  #in(left: LogAttribute): LogFilter {
    this.#at++;
    this.#expect('[');
    const right: (number | string)[] = [];
    do {
      const value = this.#constant();
      if (typeof value === 'boolean') throw new Fault('a list has numbers and texts');
      right.push(value);
    } while (this.#skip(','));
    this.#expect(']');
    return { op: 'in', left, right };
  }

  #attribute(): { readonly attribute: LogAttribute; readonly method: (typeof METHODS)[number] | null } {
    const token = this.#take();
    if (token.kind !== 'name') throw new Fault(`an attribute was expected before "${token.text}"`);
    const method = METHODS.find((known) => token.text.endsWith(`.${known}`)) ?? null;
    const name = method === null ? token.text : token.text.slice(0, -method.length - 1);
    if (name === 'request.headers' && this.#skip('[')) {
      const header = this.#text().toLowerCase();
      this.#expect(']');
      return { attribute: { name, header }, method: this.#methodAfterIndex() };
    }
    const header = /^request\.headers\.([a-z0-9_]+)$/i.exec(name)?.[1];
    if (header !== undefined) return { attribute: { name: 'request.headers', header: header.toLowerCase() }, method };
    if (!ATTRIBUTES.has(name)) throw new Fault(`"${name}" is not served; ${[...ATTRIBUTES].join(', ')} and request.headers['…'] are`);
    return { attribute: { name: name as LogAttribute['name'], header: '' }, method };
  }

  /** `request.headers['x'].startsWith('y')`: the dot and the method come after the bracket. */
  #methodAfterIndex(): (typeof METHODS)[number] | null {
    const { kind, text } = this.#next;
    const method = METHODS.find((known) => kind === 'name' && text === `.${known}`) ?? null;
    if (method !== null) this.#at++;
    return method;
  }

  #text(): string {
    const token = this.#take();
    if (token.kind !== 'text') throw new Fault(`a text in quotes was expected before "${token.text}"`);
    return token.text;
  }

  #constant(): number | string | boolean {
    const token = this.#take();
    if (token.kind === 'number') return Number(token.text);
    if (token.kind === 'text') return token.text;
    if (token.text === 'true' || token.text === 'false') return token.text === 'true';
    throw new Fault(`a number, a text or true or false was expected before "${token.text}"`);
  }
}
