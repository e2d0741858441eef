/**
 * A reader of the YAML that tools write: block mappings and sequences, flow collections and JSON, plain and quoted scalars on one
 * line, literal blocks. It is ten times as fast as a whole parser. Everything else (anchors, tags, merge keys, folded text, scalars of
 * several lines, repeated keys, errors) it leaves to `yaml-text.ts`: it answers `unread` for whatever it is not sure of.
 *
 * Invariant (test/agent/sources/quick-yaml.test.ts, "what is read is what the whole parser reads"): what is not `unread` is equal to
 * what the whole parser makes of the same text.
 */
import { exact } from '../../base/exact.ts';
import { plainKey, plainScalar, type Scalar } from './plain-scalar.ts';
import { flat, SharedTexts } from './shared-texts.ts';

export const unread: unique symbol = Symbol('unread');

/** Nobody writes deeper by hand, and the stack is not endless. */
const MAX_DEPTH = 64;
/** Tabs and other control characters, other line breaks of YAML 1.1, and the byte order mark. */
// oxlint-disable-next-line no-control-regex
const ODD = /[\x00-\x09\x0b-\x1f\x7f\x85\u2028\u2029\ufeff]/;
const KEY = /(?:([A-Za-z0-9_][-A-Za-z0-9_./]*)|"([^"\\\n]*)"|'([^'\n]*)')[ ]*:(?=[ \n]|$)/y;
/** Of one line: what may begin a plain scalar, and the rest, in which neither `: ` nor ` #` stands. */
const PLAIN = /[A-Za-z0-9_./$+(^<=~\\]|-(?=[^ \n])/y;
const JSON_STRING = /"(?:[^"\\\n]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"/y;
const SINGLE_QUOTED = /'(?:[^'\n]|'')*'/y;
const REST_OF_LINE = /[ ]*(?: #[^\n]*)?(?=\n|$)/y;
const FLOW_PLAIN = /-?[A-Za-z0-9_./+][-A-Za-z0-9_./+:@]*/y;
const FLOW_KEY = /(?:([A-Za-z0-9_][-A-Za-z0-9_./]*)[ ]*:(?=[ \n])|"([^"\\\n]*)"[ \n]*:)/y;
const LITERAL = /\|([-+]?)[ ]*(?=\n|$)/y;
const SPACE = 0x20;
const LINE_FEED = 0x0a;
const HASH = 0x23;
const DASH = 0x2d;

class Unread extends Error {}
const UNREAD = new Unread('not read');
type Fields = Record<string, unknown>;

/** The value of a document of one node. */
export function readQuickly(text: string, strings = new SharedTexts()): unknown {
  const lines = text.includes('\r') ? text.replaceAll('\r\n', '\n') : text;
  if (ODD.test(lines)) return unread;
  try {
    return new Reader(lines, strings).read();
  } catch (error) {
    if (error === UNREAD) return unread;
    throw error;
  }
}

class Reader {
  readonly #text: string;
  readonly #strings: SharedTexts;
  /** Where the next thing to read begins. */
  #at = 0;
  /** Column of `#at` in its line, where the line's content begins there; -1 at the end. */
  #indent = 0;
  #depth = 0;
  #severalLines = false;

  constructor(text: string, strings: SharedTexts) {
    this.#text = text;
    this.#strings = strings;
  }

  read(): unknown {
    this.#next();
    if (this.#indent === 0 && this.#text.startsWith('---', this.#at)) {
      this.#at += 3;
      this.#restOfLine();
    }
    if (this.#indent < 0) return null;
    const first = this.#text[this.#at];
    this.#severalLines = first === '{' || first === '[';
    const value = this.#severalLines ? this.#flowAndLine() : this.#block(this.#indent);
    if (this.#indent >= 0) throw UNREAD;
    return value;
  }

  /** Goes to the next line that has content, from the end of a line or the beginning of the text. */
  #next(): void {
    const text = this.#text;
    let at = this.#at;
    for (;;) {
      const start = at;
      while (text.charCodeAt(at) === SPACE) at++;
      const code = text.charCodeAt(at);
      if (code === HASH) at = this.#lineEnd(at);
      else if (code !== LINE_FEED && at < text.length) {
        this.#at = at;
        this.#indent = at - start;
        return;
      }
      if (at >= text.length) break;
      at++;
    }
    this.#at = text.length;
    this.#indent = -1;
  }

  #lineEnd(from: number): number {
    const end = this.#text.indexOf('\n', from);
    return end < 0 ? this.#text.length : end;
  }

  /** Nothing but a comment follows in this line. */
  #restOfLine(): void {
    REST_OF_LINE.lastIndex = this.#at;
    if (!REST_OF_LINE.test(this.#text)) throw UNREAD;
    this.#at = REST_OF_LINE.lastIndex;
    this.#nextLine();
  }

  #nextLine(): void {
    if (this.#at < this.#text.length) this.#at++;
    this.#next();
  }

  #block(indent: number): unknown {
    if (++this.#depth > MAX_DEPTH) throw UNREAD;
    const value = this.#startsItem() ? this.#sequence(indent) : this.#mapping(indent);
    this.#depth--;
    return value;
  }

  #startsItem(): boolean {
    if (this.#text.charCodeAt(this.#at) !== DASH) return false;
    const after = this.#text.charCodeAt(this.#at + 1);
    return after === SPACE || after === LINE_FEED || Number.isNaN(after);
  }

  #sequence(indent: number): unknown[] {
    const items: unknown[] = [];
    while (this.#indent === indent && this.#startsItem()) {
      this.#at++;
      const start = this.#at;
      while (this.#text.charCodeAt(this.#at) === SPACE) this.#at++;
      const column = indent + 1 + this.#at - start;
      if (this.#startsItem() || this.#isKey()) {
        this.#indent = column;
        items.push(this.#block(column));
      } else items.push(this.#value(indent, false));
    }
    if (this.#indent > indent) throw UNREAD;
    return exact(items);
  }

  #isKey(): boolean {
    KEY.lastIndex = this.#at;
    return KEY.test(this.#text);
  }

  #mapping(indent: number): Fields {
    const fields: Fields = {};
    while (this.#indent === indent) {
      KEY.lastIndex = this.#at;
      const [, plain, double, single] = KEY.exec(this.#text) ?? [];
      const key = plain === undefined ? (double ?? single) : plainKey(plain);
      if (key === undefined || key === null || key === '__proto__' || Object.hasOwn(fields, key)) throw UNREAD;
      this.#at = KEY.lastIndex;
      while (this.#text.charCodeAt(this.#at) === SPACE) this.#at++;
      fields[key] = this.#value(indent, true);
    }
    if (this.#indent > indent) throw UNREAD;
    return fields;
  }

  /** Behind the key or dash of a node that stands at `indent`; goes to the next line with content. */
  #value(indent: number, ofKey: boolean): unknown {
    const code = this.#text.charCodeAt(this.#at);
    if (code === LINE_FEED || code === HASH || Number.isNaN(code)) {
      // A comment must be set off from the colon.
      if (code === HASH && this.#text.charCodeAt(this.#at - 1) !== SPACE) throw UNREAD;
      this.#at = this.#lineEnd(this.#at);
      this.#nextLine();
      if (this.#indent > indent) return this.#block(this.#indent);
      // Items of a field may stand at its own column.
      return ofKey && this.#indent === indent && this.#startsItem() ? this.#sequence(indent) : null;
    }
    if (code === 0x7c) return this.#literal(indent);
    const value = code === 0x7b || code === 0x5b ? this.#flowAndLine() : this.#scalar();
    // What is deeper would go on with it.
    if (this.#indent > indent) throw UNREAD;
    return value;
  }

  #scalar(): unknown {
    const code = this.#text.charCodeAt(this.#at);
    if (code === 0x22 || code === 0x27) {
      const quoted = this.#quoted(code);
      this.#restOfLine();
      return quoted;
    }
    PLAIN.lastIndex = this.#at;
    if (!PLAIN.test(this.#text)) throw UNREAD;
    const end = this.#lineEnd(this.#at);
    const line = this.#text.slice(this.#at, end);
    const comment = line.indexOf(' #');
    const plain = (comment < 0 ? line : line.slice(0, comment)).trimEnd();
    if (plain.includes(': ') || plain.endsWith(':')) throw UNREAD;
    this.#at = end;
    this.#nextLine();
    return this.#shared(plainScalar(plain));
  }

  #quoted(quote: number): string {
    const form = quote === 0x22 ? JSON_STRING : SINGLE_QUOTED;
    form.lastIndex = this.#at;
    if (!form.test(this.#text)) throw UNREAD;
    const start = this.#at;
    this.#at = form.lastIndex;
    const inner = this.#text.slice(start + 1, this.#at - 1);
    if (quote === 0x27) return this.#strings.share(inner.includes("''") ? inner.replaceAll("''", "'") : inner);
    return this.#strings.share(inner.includes('\\') ? (JSON.parse(this.#text.slice(start, this.#at)) as string) : inner);
  }

  #shared(scalar: Scalar): Scalar {
    return typeof scalar === 'string' ? this.#strings.share(scalar) : scalar;
  }

  /** A literal block scalar (YAML 1.2 §8.1.2) without an indentation indicator. */
  #literal(indent: number): string {
    LITERAL.lastIndex = this.#at;
    const chomping = LITERAL.exec(this.#text)?.[1];
    if (chomping === undefined) throw UNREAD;
    this.#at = Math.min(this.#text.length, LITERAL.lastIndex + 1);
    const lines: string[] = [];
    let column = -1;
    while (this.#at < this.#text.length) {
      const end = this.#lineEnd(this.#at);
      const line = this.#text.slice(this.#at, end);
      const content = line.search(/[^ ]/);
      if (content < 0) {
        // Blanks before the first line, or beyond the block's column, are content of their own.
        if (line.length > (column < 0 ? 0 : column)) throw UNREAD;
        lines.push('');
      } else {
        if (column < 0) column = content;
        if (column <= indent) column = -1;
        if (content < column || column < 0) break;
        lines.push(line.slice(column));
      }
      this.#at = Math.min(this.#text.length, end + 1);
    }
    if (column < 0 && lines.length > 0) throw UNREAD;
    this.#next();
    if (this.#indent > indent) throw UNREAD;
    return flat(chomped(lines, chomping));
  }

  #flowAndLine(): unknown {
    const value = this.#flow();
    this.#restOfLine();
    return value;
  }

  #flow(): unknown {
    const code = this.#text.charCodeAt(this.#at);
    if (code === 0x22 || code === 0x27) return this.#quoted(code);
    if (code === 0x7b || code === 0x5b) {
      if (++this.#depth > MAX_DEPTH) throw UNREAD;
      const value = code === 0x7b ? this.#flowMapping() : this.#flowSequence();
      this.#depth--;
      return value;
    }
    FLOW_PLAIN.lastIndex = this.#at;
    const [plain] = FLOW_PLAIN.exec(this.#text) ?? [];
    if (plain === undefined || plain.endsWith(':')) throw UNREAD;
    this.#at += plain.length;
    return this.#shared(plainScalar(plain));
  }

  #flowMapping(): Fields {
    const fields: Fields = {};
    while (this.#another(Object.keys(fields).length === 0, '}')) {
      FLOW_KEY.lastIndex = this.#at;
      const [, plain, quoted] = FLOW_KEY.exec(this.#text) ?? [];
      const key = plain === undefined ? quoted : plainKey(plain);
      if (key === undefined || key === null || key === '__proto__' || Object.hasOwn(fields, key)) throw UNREAD;
      this.#at = FLOW_KEY.lastIndex;
      this.#blanks();
      fields[key] = this.#flow();
    }
    return fields;
  }

  #flowSequence(): unknown[] {
    const items: unknown[] = [];
    while (this.#another(items.length === 0, ']')) {
      items.push(this.#flow());
      // A pair would make it a mapping of one field.
      if (this.#text[this.#at] === ':') throw UNREAD;
    }
    return exact(items);
  }

  /** Whether another entry follows; goes to it, or behind the end. */
  #another(first: boolean, end: string): boolean {
    if (first) this.#at++;
    this.#blanks();
    if (this.#text[this.#at] === end && first) return this.#ended();
    if (first) return true;
    if (this.#text[this.#at] === end) return this.#ended();
    if (this.#text[this.#at] !== ',') throw UNREAD;
    this.#at++;
    this.#blanks();
    return true;
  }

  #ended(): false {
    this.#at++;
    return false;
  }

  /** Only where the whole document is a flow collection it may have several lines: below a field they have to be indented. */
  #blanks(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== SPACE && !(code === LINE_FEED && this.#severalLines)) return;
      this.#at++;
    }
  }
}

function chomped(lines: readonly string[], chomping: string): string {
  if (chomping === '+') return lines.map((line) => `${line}\n`).join('');
  let end = lines.length;
  while (end > 0 && lines[end - 1] === '') end--;
  const text = lines.slice(0, end).join('\n');
  return chomping === '-' || text === '' ? text : `${text}\n`;
}
