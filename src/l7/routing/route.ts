/** One route's conditions over a parsed head (Istio's HTTPMatchRequest: all conditions of a route must hold). */
import { Memo } from '../../base/memo.ts';
import type { Head } from '../message/head.ts';
import type { Interner } from '../message/header-names.ts';
import type { HeaderMatch, NamedMatch, RouteConfig, StringMatch } from '../config/route.ts';
import { BytesMatch } from './bytes-match.ts';
import type { HeaderKey, PathKey } from './path-index.ts';

export type Scheme = 'http' | 'https';

const AMPERSAND = 38;
const EQUALS = 61;
const SLASH_BYTES = Buffer.from('/', 'latin1');
const SCHEMES: Readonly<Record<Scheme, Uint8Array>> = { http: Buffer.from('http', 'latin1'), https: Buffer.from('https', 'latin1') };
const EMPTY = new Uint8Array(0);

const ANY_PATH: PathKey = { kind: 'other', bytes: EMPTY };

/** Most routes of a mesh ask for nothing, and one list without conditions does for all of them. */
const NO_HEADERS: readonly HeaderCondition[] = [];
const NO_KEYS: readonly HeaderKey[] = [];
const NO_QUERY: readonly QueryCondition[] = [];

export class Route<A> {
  readonly name: string;
  readonly action: A;
  /** Bytes of the path that a rewrite replaces: the prefix that matched, without a condition the first slash; -1: the whole path. */
  readonly prefixLength: number;
  readonly #path: BytesMatch | null;
  /** Nothing but the path is asked for. */
  readonly #pathOnly: boolean;
  readonly #method: BytesMatch | null;
  readonly #scheme: BytesMatch | null;
  readonly #authority: BytesMatch | null;
  readonly #headers: readonly HeaderCondition[];
  readonly #query: readonly QueryCondition[];

  constructor(config: RouteConfig, names: Interner, action: A) {
    const { match } = config;
    this.name = config.name;
    this.action = action;
    this.prefixLength = replacedLength(match.path);
    this.#path = compile(match.path, match.ignorePathCase);
    this.#method = compile(match.method);
    this.#scheme = compile(match.scheme);
    this.#authority = compile(match.authority);
    this.#headers = match.headers?.map((header) => new HeaderCondition(header, names)) ?? NO_HEADERS;
    this.#query = match.query?.map((parameter) => new QueryCondition(parameter)) ?? NO_QUERY;
    const simple = this.#method === null && this.#scheme === null && this.#authority === null;
    this.#pathOnly = simple && this.#headers.length === 0 && this.#query.length === 0;
  }

  /** What is still asked for of the record; the rest of it need not stay in memory. */
  get config(): { readonly name: string } {
    return this;
  }

  /** How an index of many routes files this one. */
  get path(): PathKey {
    return this.#path?.key ?? ANY_PATH;
  }

  /** The condition on the path, for people: `/api*`, `/api` or an expression. */
  get shownPath(): string {
    return this.#path?.shown ?? '/*';
  }

  /** The values of headers that it asks for, by which an index may file it. */
  get exactHeaders(): readonly HeaderKey[] {
    return this.#headers.length === 0 ? NO_KEYS : this.#headers.flatMap((header) => header.key ?? []);
  }

  matches(head: Head, scheme: Scheme): boolean {
    return this.matchesPath(head) && this.matchesRest(head, scheme);
  }

  /** For people: whether each of its conditions holds, in the order of `RouteMatch`; those that are not there are left out. */
  conditions(head: Head, scheme: Scheme): boolean[] {
    const { bytes } = head;
    const held: boolean[] = this.#path === null ? [] : [this.matchesPath(head)];
    if (this.#method !== null) held.push(this.#method.matches(bytes, head.methodStart, head.methodEnd));
    if (this.#scheme !== null) held.push(this.#scheme.matches(SCHEMES[scheme], 0, scheme.length));
    if (this.#authority !== null) held.push(this.#authority.matches(bytes, head.authorityStart, head.authorityEnd));
    held.push(...this.#headers.map((header) => header.holds(head, scheme)), ...this.#query.map((parameter) => parameter.holds(head)));
    return held;
  }

  /** The path as sent, without its query; `/` where an absolute target has none. */
  matchesPath(head: Head): boolean {
    if (this.#path === null) return true;
    if (head.pathEnd === head.pathStart) return this.#path.matches(SLASH_BYTES, 0, 1);
    return this.#path.matches(head.bytes, head.pathStart, head.pathEnd);
  }

  /** All conditions but the path's. */
  matchesRest(head: Head, scheme: Scheme): boolean {
    if (this.#pathOnly) return true;
    const { bytes } = head;
    if (this.#method !== null && !this.#method.matches(bytes, head.methodStart, head.methodEnd)) return false;
    if (this.#scheme !== null && !this.#scheme.matches(SCHEMES[scheme], 0, scheme.length)) return false;
    if (this.#authority !== null && !this.#authority.matches(bytes, head.authorityStart, head.authorityEnd)) return false;
    for (const header of this.#headers) if (!header.holds(head, scheme)) return false;
    for (const parameter of this.#query) if (!parameter.holds(head)) return false;
    return true;
  }
}

/** As in Istio, a route without a condition of the path is one for the prefix `/`. */
function replacedLength(path: StringMatch | undefined): number {
  if (path === undefined) return 1;
  return path.kind === 'prefix' ? Buffer.byteLength(path.value) : -1;
}

/** What most routes of a mesh ask for, kept once. */
const ANY_BELOW_ROOT = new BytesMatch({ kind: 'prefix', value: '/' });

function compile(match: StringMatch | undefined, ignoreCase = false): BytesMatch | null {
  if (match?.kind === 'prefix' && match.value === '/') return ANY_BELOW_ROOT;
  return match === undefined ? null : bytesMatchOf(match, ignoreCase);
}

/** Short values such as `/api`, `GET` and `true` stand in many routes. */
const LONGEST = 16;
const matches = new Memo<BytesMatch>(4096);

function bytesMatchOf(match: StringMatch, ignoreCase = false): BytesMatch {
  if ((match.kind !== 'exact' && match.kind !== 'prefix') || match.value.length > LONGEST) return new BytesMatch(match, ignoreCase);
  return matches.get(`${match.kind} ${ignoreCase} ${match.value}`, () => new BytesMatch(match, ignoreCase));
}

type Pseudo = ':method' | ':path' | ':authority' | ':scheme';
const PSEUDO: ReadonlySet<string> = new Set<Pseudo>([':method', ':path', ':authority', ':scheme']);

class HeaderCondition {
  readonly #id: number;
  readonly #pseudo: Pseudo | null;
  readonly #match: BytesMatch;
  readonly #present: boolean;
  readonly #invert: boolean;

  constructor(config: HeaderMatch, names: Interner) {
    const name = config.name.toLowerCase();
    this.#pseudo = PSEUDO.has(name) ? (name as Pseudo) : null;
    this.#id = this.#pseudo === null ? names.intern(name) : -1;
    this.#match = bytesMatchOf(config.match);
    this.#present = config.match.kind === 'present';
    this.#invert = config.invert;
  }

  /** Of a condition that only a line with exactly that value meets. */
  get key(): HeaderKey | null {
    const { kind, bytes } = this.#match.key;
    return kind !== 'exact' || this.#invert || this.#pseudo !== null ? null : { id: this.#id, bytes };
  }

  holds(head: Head, scheme: Scheme): boolean {
    const met = this.#pseudo === null ? this.#anyLine(head) : this.#pseudoHeader(head, scheme, this.#pseudo);
    return met !== this.#invert && (!this.#invert || this.#decides(head));
  }

  /** What is not looked at is not known to be absent. */
  #decides(head: Head): boolean {
    if (this.#pseudo !== null) return this.#match.decides(head.targetEnd - head.pathStart);
    for (let i = 0; i < head.count; i++) {
      if (head.id[i] === this.#id && !this.#match.decides((head.valueEnd[i] as number) - (head.valueStart[i] as number))) return false;
    }
    return true;
  }

  /** Repeated headers are looked at one by one, as Envoy does. A missing one counts as empty only under `invert`. */
  #anyLine(head: Head): boolean {
    const first = head.find(this.#id);
    if (first < 0) return this.#invert && !this.#present && this.#match.matches(EMPTY, 0, 0);
    for (let i = first; i < head.count; i++) {
      if (head.id[i] === this.#id && this.#match.matches(head.bytes, head.valueStart[i] as number, head.valueEnd[i] as number)) return true;
    }
    return false;
  }

  #pseudoHeader(head: Head, scheme: Scheme, name: Pseudo): boolean {
    const { bytes } = head;
    switch (name) {
      case ':method':
        return this.#match.matches(bytes, head.methodStart, head.methodEnd);
      case ':scheme':
        return this.#match.matches(SCHEMES[scheme], 0, scheme.length);
      case ':authority':
        return this.#match.matches(bytes, head.authorityStart, head.authorityEnd);
      case ':path':
        // With the query, as Envoy's :path has it.
        if (head.targetEnd === head.pathStart) return this.#match.matches(SLASH_BYTES, 0, 1);
        return this.#match.matches(bytes, head.pathStart, head.targetEnd);
    }
  }
}

/** The first parameter of that name decides. As in Envoy, neither names nor values are percent-decoded. */
class QueryCondition {
  readonly #name: Uint8Array;
  readonly #match: BytesMatch;

  constructor(config: NamedMatch) {
    this.#name = Buffer.from(config.name, 'utf8');
    this.#match = new BytesMatch(config.match);
  }

  holds(head: Head): boolean {
    const { bytes, queryEnd } = head;
    for (let p = head.queryStart; p < queryEnd;) {
      let stop = p;
      let equals = -1;
      for (; stop < queryEnd && bytes[stop] !== AMPERSAND; stop++) if (equals < 0 && bytes[stop] === EQUALS) equals = stop;
      const nameEnd = equals < 0 ? stop : equals;
      if (this.#isName(bytes, p, nameEnd)) return this.#match.matches(bytes, equals < 0 ? stop : equals + 1, stop);
      p = stop + 1;
    }
    return false;
  }

  #isName(bytes: Uint8Array, start: number, end: number): boolean {
    const name = this.#name;
    if (name.length !== end - start) return false;
    for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name[i]) return false;
    return true;
  }
}
