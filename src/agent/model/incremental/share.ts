/** Structural sharing: a part that equals the part before is the same object as before. */

type Fields = Readonly<Record<string, unknown>>;

/** `next`, with every part that is deeply equal to the same part of `previous` replaced by that. Plain data only. */
export function share<T>(previous: unknown, next: T): T {
  if (Object.is(previous, next) || typeof next !== 'object' || next === null) return next;
  if (typeof previous !== 'object' || previous === null || Array.isArray(previous) !== Array.isArray(next)) return next;
  const shared = Array.isArray(next) ? shareItems(previous as readonly unknown[], next) : shareFields(previous as Fields, next as Fields);
  return shared as T;
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
