/** Who stands behind a service's port: EndpointSlices where the service has any, else its selector's pods. Ready ones only. */
import type { EndpointConfig } from '../../../l7/snapshot.ts';
import { type EndpointSlice, objectKey, type Pod, type Service, type ServicePort, type SliceEndpoint, type StringMap } from '../objects.ts';
import { canonicalAddress } from './hosts.ts';
import { UNKNOWN_IDENTITY } from '../../../l7/snapshot.ts';
import { type ObjectSet, objectsOf, order } from './object-set.ts';
import { hasEnded, type MeshPod, type Pods } from './pods.ts';
import { selects } from './selectors.ts';

const SERVICE_LABEL = 'kubernetes.io/service-name';

export interface ServiceEndpoint {
  readonly config: EndpointConfig;
  readonly labels: StringMap;
  /** Its own name below a headless service's; empty: none. */
  readonly hostname: string;
}

export class Endpoints {
  readonly #pods: Pods;
  readonly #slices = new Map<string, EndpointSlice[]>();
  readonly #podsByNamespace: ReadonlyMap<string, MeshPod[]>;

  constructor(objects: ObjectSet, pods: Pods) {
    this.#pods = pods;
    this.#podsByNamespace = Map.groupBy(pods.list, ({ object }) => object.metadata.namespace ?? '');
    for (const slice of objectsOf(objects, 'EndpointSlice')) {
      const service = slice.metadata.labels?.[SERVICE_LABEL];
      if (service === undefined) continue;
      const key = `${slice.metadata.namespace}/${service}`;
      this.#slices.set(key, [...(this.#slices.get(key) ?? []), slice]);
    }
  }

  /** @param ipv6 the family that the service prefers. */
  of(service: Service, port: ServicePort, ipv6: boolean): ServiceEndpoint[] {
    const slices = this.#slices.get(objectKey(service.metadata));
    const found = slices === undefined ? this.#selected(service, port, ipv6) : this.#sliced(slices, port, ipv6);
    const unique = new Map(found.map((endpoint) => [`${endpoint.config.address} ${endpoint.config.port}`, endpoint]));
    return [...unique.values()].sort((a, b) => order(a.config.address, b.config.address) || a.config.port - b.config.port);
  }

  /** Pods that the service selects, ready or not. */
  selected(service: Service): readonly MeshPod[] {
    const selector = service.spec?.selector;
    if (!selector || Object.keys(selector).length === 0) return [];
    const pods = this.#podsByNamespace.get(service.metadata.namespace ?? '') ?? [];
    return pods.filter(({ object }) => selects(selector, object.metadata.labels));
  }

  #selected(service: Service, port: ServicePort, ipv6: boolean): ServiceEndpoint[] {
    const all = service.spec?.publishNotReadyAddresses === true;
    return this.selected(service).flatMap((pod) => {
      const address = pod.addresses.find((ip) => ip.includes(':') === ipv6) ?? pod.addresses[0];
      const target = containerPort(pod.object, port);
      if (address === undefined || target === null || hasEnded(pod.object) || !(all || isReady(pod.object))) return [];
      return [endpointOf(address, target, pod, hostnameOf(pod, service))];
    });
  }

  #sliced(slices: readonly EndpointSlice[], port: ServicePort, ipv6: boolean): ServiceEndpoint[] {
    const family = slices.filter(({ addressType }) => (addressType === 'IPv6') === ipv6);
    return (family.length === 0 ? slices : family).flatMap((slice) => {
      const number = slice.ports?.find(({ name }) => (name ?? '') === (port.name ?? ''))?.port;
      if (slice.addressType === 'FQDN' || number === undefined || number === null) return [];
      return (slice.endpoints ?? []).filter(isServing).flatMap((endpoint) => this.#ofSlice(slice, endpoint, number));
    });
  }

  #ofSlice(slice: EndpointSlice, endpoint: SliceEndpoint, port: number): ServiceEndpoint[] {
    // Several addresses of one endpoint are the same process: consumers may take any (EndpointSlice API).
    const address = endpoint.addresses[0];
    if (address === undefined) return [];
    const { kind, name, namespace } = endpoint.targetRef ?? {};
    const named = kind === 'Pod' && name !== undefined ? this.#pods.get(`${namespace ?? slice.metadata.namespace}/${name}`) : null;
    const ip = canonicalAddress(address);
    return [endpointOf(ip, port, named ?? this.#pods.at(ip), endpoint.hostname ?? '')];
  }
}

/** The port of the pod behind a service's port; null when the pod has no port of that name. */
export function containerPort({ spec }: Pod, { port, targetPort }: ServicePort): number | null {
  if (targetPort === undefined || targetPort === 0 || targetPort === '') return port;
  if (typeof targetPort === 'number') return targetPort;
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const ports = [...(spec?.containers ?? []), ...sidecars].flatMap((container) => container.ports ?? []);
  return ports.find(({ name }) => name === targetPort)?.containerPort ?? null;
}

function endpointOf(address: string, port: number, pod: MeshPod | null, hostname: string): ServiceEndpoint {
  const local = pod?.local?.enrolled === true ? pod.key : null;
  const config: EndpointConfig = { address, port, weight: 1, identity: pod?.identity ?? UNKNOWN_IDENTITY, local };
  return { config, labels: pod?.object.metadata.labels ?? {}, hostname };
}

function isReady({ metadata, status }: Pod): boolean {
  if (metadata.deletionTimestamp !== undefined && metadata.deletionTimestamp !== null) return false;
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  return ready === undefined || ready === 'True';
}

/** No word about readiness means ready. Kubernetes itself says `ready` of unready pods where the service publishes them. */
function isServing({ conditions }: SliceEndpoint): boolean {
  return conditions?.ready !== false && conditions?.terminating !== true;
}

/** Pods of a StatefulSet are called by their own names; others by the one that they were given. */
function hostnameOf({ object, owners }: MeshPod, service: Service): string {
  const { hostname, subdomain } = object.spec ?? {};
  if (subdomain !== undefined && subdomain !== service.metadata.name) return '';
  if (hostname !== undefined && subdomain !== undefined) return hostname;
  return owners[0]?.kind === 'StatefulSet' ? object.metadata.name : '';
}
