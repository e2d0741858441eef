/** What is watched: the kinds that are served, each with the part of it that one node needs. */
import { apiOfKind, type KindName } from '../../model/schema/kinds.ts';
import type { OwnerScope } from '../../model/needs.ts';
import type { ObjectType } from '../../model/problem.ts';
import { type PodSelector, selectorText } from './pod-selectors.ts';

export interface Resource {
  readonly kind: KindName;
  /** As it stands in paths and in RBAC rules. */
  readonly plural: string;
  readonly type: ObjectType;
  /** The preferred one first; the first that the server has is read. */
  readonly versions: readonly string[];
  /** Null: all. */
  readonly namespace: string | null;
  readonly fieldSelector: string | null;
  readonly labelSelector: string | null;
  /** Of those that are read only these count; null: all. */
  readonly namespaces: ReadonlySet<string> | null;
  readonly metadataOnly: boolean;
  /** Of a custom resource: a server that does not have it is in order. */
  readonly optional: boolean;
  /** Its objects name what those of other custom resources have to bring. */
  readonly refers: boolean;
  /** Which part of what is there, in words; empty: all that every agent reads of it. */
  readonly scope: string;
}

export interface Extent {
  readonly nodeName: string;
  /** Of the mesh settings. */
  readonly settingsNamespaces: readonly string[];
}

type Part = Partial<Omit<Resource, 'kind' | 'plural' | 'type' | 'versions'>>;

export function resourcesOf({ nodeName, settingsNamespaces }: Extent): readonly Resource[] {
  const custom = { optional: true };
  return [
    resource('Namespace', 'namespaces', { metadataOnly: true }),
    resource('Node', 'nodes', { fieldSelector: `metadata.name=${nodeName}`, metadataOnly: true }),
    resource('Service', 'services'),
    resource('EndpointSlice', 'endpointslices'),
    resource('Pod', 'pods', { fieldSelector: `spec.nodeName=${nodeName}` }),
    // By name in all namespaces: one watch, which an RBAC rule can limit to this name and the server dispatches by it.
    resource('ConfigMap', 'configmaps', { fieldSelector: 'metadata.name=istio', namespaces: new Set(settingsNamespaces) }),
    resource('Gateway', 'gateways', custom),
    resource('VirtualService', 'virtualservices', { ...custom, refers: true }),
    resource('DestinationRule', 'destinationrules', custom),
    resource('ServiceEntry', 'serviceentries', custom),
    resource('WorkloadEntry', 'workloadentries', custom),
    resource('Telemetry', 'telemetries', custom),
    resource('Sidecar', 'sidecars', custom),
  ];
}

const OWNERS = {
  ReplicaSet: 'replicasets',
  Deployment: 'deployments',
  StatefulSet: 'statefulsets',
  DaemonSet: 'daemonsets',
  Job: 'jobs',
  CronJob: 'cronjobs',
} as const;

export function ownersIn({ kind, namespace }: OwnerScope): Resource {
  return resource(kind, OWNERS[kind], { namespace, metadataOnly: true, scope: namespace });
}

/** Those of this node are read whole. */
export function podsElsewhere(selector: PodSelector, nodeName: string): Resource {
  const { namespace } = selector;
  const fieldSelector = `spec.nodeName!=${nodeName}`;
  const labelSelector = selectorText(selector);
  const scope = `${namespace ?? 'all namespaces'}: ${labelSelector}`;
  return resource('Pod', 'pods', { namespace, fieldSelector, labelSelector, metadataOnly: true, scope });
}

/** Where endpoints are. */
export function otherNodes(nodeName: string): Resource {
  return resource('Node', 'nodes', { fieldSelector: `metadata.name!=${nodeName}`, metadataOnly: true, scope: 'other nodes' });
}

function resource(kind: KindName, plural: string, part: Part = {}): Resource {
  const { group, versions } = apiOfKind(kind);
  const whole = {
    namespace: null,
    fieldSelector: null,
    labelSelector: null,
    namespaces: null,
    metadataOnly: false,
    optional: false,
    refers: false,
    scope: '',
  };
  return { kind, plural, type: { group, kind }, versions, ...whole, ...part };
}

export const apiVersionOf = ({ type: { group } }: Resource, version: string): string => (group === '' ? version : `${group}/${version}`);

export function pathOf(resource: Resource, version: string): string {
  const { namespace, plural } = resource;
  const where = namespace === null ? plural : `namespaces/${namespace}/${plural}`;
  return `${resource.type.group === '' ? '/api' : '/apis'}/${apiVersionOf(resource, version)}/${where}`;
}

/** As in `kubectl get`: `virtualservices.networking.istio.io`. */
export const fullName = ({ type: { group }, plural }: Resource): string => (group === '' ? plural : `${plural}.${group}`);
