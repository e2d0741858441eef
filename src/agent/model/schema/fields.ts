/** The types of fields that Istio's kinds share. */
import { z } from 'zod';
import { compileRegex } from '../../../base/regex.ts';
import type { WireResult, WireText } from '../../../l7/message/wire-text.ts';
import type { FieldPath, Severity } from '../problem.ts';

const reasons = new WeakMap<object, string>();
const judges = new WeakMap<object, Judge>();
const presences = new WeakSet<object>();
const open = new WeakSet<object>();
const goMaps = new WeakSet<object>();

/** Something that is not in effect although each of its fields has its right type. */
export interface Fault {
  readonly path: FieldPath;
  readonly reason: string;
  /** `unsupported` where nothing else is said. */
  readonly severity?: Severity;
}

export type Judge = (value: never) => readonly Fault[];

/** Valid blocks that a parse has met, each judge's in the order of the schema. */
export type Met = ReadonlyMap<Judge, readonly unknown[]>;

/** Of the parse that is going on; null: nobody asks. */
let meeting: Map<Judge, unknown[]> | null = null;

/** A field that Istio has and this release does not serve: it is checked as Istio does and reported, and the compiler does not get it. */
export function unsupported(reason: string, schema: z.ZodType) {
  const dropped = schema.transform(() => undefined).optional();
  reasons.set(dropped, reason);
  return dropped;
}

/** A field of the API that Istio refuses wherever it is set. */
export const refused = (reason: string) =>
  z
    .unknown()
    .refine(() => false, reason)
    .optional();

/** Has what is wrong with a valid block reported. Whoever uses it transforms the block to what is in effect. Not for an alternative of a union, which may be parsed in vain. */
export function judged<S extends z.ZodType>(schema: S, judge: (value: z.output<S>) => readonly Fault[]): S {
  const own: Judge = (value) => judge(value);
  const judging = refined(schema, (value) => {
    const known = meeting?.get(own);
    if (known === undefined) meeting?.set(own, [value]);
    else known.push(value);
  });
  judges.set(judging, own);
  return judging;
}

/** `superRefine`, which makes another schema, of which the same is known as of this one. */
export function refined<S extends z.ZodType>(schema: S, check: (value: z.output<S>, context: z.RefinementCtx) => void): S {
  const other = schema.superRefine(check);
  for (const marks of [presences, open, goMaps]) if (marks.has(schema)) marks.add(other);
  return other;
}

/** Parses, and keeps the blocks that have a judge: they need not be parsed once more to be judged. */
export function meetJudged<T>(parse: () => T): { readonly result: T; readonly met: Met } {
  const met = new Map<Judge, unknown[]>();
  meeting = met;
  try {
    return { result: parse(), met };
  } finally {
    meeting = null;
  }
}

/** A field whose zero value says something: a member of a oneof, a wrapper or another message, a pointer in Go. */
export function present<S extends z.ZodType>(schema: S): S {
  // Other fields share the schema that it is made of.
  const own = schema.clone();
  presences.add(own);
  return own;
}

/** Has fields beside these, which are nobody's concern here. */
export function partial<S extends z.ZodRawShape>(shape: S) {
  const schema = z.object(shape);
  open.add(schema);
  return schema;
}

export const judgeOf = (schema: object): Judge | undefined => judges.get(schema);
export const unsupportedReason = (schema: object): string | undefined => reasons.get(schema);
export const hasPresence = (schema: object): boolean => presences.has(schema);
export const isGoMap = (schema: object): boolean => goMaps.has(schema);
export const isPartial = (schema: object): boolean => open.has(schema);

/** A `map[string]string` of Kubernetes' own types, in which `null` reads as the empty text. */
export const stringMap = z.record(z.string(), z.string());
goMaps.add(stringMap);

/** Go's durations are nanoseconds in 64 bits. */
const MAX_NANOSECONDS = 2 ** 63;

/** Go's durations, which istiod's reader of protobuf JSON and the custom resources' pattern accept. */
export const duration = present(
  z
    .string()
    .regex(/^([0-9]+(\.[0-9]+)?(h|m|s|ms|us|ns))+$/, { error: 'must be a duration such as 1.5s, 300ms or 1h', abort: true })
    .refine((value) => nanosecondsOf(value) < MAX_NANOSECONDS, { error: 'must be less than 292 years', abort: true }),
);
/** Istio's proxies count in milliseconds and take 0 for no limit, so its validation refuses what would round to that. */
export const positiveDuration = present(
  duration.superRefine((value, context) => {
    const nanoseconds = nanosecondsOf(value);
    if (nanoseconds < 1e6) context.addIssue({ code: 'custom', message: 'must be at least 1ms' });
    else if (nanoseconds % 1e6 !== 0) context.addIssue({ code: 'custom', message: 'must be whole milliseconds' });
  }),
);

/** For what is counted in seconds. */
export const wholeSeconds = present(positiveDuration.refine((value) => nanosecondsOf(value) % 1e9 === 0, 'must be whole seconds'));

const NANOSECONDS: Readonly<Record<string, number>> = { h: 3600e9, m: 60e9, s: 1e9, ms: 1e6, us: 1e3, ns: 1 };

export function nanosecondsOf(value: string): number {
  const parts = [...value.matchAll(/([0-9.]+)(h|ms|m|s|us|ns)/g)];
  return parts.reduce((sum, [, number, unit]) => sum + Math.round(Number(number) * (NANOSECONDS[unit as string] as number)), 0);
}

export const port = z.number().int().min(1).max(65535);
/** Bounds of protobuf's numbers, beyond which its JSON is refused. */
export const int32 = z
  .number()
  .int()
  .min(-(2 ** 31))
  .max(2 ** 31 - 1);
export const uint32 = z
  .number()
  .int()
  .min(0)
  .max(2 ** 32 - 1);
export const text = z.string();
export const percent = z.object({ value: z.number().min(0).max(100).optional() });
export const regex = z.string().superRefine((source, context) => {
  const result = compileRegex(source);
  if (!result.ok) context.addIssue({ code: 'custom', message: result.error });
});

/** Text that is written to the wire, checked and encoded by one of `wire-text.ts`. */
export function wireText(encode: (text: string) => WireResult) {
  return z.string().transform((value, context): WireText => {
    const result = encode(value);
    if (result.ok) return result.text;
    context.addIssue({ code: 'custom', message: result.fault });
    return z.NEVER;
  });
}
