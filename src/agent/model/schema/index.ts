/** Checks an object against its kind: every problem at once, each with the place of its field. */
import { z } from 'zod';
import type { ApiObject, Kinds } from '../objects.ts';
import { type FieldPath, groupOf, type ObjectRef, type ObjectType, pathText, placeOf, type Problem } from '../problem.ts';
import type { Origin, RawObject } from '../sink.ts';
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
const ISTIO_GROUP = 'networking.istio.io';
const ISTIO_VERSIONS = /\/(v1|v1beta1|v1alpha3)$/;
/** Of Kubernetes' kinds that are read, those outside the core group. */
const GROUPS: Readonly<Record<string, string>> = {
  EndpointSlice: 'discovery.k8s.io',
  Deployment: 'apps',
  ReplicaSet: 'apps',
  StatefulSet: 'apps',
  DaemonSet: 'apps',
  Job: 'batch',
  CronJob: 'batch',
};
/** Kinds of which there is something to read in the metadata alone. */
const METADATA_KINDS: ReadonlySet<string> = new Set<keyof Kinds>([
  'Namespace',
  'Node',
  'ServiceAccount',
  'Pod',
  'Deployment',
  'ReplicaSet',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'CronJob',
]);
/** Groups whose other kinds are known and not served. */
const KNOWN_GROUPS = /^((networking|security|telemetry|extensions)\.istio\.io|gateway\.networking\.k8s\.io)\//;
const metadata = z.looseObject({
  labels: z.record(z.string(), z.string()).nullish(),
  annotations: z.record(z.string(), z.string()).nullish(),
  creationTimestamp: z.string().nullish(),
});

export interface Checked {
  /** What is in force from now on; null when the object was refused. */
  readonly value: ApiObject | null;
  readonly problems: readonly Problem[];
}

/** The group of a kind that is read. */
export function typeOfKind(kind: keyof Kinds): ObjectType {
  return { group: Object.hasOwn(ISTIO_SPECS, kind) ? ISTIO_GROUP : (GROUPS[kind] ?? ''), kind };
}

export function checkObject(object: RawObject, ref: ObjectRef, origin: Origin): Checked {
  const problems: Problem[] = [];
  const complain: Complain = (severity, path, message) => {
    problems.push({ severity, object: ref, path: pathText(path), message, ...placeOf(origin, path) });
  };
  const schema = schemaOf(object, origin, complain);
  if (schema === null) return { value: null, problems };
  const result = schema.safeParse(object);
  for (const { path, message } of result.error?.issues ?? []) complain('error', path as FieldPath, message);
  const served = servedPart(schema, object, [], complain) as ApiObject;
  return { value: result.success ? served : null, problems };
}

/** Kubernetes' own groups: manifests of an application have many kinds (PersistentVolumeClaim, Role, …) that say nothing about traffic. */
const OWN_GROUPS = /^(v1|(apps|batch|autoscaling|policy|extensions|([a-z]+\.)+k8s\.io)\/v[0-9a-z]+)$/;

function schemaOf({ apiVersion, kind }: RawObject, { metadataOnly }: Origin, complain: Complain): z.ZodType | null {
  const group = groupOf(apiVersion);
  const spec = group === ISTIO_GROUP && ISTIO_VERSIONS.test(apiVersion) ? ISTIO_SPECS[kind] : undefined;
  const core = apiVersion === (group === '' ? 'v1' : `${group}/v1`) && group === (GROUPS[kind] ?? '') ? CORE_KINDS[kind] : undefined;
  if (metadataOnly === true && core !== undefined && METADATA_KINDS.has(kind)) return z.looseObject({ metadata });
  if (metadataOnly === true && (core ?? spec) !== undefined) complain('error', [], 'only the metadata is known');
  else if (spec !== undefined) return z.looseObject({ metadata, spec });
  else if (core !== undefined) return z.intersection(z.looseObject({ metadata }), core);
  else if (KNOWN_GROUPS.test(apiVersion)) complain('unsupported', ['kind'], `${apiVersion} ${kind} is not served yet`);
  else if (!OWN_GROUPS.test(apiVersion)) complain('warning', ['kind'], `unknown kind ${apiVersion} ${kind}`);
  return null;
}
