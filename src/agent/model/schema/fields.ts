/** The types of fields that Istio's kinds share. */
import { z } from 'zod';
import { compileRegex } from '../../../base/regex.ts';
import type { FieldPath } from '../problem.ts';

const reasons = new WeakMap<object, string>();
const judges = new WeakMap<object, Judge>();

/** Why a block is not served although each of its fields has its right type. */
export interface Unserved {
  readonly path: FieldPath;
  readonly reason: string;
}

interface Judge {
  readonly faults: (value: never) => readonly Unserved[];
  /** What the compiler gets; undefined takes a block out of its list. */
  readonly inForce: (value: never, faulty: boolean) => unknown;
}

/** A field that Istio has and this release does not serve. */
export function unsupported(reason = 'not supported yet'): z.ZodOptional<z.ZodUnknown> {
  const schema = z.unknown().optional();
  reasons.set(schema, reason);
  return schema;
}

interface JudgeOf<T> {
  readonly faults: (value: T) => readonly Unserved[];
  readonly inForce: (value: T, faulty: boolean) => unknown;
}

/** A block that is served as a whole or not at all: what is left after taking a field out would mean something else. */
export function servedAsWhole<S extends z.ZodType>(schema: S, judge: JudgeOf<z.infer<S>>): S {
  judges.set(schema, judge);
  return schema;
}

export const judgeOf = (schema: object): Judge | undefined => judges.get(schema);
export const unsupportedReason = (schema: object): string | undefined => reasons.get(schema);

/** Go's durations, which istiod's reader of protobuf JSON and the custom resources' pattern accept. */
export const duration = z
  .string()
  .regex(/^([0-9]+(\.[0-9]+)?(h|m|s|ms|us|ns))+$/, { error: 'must be a duration such as 1.5s, 300ms or 1h', abort: true });
/** Istio's proxies count in milliseconds and take 0 for no limit, so its validation refuses what would round to that. */
export const positiveDuration = duration.superRefine((value, context) => {
  const nanoseconds = nanosecondsOf(value);
  if (nanoseconds < 1e6) context.addIssue({ code: 'custom', message: 'must be at least 1ms' });
  else if (nanoseconds % 1e6 !== 0) context.addIssue({ code: 'custom', message: 'must be whole milliseconds' });
});

const NANOSECONDS: Readonly<Record<string, number>> = { h: 3600e9, m: 60e9, s: 1e9, ms: 1e6, us: 1e3, ns: 1 };

function nanosecondsOf(value: string): number {
  const parts = [...value.matchAll(/([0-9.]+)(h|ms|m|s|us|ns)/g)];
  return parts.reduce((sum, [, number, unit]) => sum + Math.round(Number(number) * (NANOSECONDS[unit as string] as number)), 0);
}

export const port = z.number().int().min(1).max(65535);
export const text = z.string();
export const labels = z.record(z.string(), z.string());
export const percent = z.object({ value: z.number().min(0).max(100).optional() });
export const regex = z.string().superRefine((source, context) => {
  const result = compileRegex(source);
  if (!result.ok) context.addIssue({ code: 'custom', message: result.error });
});

/** For each target namespace; only the default is served. */
export const exportTo = unsupported('visibility is not restricted yet; every namespace sees this object');
