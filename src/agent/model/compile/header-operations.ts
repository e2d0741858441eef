/** Headers of routes and destinations: what is set, added and removed, and the Host that a rule asks for on this way. */
import { exact } from '../../../base/exact.ts';
import { fieldName, type WireText } from '../../../l7/message/wire-text.ts';
import type { HeaderLine, HeaderOperations } from '../../../l7/config/header-operations.ts';
import type { HeaderOperationsSpec, HeadersSpec, StringMap } from '../objects.ts';
import { headerValue } from '../header-format.ts';
import type { FieldPath, Severity } from '../problem.ts';
import { order } from './age.ts';

export interface HeaderChanges {
  readonly request: HeaderOperations;
  readonly response: HeaderOperations;
  /** From `host` or `:authority`, which are no ordinary headers. */
  readonly authority: string | undefined;
}

/** Called for what cannot be served; the operation is left out. */
export type Complain = (severity: Severity, path: FieldPath, message: string) => void;

const NO_OPERATIONS: HeaderOperations = {};
/** Of most rules. */
const NO_CHANGES: HeaderChanges = { request: NO_OPERATIONS, response: NO_OPERATIONS, authority: undefined };

export function headerChanges(headers: HeadersSpec | undefined, complain: Complain): HeaderChanges {
  if (headers === undefined) return NO_CHANGES;
  const { request, response } = headers;
  return {
    request: operations(request, OWN.request, (severity, path, message) => complain(severity, ['request', ...path], message)),
    response: operations(response, OWN.response, (severity, path, message) => complain(severity, ['response', ...path], message)),
    authority: authorityIn(request?.set) ?? authorityIn(request?.add),
  };
}

export function isEmpty({ set, add, remove }: HeaderOperations): boolean {
  return set === undefined && add === undefined && remove === undefined;
}

/** Both as one level: what the second says comes after what the first says, and all removals come before. */
export function concatenate(first: HeaderOperations, second: HeaderOperations): HeaderOperations {
  if (isEmpty(second)) return first;
  if (isEmpty(first)) return second;
  const set = new Map([...(first.set ?? []), ...(second.set ?? [])]);
  // A value that is set once more replaces what was added before it.
  const replaced = new Set((second.set ?? []).map(([name]) => name));
  const added = [...(first.add ?? []).filter(([name]) => !replaced.has(name)), ...(second.add ?? [])];
  // Lines of one name stay together, where the first of them is.
  const add = [...Map.groupBy(added, ([name]) => name).values()].flat();
  return level([...set], add, [...(first.remove ?? []), ...(second.remove ?? [])]);
}

/** The operations, with that Host set after all others. */
export function withHost({ set = [], ...rest }: HeaderOperations, name: WireText, host: WireText): HeaderOperations {
  return { set: [...set, [name, host]], ...rest };
}

/**
 * What belongs to one connection or says how a message is framed (RFC 9110 §7.6.1, RFC 9112 §6): another value would let two sides
 * read a message differently. Envoy sends it, and hangs.
 */
const FRAMING = ['connection', 'content-length', 'keep-alive', 'proxy-connection', 'trailer', 'transfer-encoding', 'upgrade'];
/** The proxy has the last word about these. */
const OWN = { request: new Set(FRAMING), response: new Set([...FRAMING, 'server']) } as const;

function operations(spec: HeaderOperationsSpec | undefined, own: ReadonlySet<string>, complain: Complain): HeaderOperations {
  const isOurs = (name: string, path: FieldPath): boolean => {
    const ours = own.has(name.toLowerCase());
    if (ours) complain('warning', path, `the proxy has the last word about ${name}; it is left out`);
    return ours || isInternal(name);
  };
  const lines = (which: 'set' | 'add'): HeaderLine[] => {
    const given = Object.entries(spec?.[which] ?? {}).filter(([name]) => !isOurs(name, [which, name]));
    const made = given
      .sort(([a], [b]) => order(a, b))
      .map(([name, value]) => lineOf(name, value, (severity, message) => complain(severity, [which, name], message)));
    return exact(made.filter((line) => line !== null));
  };
  return level(
    lines('set'),
    lines('add'),
    (spec?.remove ?? []).filter((name, index) => !isOurs(name, ['remove', index])).map((name) => name.toLowerCase()),
  );
}

function lineOf(name: string, value: string, complain: (severity: Severity, message: string) => void): HeaderLine | null {
  const token = fieldName(name);
  const made = headerValue(value);
  if (token.ok && made.ok) return [token.text, made.value];
  const fault = !token.ok ? `the name ${token.fault}` : made.ok ? '' : `"${value}" ${made.fault}`;
  complain(token.ok && !made.ok && made.unserved ? 'unsupported' : 'error', `${fault}; it is left out`);
  return null;
}

function level(set: readonly HeaderLine[], add: readonly HeaderLine[], remove: readonly string[]): HeaderOperations {
  return {
    ...(set.length > 0 && { set }),
    ...(add.length > 0 && { add }),
    ...(remove.length > 0 && { remove: [...new Set(remove)] }),
  };
}

function isInternal(name: string): boolean {
  return name.startsWith(':') || name.toLowerCase() === 'host';
}

function authorityIn(values: StringMap | undefined): string | undefined {
  return Object.entries(values ?? {}).findLast(([name]) => /^(:authority|host)$/i.test(name))?.[1];
}
