/**
 * Header operations of a route, made ready for use: names are interned, the lines to add are bytes. A destination's
 * operations come before the route's (Istio: weighted cluster, then route), and both are folded into one here.
 */
import type { Interner } from '../message/header-names.ts';
import { timePattern, type TimePattern } from '../message/time-text.ts';
import { fieldLine, join, literal, wireBytes, type WireText } from '../message/wire-text.ts';
import type { FormattedFact, HeaderLine, HeaderOperations, ValueSegment } from '../config/header-operations.ts';

export interface HeaderOps {
  /** Interned names whose lines are left out. */
  readonly remove: readonly number[];
  /** Complete lines, CRLF included. */
  readonly lines: Uint8Array;
  /** Headers that the proxy adds itself, as `Hides`: users have said what becomes of them. */
  readonly hides: number;
  /** Complete lines in order, where some are made from each request; `lines` is empty then. */
  readonly made: readonly (Uint8Array | MadeLine)[] | null;
}

/** What the proxy leaves to the operations of users. */
export const Hides = {
  RequestId: 1,
  ForwardedProto: 2,
  ForwardedFor: 4,
  ServiceTime: 8,
  Date: 16,
  AttemptCount: 32,
  ExpectedTimeout: 64,
} as const;

const HIDDEN: Readonly<Record<string, number>> = {
  'x-request-id': Hides.RequestId,
  'x-forwarded-proto': Hides.ForwardedProto,
  'x-forwarded-for': Hides.ForwardedFor,
  'x-envoy-attempt-count': Hides.AttemptCount,
  'x-envoy-expected-rq-timeout-ms': Hides.ExpectedTimeout,
  'x-envoy-upstream-service-time': Hides.ServiceTime,
};

/** A line whose value is made from a request. */
export interface MadeLine {
  /** Interned name whose lines it replaces; -1: none. An empty value adds and replaces nothing. */
  readonly replaces: number;
  /** What it replaces stands before it. */
  readonly joins: boolean;
  readonly name: WireText;
  readonly segments: readonly MadeSegment[];
}

export type MadeSegment =
  | WireText
  /** Interned names, or pseudo headers by name. */
  | { readonly of: 'request-header' | 'response-header'; readonly names: readonly (number | string)[] }
  | { readonly of: 'query'; readonly name: Uint8Array }
  | { readonly of: 'start-time'; readonly pattern: TimePattern }
  | { readonly of: FormattedFact };

const COMMA = literal(',');
const NO_LINES = new Uint8Array(0);

/** What is added to these becomes a part of the value that is there (Envoy's inline headers, as its build with Istio has them). */
const JOINED = new Set([
  ...['accept', 'accept-encoding', 'access-control-allow-origin', 'access-control-expose-headers', 'age', 'authorization', 'cache-control'],
  ...['content-encoding', 'content-type', 'etag', 'if-none-match', 'last-modified', 'location', 'origin', 'referer', 'user-agent', 'vary'],
  ...['via', 'x-client-trace-id', 'x-forwarded-host', 'x-forwarded-port', 'x-request-id'],
]);

/** Null when there is nothing to do. */
export function foldHeaderOps(names: Interner, ...levels: readonly (HeaderOperations | undefined)[]): HeaderOps | null {
  if (levels.every((level) => level === undefined)) return null;
  const remove = new Set<string>();
  let added: Added[] = [];
  const drop = (name: string): void => {
    added = added.filter(([[other]]) => other.toLowerCase() !== name);
  };
  for (const level of levels) {
    for (const name of level?.remove ?? []) {
      remove.add(name.toLowerCase());
      drop(name.toLowerCase());
    }
    for (const line of level?.set ?? []) {
      const name = line[0].toLowerCase();
      if (typeof line[1] === 'string') remove.add(name);
      drop(name);
      added.push([line, true]);
    }
    for (const line of level?.add ?? []) addLine(added, line);
  }
  if (remove.size === 0 && added.length === 0) return null;
  const ids = [...remove].map((name) => names.intern(name));
  const hides = hiddenBy(remove, added);
  if (added.every(([line, set]) => typeof line[1] === 'string' && (set || !isJoined(line) || remove.has(line[0].toLowerCase())))) {
    return { remove: ids, lines: wireBytes(added.map(([line]) => constant(line)).join('') as WireText), hides, made: null };
  }
  const made = added.map(([line, set]) => {
    if (!set && isJoined(line) && !remove.has(line[0].toLowerCase())) return joinedLine(line, names);
    return typeof line[1] === 'string' ? wireBytes(constant(line)) : makeLine(line, set, names);
  });
  return { remove: ids, lines: NO_LINES, hides, made };
}

type Added = readonly [line: HeaderLine, set: boolean];

const isJoined = ([name]: HeaderLine): boolean => JOINED.has(name.toLowerCase());

function addLine(added: Added[], line: HeaderLine): void {
  const name = line[0].toLowerCase();
  const at = isJoined(line) ? added.findIndex(([[other]]) => other.toLowerCase() === name) : -1;
  const known = added[at];
  if (known === undefined) added.push([line, false]);
  else added[at] = [[known[0][0], joinedValue(known[0][1], line[1])], known[1]];
}

function joinedValue(first: HeaderLine[1], second: HeaderLine[1]): HeaderLine[1] {
  if (typeof first === 'string' && typeof second === 'string') return join(first, COMMA, second);
  return [first, COMMA, second].flat();
}

function joinedLine([name, value]: HeaderLine, names: Interner): MadeLine {
  return { ...makeLine([name, typeof value === 'string' ? [value] : value], true, names), joins: true };
}

/** What is left of a level when some headers, in lower case, are nobody's but somebody else's. */
export function without(level: HeaderOperations | undefined, names: ReadonlySet<string>): HeaderOperations | undefined {
  if (level === undefined) return undefined;
  const { set = [], add = [], remove = [] } = level;
  const others = ([name]: HeaderLine): boolean => !names.has(name.toLowerCase());
  return { set: set.filter(others), add: add.filter(others), remove: remove.filter((name) => !names.has(name)) };
}

/** A date is left out only where users have one: every response has one otherwise (RFC 9110 §6.6.1). */
function hiddenBy(remove: ReadonlySet<string>, added: readonly (readonly [HeaderLine, boolean])[]): number {
  let hides = 0;
  for (const name of remove) hides |= HIDDEN[name] ?? 0;
  const hasDate = added.some(([[name, value]]) => typeof value === 'string' && name.toLowerCase() === 'date');
  return hasDate ? hides | Hides.Date : hides;
}

function constant([name, value]: HeaderLine): WireText {
  return fieldLine(name, value as WireText);
}

function makeLine([name, value]: HeaderLine, set: boolean, names: Interner): MadeLine {
  const segments = (value as readonly ValueSegment[]).map((segment) => makeSegment(segment, names));
  return { replaces: set ? names.intern(name.toLowerCase()) : -1, joins: false, name, segments };
}

function makeSegment(segment: ValueSegment, names: Interner): MadeSegment {
  if (typeof segment === 'string') return segment;
  if (segment.of === 'query') return { of: 'query', name: Buffer.from(segment.name, 'utf8') };
  if (segment.of === 'start-time') return { of: 'start-time', pattern: timePattern(segment.format) ?? [] };
  if (segment.of !== 'request-header' && segment.of !== 'response-header') return { of: segment.of };
  return { of: segment.of, names: segment.names.map((name) => (name.startsWith(':') ? name : names.intern(name))) };
}
