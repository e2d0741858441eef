/** Every kind that is read, with its schema. What a schema lets through is the kind's type (`objects.ts`). */
import type { ObjectType } from '../problem.ts';
import { checkSelectedClients, destinationRuleSpec } from './destination-rule.ts';
import { refined } from './fields.ts';
import { gatewaySpec } from './gateway.ts';
import { kind, KUBERNETES_KINDS } from './kubernetes.ts';
import { serviceEntrySpec } from './service-entry.ts';
import { type Shape, shapeOf } from './shape.ts';
import { telemetrySpec } from './telemetry.ts';
import { sidecarSpec } from './sidecar.ts';
import { virtualServiceSpec } from './virtual-service.ts';
import { checkExports } from './visibility.ts';
import { workloadEntrySpec } from './workload-entry.ts';

const ISTIO_KINDS = {
  Gateway: kind('Gateway', { spec: gatewaySpec }),
  VirtualService: refined(kind('VirtualService', { spec: virtualServiceSpec }), checkExports),
  DestinationRule: refined(refined(kind('DestinationRule', { spec: destinationRuleSpec }), checkExports), checkSelectedClients),
  ServiceEntry: refined(kind('ServiceEntry', { spec: serviceEntrySpec }), checkExports),
  WorkloadEntry: kind('WorkloadEntry', { spec: workloadEntrySpec }),
  Telemetry: kind('Telemetry', { spec: telemetrySpec }),
  Sidecar: kind('Sidecar', { spec: sidecarSpec }),
};

export const KINDS = { ...KUBERNETES_KINDS, ...ISTIO_KINDS };
export type KindName = keyof typeof KINDS;
export const KIND_NAMES = Object.keys(KINDS) as readonly KindName[];
const SHAPES: ReadonlyMap<string, Shape> = new Map(Object.entries(KINDS).map(([name, schema]) => [name, shapeOf(schema)]));

/** Where a kind is served. */
export interface Api {
  /** Empty for the core group. */
  readonly group: string;
  /** The preferred one first. */
  readonly versions: readonly string[];
}

const CORE: Api = { group: '', versions: ['v1'] };
const APPS: Api = { group: 'apps', versions: ['v1'] };
const BATCH: Api = { group: 'batch', versions: ['v1'] };
const DISCOVERY: Api = { group: 'discovery.k8s.io', versions: ['v1'] };
const ISTIO: Api = { group: 'networking.istio.io', versions: ['v1', 'v1beta1', 'v1alpha3'] };
const TELEMETRY: Api = { group: 'telemetry.istio.io', versions: ['v1', 'v1alpha1'] };

const APIS: Readonly<Record<KindName, Api>> = {
  Namespace: CORE,
  Node: CORE,
  ServiceAccount: CORE,
  Pod: CORE,
  Service: CORE,
  Endpoints: CORE,
  EndpointSlice: DISCOVERY,
  Secret: CORE,
  ConfigMap: CORE,
  Deployment: APPS,
  ReplicaSet: APPS,
  StatefulSet: APPS,
  DaemonSet: APPS,
  Job: BATCH,
  CronJob: BATCH,
  Gateway: ISTIO,
  VirtualService: ISTIO,
  DestinationRule: ISTIO,
  ServiceEntry: ISTIO,
  WorkloadEntry: ISTIO,
  Telemetry: TELEMETRY,
  Sidecar: ISTIO,
};

/** Those by which users configure the mesh, in the order in which one reads about them. */
export const CONFIGURATION_KINDS = Object.keys(ISTIO_KINDS) as readonly (keyof typeof ISTIO_KINDS)[];

/** Kinds that say something by their metadata alone. */
const BY_METADATA: ReadonlySet<string> = new Set<KindName>([
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

export const shapeOfKind = (kind: KindName): Shape => SHAPES.get(kind) as Shape;
const isKindName = (kind: string): kind is KindName => Object.hasOwn(KINDS, kind);
export const isKnownByMetadata = (kind: KindName): boolean => BY_METADATA.has(kind);

export const apiOfKind = (kind: KindName): Api => APIS[kind];

export function typeOfKind(kind: KindName): ObjectType {
  return { group: APIS[kind].group, kind };
}

/** The kind by which an object is read; null when its group has none of that name in that version. */
export function kindOf(apiVersion: string, kind: string): KindName | null {
  if (!isKindName(kind)) return null;
  const { group, versions } = APIS[kind];
  return versions.some((version) => apiVersion === (group === '' ? version : `${group}/${version}`)) ? kind : null;
}
