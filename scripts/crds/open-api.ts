/**
 * A kind's schema as the API server wants it: structural (one type at each place), in OpenAPI 3.0. It refuses what has the wrong type or
 * is out of its range, with the same bounds as the agent's own check; what takes more than one field to tell is the agent's to report.
 */
import { z } from 'zod';
import { compileRegex } from '../../src/base/regex.ts';
import { hasPresence, isPartial, unsupportedReason } from '../../src/agent/model/schema/fields.ts';

export interface OpenApi {
  type?: string;
  description?: string;
  nullable?: boolean;
  enum?: readonly unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMaximum?: boolean;
  minLength?: number;
  minItems?: number;
  maxItems?: number;
  required?: readonly string[];
  properties?: Record<string, OpenApi>;
  additionalProperties?: OpenApi;
  items?: OpenApi;
  'x-kubernetes-preserve-unknown-fields'?: true;
}

export function openApiOf(schema: z.core.$ZodType): OpenApi {
  const reason = unsupportedReason(schema);
  if (reason !== undefined) return { description: `Not served: ${reason}.`, 'x-kubernetes-preserve-unknown-fields': true };
  if (schema instanceof z.ZodOptional) return openApiOf(schema.unwrap());
  if (schema instanceof z.ZodNullable) return { ...openApiOf(schema.unwrap()), nullable: true };
  if (schema instanceof z.ZodPipe) return openApiOf(schema.in);
  if (schema instanceof z.ZodArray) return { type: 'array', items: openApiOf(schema.element), ...lengthOf(schema) };
  if (schema instanceof z.ZodRecord) return { type: 'object', additionalProperties: openApiOf(schema.valueType) };
  if (schema instanceof z.ZodObject) return objectOf(schema);
  if (schema instanceof z.ZodUnion) return unionOf(schema.options.map(openApiOf));
  return scalarOf(schema);
}

function objectOf(schema: z.ZodObject): OpenApi {
  const fields = Object.entries(schema.shape) as [string, z.core.$ZodType][];
  const required = fields.filter(([, field]) => !isOptional(field)).map(([name]) => name);
  return {
    type: 'object',
    ...(required.length > 0 && { required }),
    ...(fields.length > 0 && { properties: Object.fromEntries(fields.map(([name, field]) => [name, fieldOf(field)])) }),
    ...((isPartial(schema) || schema.def.catchall !== undefined) && { 'x-kubernetes-preserve-unknown-fields': true as const }),
  };
}

function isOptional(field: z.core.$ZodType): boolean {
  return field instanceof z.ZodOptional || (field instanceof z.ZodPipe && isOptional(field.in));
}

/** A field that is not set may stand there with its zero value, which must be in its range. */
function fieldOf(field: z.core.$ZodType): OpenApi {
  const schema = openApiOf(field);
  const unset = field instanceof z.ZodOptional && !hasPresence(field) && !hasPresence(field.unwrap());
  return unset ? withZero(schema) : schema;
}

function withZero(schema: OpenApi): OpenApi {
  const { pattern, minimum, ...rest } = schema;
  delete rest.minLength;
  delete rest.minItems;
  return {
    ...rest,
    ...(pattern !== undefined && { pattern: `^$|${pattern}` }),
    ...(minimum !== undefined && { minimum: Math.min(minimum, 0) }),
  };
}

/** What all have in common: a structural schema has one type. */
function unionOf(options: readonly OpenApi[]): OpenApi {
  const [type, ...others] = new Set(options.map((option) => option.type));
  return type === undefined || others.length > 0 ? { 'x-kubernetes-preserve-unknown-fields': true } : { type };
}

function lengthOf(schema: z.ZodArray): OpenApi {
  const { minItems, maxItems } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as OpenApi;
  return { ...(minItems !== undefined && { minItems }), ...(maxItems !== undefined && { maxItems }) };
}

type JsonSchema = Omit<OpenApi, 'exclusiveMaximum'> & { exclusiveMaximum?: number; const?: unknown };

function scalarOf(schema: z.core.$ZodType): OpenApi {
  const given = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  if (given.type === undefined && given.const === undefined) return { 'x-kubernetes-preserve-unknown-fields': true };
  const { type = typeof given.const, minLength, minimum, maximum, exclusiveMaximum } = given;
  const pattern = patternOf(schema);
  return {
    type,
    ...(given.enum !== undefined && { enum: given.enum }),
    ...(minLength !== undefined && { minLength }),
    ...(pattern !== null && { pattern }),
    ...(minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER && { minimum }),
    ...(maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER && { maximum }),
    ...(exclusiveMaximum !== undefined && { maximum: exclusiveMaximum, exclusiveMaximum: true }),
  };
}

/** The API server compiles it with Go's regular expressions, which have flags inside. @throws for one that these cannot say. */
function patternOf(schema: z.core.$ZodType): string | null {
  if (!(schema instanceof z.ZodString)) return null;
  const checks = schema.def.checks ?? [];
  const patterns = checks.flatMap((check) => {
    const { def } = check._zod as { def: { pattern?: RegExp } };
    return def.pattern === undefined ? [] : [def.pattern];
  });
  const [pattern] = patterns;
  if (pattern === undefined || patterns.length > 1) return null;
  const written = pattern.flags.includes('i') ? `(?i:${pattern.source})` : pattern.source;
  const compiled = compileRegex(written);
  if (!compiled.ok) throw new Error(`/${pattern.source}/ cannot stand in a custom resource, write it as a refinement: ${compiled.error}`);
  return written;
}
