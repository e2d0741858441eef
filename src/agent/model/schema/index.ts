/** Checks an object against its kind: every problem at once, each with the place of its field. */
import { z } from 'zod';
import type { Origin, RawObject } from '../../sources/source.ts';
import { type FieldPath, type ObjectRef, pathText, type Problem, type Severity } from '../problem.ts';
import { CORE_KINDS } from './core.ts';
import { destinationRuleSpec } from './destination-rule.ts';
import { unsupportedReason } from './fields.ts';
import { gatewaySpec } from './gateway.ts';
import { virtualServiceSpec } from './virtual-service.ts';

const ISTIO_SPECS: Readonly<Record<string, z.ZodType>> = {
  Gateway: gatewaySpec,
  VirtualService: virtualServiceSpec,
  DestinationRule: destinationRuleSpec,
};
const CORE_GROUPS = /^(v1|(apps|batch|discovery\.k8s\.io)\/v1)$/;
const ISTIO_NETWORKING = /^networking\.istio\.io\/(v1|v1beta1|v1alpha3)$/;
/** Groups whose other kinds are known and not served. */
const KNOWN_GROUPS = /^((networking|security|telemetry|extensions)\.istio\.io|gateway\.networking\.k8s\.io)\//;
const metadata = z.looseObject({
  labels: z.record(z.string(), z.string()).nullish(),
  annotations: z.record(z.string(), z.string()).nullish(),
  creationTimestamp: z.string().nullish(),
});

export interface Checked {
  /** What is in force from now on; null when the object was refused. */
  readonly value: RawObject | null;
  readonly problems: readonly Problem[];
}

type Complain = (severity: Severity, path: FieldPath, message: string) => void;

export function checkObject(object: RawObject, ref: ObjectRef, origin: Origin): Checked {
  const problems: Problem[] = [];
  const complain: Complain = (severity, path, message) => {
    problems.push({ severity, object: ref, path: pathText(path), message, file: origin.file, ...origin.locate(path) });
  };
  const schema = schemaOf(object, complain);
  if (schema === null) return { value: null, problems };
  const result = schema.safeParse(object);
  if (result.success) {
    findUnserved(schema, object, [], complain);
    return { value: object, problems };
  }
  for (const { path, message } of result.error.issues) complain('error', path as FieldPath, message);
  findUnserved(schema, object, [], complain);
  return { value: null, problems };
}

function schemaOf({ apiVersion, kind }: RawObject, complain: Complain): z.ZodType | null {
  const spec = ISTIO_NETWORKING.test(apiVersion) ? ISTIO_SPECS[kind] : undefined;
  if (spec !== undefined) return z.looseObject({ metadata, spec });
  const core = CORE_GROUPS.test(apiVersion) ? CORE_KINDS[kind] : undefined;
  if (core !== undefined) return z.intersection(z.looseObject({ metadata }), core);
  if (KNOWN_GROUPS.test(apiVersion)) complain('unsupported', ['kind'], `${apiVersion} ${kind} is not served yet`);
  else complain('warning', ['kind'], `unknown kind ${apiVersion} ${kind}`);
  return null;
}

/** Walks the schema and the value together: what the schema marks as unserved, and what it does not know. */
function findUnserved(schema: z.core.$ZodType, value: unknown, path: FieldPath, complain: Complain): void {
  const reason = unsupportedReason(schema);
  if (reason !== undefined) {
    const exported = path.at(-1) === 'exportTo' && JSON.stringify(value) === '["*"]';
    if (!exported) complain('unsupported', path, reason);
    return;
  }
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return findUnserved(schema.unwrap(), value, path, complain);
  if (schema instanceof z.ZodArray && Array.isArray(value)) {
    value.forEach((item, index) => findUnserved(schema.element, item, [...path, index], complain));
  } else if (typeof value !== 'object' || value === null) {
    return;
  } else if (schema instanceof z.ZodRecord) {
    for (const [key, item] of Object.entries(value)) findUnserved(schema.valueType, item, [...path, key], complain);
  } else if (schema instanceof z.ZodObject) {
    const loose = schema.def.catchall !== undefined;
    for (const [key, item] of Object.entries(value)) {
      const field = Object.hasOwn(schema.shape, key) ? (schema.shape[key] as z.core.$ZodType) : undefined;
      if (field !== undefined) findUnserved(field, item, [...path, key], complain);
      else if (!loose) complain('warning', [...path, key], 'unknown field');
    }
  }
}
