/**
 * What the walks over an object need of a schema, found once: the schema library's own tests of a schema's class cost more than the
 * walk itself.
 */
import { z } from 'zod';
import { hasPresence, isGoMap, isPartial, type Judge, judgeOf, unsupportedReason } from './fields.ts';

export type Shape =
  /** Not served, however it is written. */
  | { readonly kind: 'unsupported'; readonly reason: string; readonly of: Shape }
  | { readonly kind: 'scalar' }
  | { readonly kind: 'list'; readonly element: Shape }
  /** `null` of an entry: stays, is left out, or reads as the empty text. */
  | { readonly kind: 'map'; readonly value: Shape; readonly ofNull: null | undefined | '' }
  | {
      readonly kind: 'object';
      readonly fields: ReadonlyMap<string, Field>;
      /** Other fields are nobody's concern. */
      readonly open: boolean;
      readonly judge: Judging | null;
    };

/** What judges a block of this shape. */
export interface Judging {
  readonly judge: Judge;
  /** What the judge is asked about: the block as the schema reads it; null where it is not valid. */
  readonly read: (value: unknown) => { readonly block: never } | null;
}

export interface Field {
  readonly shape: Shape;
  /** Values that are as good as not written, beside null. */
  readonly zeros: readonly unknown[];
  readonly emptyList: boolean;
  readonly emptyMap: boolean;
}

export function shapeOf(schema: z.core.$ZodType): Shape {
  const reason = unsupportedReason(schema);
  if (reason !== undefined) return { kind: 'unsupported', reason, of: shapeOf((schema as z.ZodOptional).unwrap()) };
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return shapeOf(schema.unwrap());
  if (schema instanceof z.ZodPipe) return shapeOf(schema.in);
  if (schema instanceof z.ZodArray) return { kind: 'list', element: shapeOf(schema.element) };
  if (schema instanceof z.ZodRecord) {
    const ofNull = isGoMap(schema) ? '' : schema.valueType instanceof z.ZodNullable ? null : undefined;
    return { kind: 'map', value: shapeOf(schema.valueType), ofNull };
  }
  if (!(schema instanceof z.ZodObject)) return { kind: 'scalar' };
  const fields = Object.entries(schema.shape).map(([key, field]) => [key, fieldOf(field as z.core.$ZodType)] as const);
  const judge = judgeOf(schema);
  return {
    kind: 'object',
    fields: new Map(fields),
    open: schema.def.catchall !== undefined || isPartial(schema),
    judge: judge === undefined ? null : { judge, read: (value) => readBlock(schema, value) },
  };
}

function readBlock(schema: z.ZodObject, value: unknown): { readonly block: never } | null {
  const parsed = schema.safeParse(value);
  return parsed.success ? { block: parsed.data as never } : null;
}

/** Zero of the field's own type: of another it is a mistake, which the schema finds. */
function fieldOf(field: z.core.$ZodType): Field {
  const shape = shapeOf(field);
  const { kind } = shape.kind === 'unsupported' ? shape.of : shape;
  const unset = field instanceof z.ZodOptional && !hasPresence(field) && !hasPresence(field.unwrap());
  return {
    shape,
    zeros: unset && kind === 'scalar' ? zerosOf(inside(field)) : [],
    emptyList: unset && kind === 'list',
    emptyMap: unset && kind === 'map',
  };
}

function zerosOf(schema: z.core.$ZodType): readonly unknown[] {
  if (schema instanceof z.ZodNumber) return [0];
  if (schema instanceof z.ZodBoolean) return [false];
  if (schema instanceof z.ZodUnknown) return ['', 0, false];
  return schema instanceof z.ZodUnion ? ['', 0] : [''];
}

function inside(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return inside(schema.unwrap());
  return schema instanceof z.ZodPipe ? inside(schema.in) : schema;
}
