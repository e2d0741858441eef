/**
 * The one place that knows what is as good as not written. A field of proto3 has no presence: its zero value (`""`, `0`, `false`, an
 * empty list or map) is what it has when nobody sets it (protobuf.dev, "Field Presence"), and Go's API types leave zero values out
 * (`omitempty`). `null` is the same in both, and the API server prunes it from custom resources.
 *
 * Fields for which this does not hold are marked with `present`: members of a oneof, wrappers, messages and pointers.
 */
import type { Field, Shape } from './shape.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The value without what is unset: the same value where there is none of it. It may have the wrong type. */
export function withoutUnset(shape: Shape, value: unknown): unknown {
  if (shape.kind === 'unsupported') return withoutUnset(shape.of, value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return shape.kind === 'list' ? withoutUnsetItems(shape.element, value) : value;
  if (shape.kind === 'map') {
    return changed(value as Fields, (_, item) => (item === null ? shape.ofNull : withoutUnset(shape.value, item)));
  }
  if (shape.kind !== 'object') return value;
  return changed(value as Fields, (key, item) => {
    const field = shape.fields.get(key);
    if (field === undefined) return item;
    return item === null || isZero(field, item) ? undefined : withoutUnset(field.shape, item);
  });
}

function withoutUnsetItems(element: Shape, items: readonly unknown[]): readonly unknown[] {
  const next = items.map((item) => withoutUnset(element, item));
  return next.every((item, index) => item === items[index]) ? items : next;
}

/** @param change undefined takes a field out. */
function changed(value: Fields, change: (key: string, item: unknown) => unknown): Fields {
  let copy: Record<string, unknown> | null = null;
  for (const key of Object.keys(value)) {
    const item = value[key];
    const next = key === '__proto__' ? item : change(key, item);
    if (next === item) continue;
    copy ??= { ...value };
    if (next === undefined) delete copy[key];
    else copy[key] = next;
  }
  return copy ?? value;
}

function isZero({ zeros, emptyList, emptyMap }: Field, item: unknown): boolean {
  if (typeof item !== 'object') return zeros.includes(item);
  if (Array.isArray(item)) return emptyList && item.length === 0;
  return emptyMap && Object.keys(item as Fields).length === 0;
}
