/**
 * What of an object is not served, for its author: fields that this release does not serve, fields that the kind does not have, and
 * blocks that are not in force. The schema's own transforms take these out of what the compiler gets.
 */
import { z } from 'zod';
import type { FieldPath, Severity } from '../problem.ts';
import { isPartial, judgeOf, unsupportedReason } from './fields.ts';

export type Complain = (severity: Severity, path: FieldPath, message: string) => void;
type Fields = Readonly<Record<string, unknown>>;

/** Walks schema and value together. The value may have the wrong type. */
export function reportUnserved(schema: z.core.$ZodType, value: unknown, path: FieldPath, complain: Complain): void {
  const reason = unsupportedReason(schema);
  if (reason !== undefined) {
    const exported = path.at(-1) === 'exportTo' && Array.isArray(value) && value.length === 1 && value[0] === '*';
    if (!exported) complain('unsupported', path, reason);
  } else if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) reportUnserved(schema.unwrap(), value, path, complain);
  else if (schema instanceof z.ZodPipe) reportUnserved(schema.in, value, path, complain);
  else if (schema instanceof z.ZodArray && Array.isArray(value)) {
    value.forEach((item, index) => reportUnserved(schema.element, item, [...path, index], complain));
  } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) reportFields(schema, value as Fields, path, complain);
}

function reportFields(schema: z.core.$ZodType, value: Fields, path: FieldPath, complain: Complain): void {
  // The schema library leaves it out, lest it becomes a prototype.
  if (Object.hasOwn(value, '__proto__')) complain('unsupported', [...path, '__proto__'], 'a field of this name is not read');
  if (schema instanceof z.ZodRecord) {
    for (const [key, item] of Object.entries(value))
      if (key !== '__proto__') reportUnserved(schema.valueType, item, [...path, key], complain);
  }
  if (!(schema instanceof z.ZodObject)) return;
  const known = schema.def.catchall !== undefined || isPartial(schema);
  for (const [key, item] of Object.entries(value)) {
    const field = Object.hasOwn(schema.shape, key) ? (schema.shape[key] as z.core.$ZodType) : undefined;
    if (field !== undefined) reportUnserved(field, item, [...path, key], complain);
    else if (!known && key !== '__proto__') complain('warning', [...path, key], 'unknown field');
  }
  reportFaults(schema, value, path, complain);
}

function reportFaults(schema: z.ZodObject, value: Fields, path: FieldPath, complain: Complain): void {
  const judge = judgeOf(schema);
  const parsed = judge === undefined ? null : schema.safeParse(value);
  if (judge === undefined || parsed?.success !== true) return;
  for (const fault of judge(parsed.data as never)) complain(fault.severity ?? 'unsupported', [...path, ...fault.path], fault.reason);
}
