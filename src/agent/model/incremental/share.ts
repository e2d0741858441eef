/** Structural sharing: a part that equals the part before is the same object as before. */

type Fields = Readonly<Record<string, unknown>>;

/** `next`, with every part that is deeply equal to the same part of `previous` replaced by that. Plain data, and maps and sets of it. */
export function share<T>(previous: unknown, next: T): T {
  if (Object.is(previous, next) || typeof next !== 'object' || next === null) return next;
  if (typeof previous !== 'object' || previous === null || Object.getPrototypeOf(previous) !== Object.getPrototypeOf(next)) return next;
  return shareParts(previous, next) as T;
}

/** @param previous of the same kind. */
function shareParts(previous: object, next: object): object {
  if (Array.isArray(next)) return shareItems(previous as readonly unknown[], next);
  if (next instanceof Map) return shareEntries(previous as ReadonlyMap<unknown, unknown>, next);
  if (next instanceof Set) return isSameList([...(previous as ReadonlySet<unknown>)], [...next]) ? previous : next;
  return shareFields(previous as Fields, next as Fields);
}

/** As with fields, the order counts. */
function shareEntries(previous: ReadonlyMap<unknown, unknown>, next: ReadonlyMap<unknown, unknown>): ReadonlyMap<unknown, unknown> {
  const entries = [...next].map(([key, value]) => [key, share(previous.get(key), value)] as const);
  const same = isSameList([...previous.keys()], [...next.keys()]) && entries.every(([key, value]) => Object.is(value, previous.get(key)));
  return same ? previous : new Map(entries);
}

function isSameList(previous: readonly unknown[], next: readonly unknown[]): boolean {
  return previous.length === next.length && next.every((item, index) => Object.is(item, previous[index]));
}

function shareItems(previous: readonly unknown[], next: readonly unknown[]): readonly unknown[] {
  const items = next.map((item, index) => share(previous[index], item));
  return items.length === previous.length && items.every((item, index) => item === previous[index]) ? previous : items;
}

/**
 * The order of keys counts: in lists of headers it is seen on the wire. Fields are defined and not assigned, because authors choose
 * the names of headers, and `__proto__` is one.
 */
function shareFields(previous: Fields, next: Fields): Fields {
  const keys = Object.keys(next);
  const before = Object.keys(previous);
  const entries = keys.map((key): [string, unknown] => [key, Object.hasOwn(previous, key) ? share(previous[key], next[key]) : next[key]]);
  const same =
    keys.length === before.length && entries.every(([key, value], index) => key === before[index] && Object.is(value, previous[key]));
  return same ? previous : Object.fromEntries(entries);
}
