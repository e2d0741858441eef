/** Checks an object against its kind: every problem at once, each with the place of its field. */
import { z } from 'zod';
import type { Origin, RawObject } from '../../sources/source.ts';
import { type FieldPath, type ObjectRef, pathText, type Problem } from '../problem.ts';
import { CORE_KINDS } from './core.ts';
import { destinationRuleSpec } from './destination-rule.ts';
import { gatewaySpec } from './gateway.ts';
import { type Complain, servedPart } from './served.ts';
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

export function checkObject(object: RawObject, ref: ObjectRef, origin: Origin): Checked {
  const problems: Problem[] = [];
  const complain: Complain = (severity, path, message) => {
    problems.push({ severity, object: ref, path: pathText(path), message, file: origin.file, ...origin.locate(path) });
  };
  const schema = schemaOf(object, complain);
  if (schema === null) return { value: null, problems };
  const result = schema.safeParse(object);
  for (const { path, message } of result.error?.issues ?? []) complain('error', path as FieldPath, message);
  const served = servedPart(schema, object, [], complain) as RawObject;
  return { value: result.success ? served : null, problems };
}

/** Kubernetes' own groups: manifests of an application have many kinds (PersistentVolumeClaim, Role, …) that say nothing about traffic. */
const OWN_GROUPS = /^(v1|(apps|batch|autoscaling|policy|extensions|([a-z]+\.)+k8s\.io)\/v[0-9a-z]+)$/;

function schemaOf({ apiVersion, kind }: RawObject, complain: Complain): z.ZodType | null {
  const spec = ISTIO_NETWORKING.test(apiVersion) ? ISTIO_SPECS[kind] : undefined;
  if (spec !== undefined) return z.looseObject({ metadata, spec });
  const core = CORE_GROUPS.test(apiVersion) ? CORE_KINDS[kind] : undefined;
  if (core !== undefined) return z.intersection(z.looseObject({ metadata }), core);
  if (KNOWN_GROUPS.test(apiVersion)) complain('unsupported', ['kind'], `${apiVersion} ${kind} is not served yet`);
  else if (!OWN_GROUPS.test(apiVersion)) complain('warning', ['kind'], `unknown kind ${apiVersion} ${kind}`);
  return null;
}
