/**
 * What of an object is served: the compiler gets objects without the fields that this release does not serve and without those
 * that Istio does not have, so that it cannot misread them. Positions in lists stay, where later problems point at them.
 */
import { z } from 'zod';
import type { FieldPath, Severity } from '../problem.ts';
import { judgeOf, unsupportedReason } from './fields.ts';

export type Complain = (severity: Severity, path: FieldPath, message: string) => void;
type Fields = Readonly<Record<string, unknown>>;

/** Walks schema and value together and reports what it takes out. The value may have the wrong type. */
export function servedPart(schema: z.core.$ZodType, value: unknown, path: FieldPath, complain: Complain): unknown {
  const reason = unsupportedReason(schema);
  if (reason !== undefined) {
    const exported = path.at(-1) === 'exportTo' && Array.isArray(value) && value.length === 1 && value[0] === '*';
    if (!exported) complain('unsupported', path, reason);
    return undefined;
  }
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return servedPart(schema.unwrap(), value, path, complain);
  if (schema instanceof z.ZodArray && Array.isArray(value)) {
    const items = value.map((item, index) => servedPart(schema.element, item, [...path, index], complain));
    return items.every((item, index) => item === value[index]) ? value : items.filter((item) => item !== undefined);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (schema instanceof z.ZodRecord) return servedFields(value as Fields, () => schema.valueType, path, complain);
  if (!(schema instanceof z.ZodObject)) return value;
  const known = (key: string): z.core.$ZodType | undefined =>
    Object.hasOwn(schema.shape, key) ? (schema.shape[key] as z.core.$ZodType) : undefined;
  const rest = schema.def.catchall === undefined ? undefined : z.unknown();
  const fields = servedFields(value as Fields, (key) => known(key) ?? rest, path, complain);
  return judged(schema, value as Fields, fields, path, complain);
}

/** The same object where nothing has to go: most objects are large and wholly served. */
function servedFields(value: Fields, schemaOf: (key: string) => z.core.$ZodType | undefined, path: FieldPath, complain: Complain): Fields {
  let copy: Record<string, unknown> | null = null;
  for (const [key, item] of Object.entries(value)) {
    const schema = schemaOf(key);
    if (schema === undefined) complain('warning', [...path, key], 'unknown field');
    const served = schema === undefined ? undefined : servedPart(schema, item, [...path, key], complain);
    if (served === item) continue;
    copy ??= { ...value };
    if (served === undefined) delete copy[key];
    else copy[key] = served;
  }
  return copy ?? value;
}

function judged(schema: z.core.$ZodType, written: Fields, served: Fields, path: FieldPath, complain: Complain): unknown {
  const judge = judgeOf(schema);
  if (judge === undefined || !(schema as z.ZodType).safeParse(written).success) return served;
  const faults = judge.faults(written as never);
  for (const fault of faults) complain('unsupported', [...path, ...fault.path], fault.reason);
  return judge.inForce(served as never, faults.length > 0);
}
