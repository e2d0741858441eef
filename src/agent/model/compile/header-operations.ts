/** Headers of routes and destinations: what is set, added and removed, and the Host that a rule asks for on this way. */
import { exact } from '../../../base/exact.ts';
import { fieldName, fieldValue, type WireText } from '../../../l7/message/wire-text.ts';
import type { HeaderLine, HeaderOperations } from '../../../l7/config/header-operations.ts';
import type { HeaderOperationsSpec, HeadersSpec, StringMap } from '../objects.ts';
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
    request: operations(request, (severity, path, message) => complain(severity, ['request', ...path], message)),
    response: operations(response, (severity, path, message) => complain(severity, ['response', ...path], message)),
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

function operations(spec: HeaderOperationsSpec | undefined, complain: Complain): HeaderOperations {
  const lines = (which: 'set' | 'add'): HeaderLine[] => {
    const given = Object.entries(spec?.[which] ?? {}).filter(([name]) => !isInternal(name));
    const made = given
      .sort(([a], [b]) => order(a, b))
      .map(([name, value]) => lineOf(name, value, (severity, message) => complain(severity, [which, name], message)));
    return exact(made.filter((line) => line !== null));
  };
  return level(
    lines('set'),
    lines('add'),
    (spec?.remove ?? []).filter((name) => !isInternal(name)).map((name) => name.toLowerCase()),
  );
}

function lineOf(name: string, value: string, complain: (severity: Severity, message: string) => void): HeaderLine | null {
  const literal = literalOf(value);
  if (literal === null) {
    complain('unsupported', `"${value}": values made from the request are not served yet; it is left out`);
    return null;
  }
  const token = fieldName(name);
  const text = fieldValue(literal);
  if (token.ok && text.ok) return [token.text, text.text];
  const fault = token.ok ? `the value ${text.ok ? '' : text.fault}` : `the name ${token.fault}`;
  complain('error', `${fault}; it is left out`);
  return null;
}

function level(set: readonly HeaderLine[], add: readonly HeaderLine[], remove: readonly string[]): HeaderOperations {
  return {
    ...(set.length > 0 && { set }),
    ...(add.length > 0 && { add }),
    ...(remove.length > 0 && { remove: [...new Set(remove)] }),
  };
}

/** `%%` stands for `%`; any other `%` begins a formatter (null). */
function literalOf(value: string): string | null {
  return value.replaceAll('%%', '').includes('%') ? null : value.replaceAll('%%', '%');
}

function isInternal(name: string): boolean {
  return name.startsWith(':') || name.toLowerCase() === 'host';
}

function authorityIn(values: StringMap | undefined): string | undefined {
  return Object.entries(values ?? {}).findLast(([name]) => /^(:authority|host)$/i.test(name))?.[1];
}
