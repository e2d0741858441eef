/**
 * The one place that knows what is as good as not written. A field of proto3 has no presence: its zero value (`""`, `0`, `false`, an
 * empty list or map) is what it has when nobody sets it (protobuf.dev, "Field Presence"), and Go's API types leave zero values out
 * (`omitempty`). `null` is the same in both, and the API server prunes it from custom resources.
 *
 * Fields for which this does not hold are marked with `present`: members of a oneof, wrappers, messages and pointers.
 */
import { z } from 'zod';
import { hasPresence } from './fields.ts';

type Fields = Readonly<Record<string, unknown>>;
const goMaps = new WeakSet<object>();

/** A `map[string]string` of Kubernetes' own types, in which `null` reads as the empty text. */
export const stringMap = z.record(z.string(), z.string());
goMaps.add(stringMap);

/** The value without what is unset: the same value where there is none of it. It may have the wrong type. */
export function withoutUnset(schema: z.core.$ZodType, value: unknown): unknown {
  const inner = inside(schema);
  if (inner instanceof z.ZodArray && Array.isArray(value)) {
    const items = value.map((item) => withoutUnset(inner.element, item));
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (inner instanceof z.ZodRecord) return changed(value as Fields, (_, item) => entryOf(inner, item));
  if (inner instanceof z.ZodObject) return changed(value as Fields, (key, item) => fieldOf(inner, key, item));
  return value;
}

/** @param change undefined takes a field out. */
function changed(value: Fields, change: (key: string, item: unknown) => unknown): Fields {
  let copy: Record<string, unknown> | null = null;
  for (const [key, item] of Object.entries(value)) {
    const next = key === '__proto__' ? item : change(key, item);
    if (next === item) continue;
    copy ??= { ...value };
    if (next === undefined) delete copy[key];
    else copy[key] = next;
  }
  return copy ?? value;
}

function entryOf(schema: z.ZodRecord, item: unknown): unknown {
  if (item !== null) return withoutUnset(schema.valueType, item);
  if (goMaps.has(schema)) return '';
  return schema.valueType instanceof z.ZodNullable ? null : undefined;
}

function fieldOf(schema: z.ZodObject, key: string, item: unknown): unknown {
  const field = Object.hasOwn(schema.shape, key) ? (schema.shape[key] as z.core.$ZodType) : undefined;
  if (field === undefined) return item;
  if (item === null) return undefined;
  if (field instanceof z.ZodOptional && !hasPresence(field) && !hasPresence(field.unwrap()) && isZero(inside(field), item))
    return undefined;
  return withoutUnset(field, item);
}

function isZero(schema: z.core.$ZodType, item: unknown): boolean {
  if (item === '' || item === 0 || item === false) return true;
  if (Array.isArray(item)) return item.length === 0;
  return schema instanceof z.ZodRecord && typeof item === 'object' && item !== null && Object.keys(item).length === 0;
}

export function inside(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return inside(schema.unwrap());
  return schema instanceof z.ZodPipe ? inside(schema.in) : schema;
}
