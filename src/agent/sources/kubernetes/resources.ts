/** What is watched: the kinds that are served, each with the part of it that one node needs. */
import { apiOfKind, type KindName } from '../../model/schema/kinds.ts';
import type { ObjectType } from '../../model/problem.ts';

export interface Resource {
  readonly kind: KindName;
  /** As it stands in paths and in RBAC rules. */
  readonly plural: string;
  readonly type: ObjectType;
  /** The preferred one first; the first that the server has is read. */
  readonly versions: readonly string[];
  readonly fieldSelector: string | null;
  /** Only these namespaces count; null: all. */
  readonly namespaces: ReadonlySet<string> | null;
  readonly metadataOnly: boolean;
  /** Of a custom resource: a server that does not have it is in order. */
  readonly optional: boolean;
}

export interface Extent {
  readonly nodeName: string;
  /** Of the mesh settings. */
  readonly settingsNamespaces: readonly string[];
}

type Part = Partial<Pick<Resource, 'fieldSelector' | 'namespaces' | 'metadataOnly' | 'optional'>>;

export function resourcesOf({ nodeName, settingsNamespaces }: Extent): readonly Resource[] {
  const owner = { metadataOnly: true };
  const custom = { optional: true };
  return [
    resource('Namespace', 'namespaces', { metadataOnly: true }),
    resource('Service', 'services'),
    resource('EndpointSlice', 'endpointslices'),
    resource('Pod', 'pods', { fieldSelector: `spec.nodeName=${nodeName}` }),
    // By name in all namespaces: one watch, which an RBAC rule can limit to this name and the server dispatches by it.
    resource('ConfigMap', 'configmaps', { fieldSelector: 'metadata.name=istio', namespaces: new Set(settingsNamespaces) }),
    resource('ReplicaSet', 'replicasets', owner),
    resource('Deployment', 'deployments', owner),
    resource('StatefulSet', 'statefulsets', owner),
    resource('DaemonSet', 'daemonsets', owner),
    resource('Job', 'jobs', owner),
    resource('CronJob', 'cronjobs', owner),
    resource('Gateway', 'gateways', custom),
    resource('VirtualService', 'virtualservices', custom),
    resource('DestinationRule', 'destinationrules', custom),
  ];
}

function resource(kind: KindName, plural: string, part: Part = {}): Resource {
  const { group, versions } = apiOfKind(kind);
  const whole = { fieldSelector: null, namespaces: null, metadataOnly: false, optional: false };
  return { kind, plural, type: { group, kind }, versions, ...whole, ...part };
}

export const apiVersionOf = ({ type: { group } }: Resource, version: string): string => (group === '' ? version : `${group}/${version}`);

export function pathOf(resource: Resource, version: string): string {
  const { group } = resource.type;
  return group === '' ? `/api/${version}/${resource.plural}` : `/apis/${group}/${version}/${resource.plural}`;
}

/** As in `kubectl get`: `virtualservices.networking.istio.io`. */
export const fullName = ({ type: { group }, plural }: Resource): string => (group === '' ? plural : `${plural}.${group}`);
