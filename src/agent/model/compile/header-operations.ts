/** Headers of routes and destinations: what is set, added and removed, and the Host that a rule asks for on this way. */
import type { HeaderOperations } from '../../../l7/snapshot.ts';
import type { HeaderOperationsSpec, HeadersSpec, StringMap } from '../objects.ts';
import type { FieldPath } from '../problem.ts';
import { order } from './object-set.ts';

export interface HeaderChanges {
  readonly request: HeaderOperations;
  readonly response: HeaderOperations;
  /** From `host` or `:authority`, which are no ordinary headers. */
  readonly authority: string | undefined;
}

/** Called for what cannot be served; the operation is left out. */
export type Complain = (path: FieldPath, message: string) => void;

export function headerChanges(headers: HeadersSpec | undefined, complain: Complain): HeaderChanges {
  const { request, response } = headers ?? {};
  return {
    request: operations(request, (path, message) => complain(['request', ...path], message)),
    response: operations(response, (path, message) => complain(['response', ...path], message)),
    authority: authorityIn(request?.set) ?? authorityIn(request?.add),
  };
}

export function isEmpty({ set, add, remove }: HeaderOperations): boolean {
  return set === undefined && add === undefined && remove === undefined;
}

/** Both as one level: what the second says comes after what the first says, and all removals come before. */
export function concatenate(first: HeaderOperations, second: HeaderOperations): HeaderOperations {
  const add = new Map(Object.entries(first.add ?? {}));
  // A value that is set once more replaces what was added before it.
  for (const name of Object.keys(second.set ?? {})) add.delete(name);
  for (const [name, value] of Object.entries(second.add ?? {})) {
    const before = add.get(name);
    add.set(name, before === undefined ? value : [before, value].flat());
  }
  return level({ ...first.set, ...second.set }, Object.fromEntries(add), [...(first.remove ?? []), ...(second.remove ?? [])]);
}

function operations(spec: HeaderOperationsSpec | undefined, complain: Complain): HeaderOperations {
  const values = (which: 'set' | 'add'): StringMap =>
    Object.fromEntries(
      Object.entries(spec?.[which] ?? {})
        .filter(([name]) => !isInternal(name))
        .sort(([a], [b]) => order(a, b))
        .flatMap(([name, value]) => {
          const literal = literalOf(value);
          if (literal === null) complain([which, name], `"${value}": values made from the request are not served yet; it is left out`);
          return literal === null ? [] : [[name, literal]];
        }),
    );
  return level(
    values('set'),
    values('add'),
    (spec?.remove ?? []).filter((name) => !isInternal(name)),
  );
}

function level(set: StringMap, add: NonNullable<HeaderOperations['add']>, remove: readonly string[]): HeaderOperations {
  return {
    ...(Object.keys(set).length > 0 && { set }),
    ...(Object.keys(add).length > 0 && { add }),
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
