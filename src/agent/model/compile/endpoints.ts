/** Who stands behind a service's port: EndpointSlices where the service has any, else Endpoints, else its selector's pods. Ready ones only. */
import { internal } from '../../../base/internal.ts';
import type { EndpointConfig } from '../../../l7/config/cluster.ts';
import { UNKNOWN_IDENTITY } from '../../../l7/config/identity.ts';
import { addressKey } from '../../../l7/snapshot.ts';
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import type { Target } from '../incremental/cell.ts';
import { Input, Table } from '../incremental/table.ts';
import type { Endpoints as EndpointsObject, EndpointSlice, SliceEndpoint, StringMap } from '../objects.ts';
import { type Packed, unpack } from '../packed.ts';
import { type FieldPath, refOf } from '../problem.ts';
import { order } from './age.ts';
import { labelsOf } from './client-class.ts';
import { type ClusterPlan, clusterPlans, instanceId, type ServiceView, serviceViews } from './clusters.ts';
import { type DestinationRules, policyOf } from './destination-rules.ts';
import type { EntryEndpoints } from './entry-endpoints.ts';
import { socketForm } from './hosts.ts';
import { isElsewhere } from './ingress-endpoint.ts';
import { NamedIdentities } from './identity.ts';
import type { Localities } from './localities.ts';
import type { Mesh } from './mesh-config.ts';
import { type MeshPort, type MeshService, type ServiceEndpoint } from './mesh-service.ts';
import type { CompileOptions } from './options.ts';
import { asksForPlaces, placed } from './placement.ts';
import type { Pods } from './pods.ts';
import type { MeshPod } from './mesh-pod.ts';
import type { NeededObjects } from './needed-objects.ts';
import type { ProblemLog } from './problem-log.ts';
import { selects } from './selectors.ts';
import type { Services } from './services.ts';
import type { Sidecars } from './sidecars.ts';

const SERVICE_LABEL = 'kubernetes.io/service-name';

/** Of each port of a service, by its position. */
export type ServiceEndpoints = readonly (readonly ServiceEndpoint[])[];

const NONE: ServiceEndpoints = [];
/** Of a host all of whose services have addresses of their own. */
const NONE_KEPT: readonly ServiceEndpoints[] = [];

/** A service leads to a pod of this node by an endpoint. */
export interface LocalEndpoint {
  readonly host: string;
  readonly port: number;
  readonly containerPort: number;
}

/** Where a service's endpoints are written. */
interface Written {
  readonly object: EndpointSlice | EndpointsObject;
  readonly ports: readonly { readonly name?: string | undefined; readonly port?: number | undefined }[];
  readonly endpoints: readonly WrittenEndpoint[];
}

/** It may be large, and is looked at when the service's endpoints are made. */
interface NamedSlice {
  readonly name: string;
  readonly slice: Packed<EndpointSlice>;
}

interface WrittenEndpoint {
  readonly path: FieldPath;
  readonly ip: string;
  readonly hostname?: string | undefined;
  readonly targetRef?: SliceEndpoint['targetRef'] | undefined;
  readonly nodeName?: string | undefined;
  readonly zone?: string | undefined;
}

export class Endpoints {
  /** By pod, the endpoints through which services lead to it. */
  readonly local: Index<LocalEndpoint>;
  readonly #graph: Graph;
  readonly #pods: Pods;
  readonly #services: Services;
  readonly #rules: DestinationRules;
  readonly #needed: NeededObjects;
  readonly #problems: ProblemLog;
  readonly #entries: EntryEndpoints;
  readonly #localities: Localities;
  readonly #sidecars: Sidecars;
  readonly #mesh: Mesh;
  readonly #options: Pick<CompileOptions, 'nodeName'>;
  readonly #output: Target;
  readonly #slices: Input<Packed<EndpointSlice>, true>;
  readonly #byService: Index<NamedSlice>;
  readonly #objects: Input<Packed<EndpointsObject>, Packed<EndpointsObject>>;
  readonly #endpoints: Table<readonly ServiceEndpoints[]>;

  constructor(
    graph: Graph,
    {
      pods,
      services,
      rules,
      needed,
      entries,
      localities,
      sidecars,
      mesh,
      options,
      problems,
      output,
    }: {
      readonly pods: Pods;
      readonly services: Services;
      readonly rules: DestinationRules;
      readonly needed: NeededObjects;
      readonly entries: EntryEndpoints;
      readonly localities: Localities;
      readonly sidecars: Sidecars;
      readonly mesh: Mesh;
      readonly options: Pick<CompileOptions, 'nodeName'>;
      readonly problems: ProblemLog;
      readonly output: Target;
    },
  ) {
    this.#graph = graph;
    this.#pods = pods;
    this.#services = services;
    this.#rules = rules;
    this.#needed = needed;
    this.#entries = entries;
    this.#localities = localities;
    this.#sidecars = sidecars;
    this.#mesh = mesh;
    this.#options = options;
    this.#problems = problems;
    this.#output = output;
    this.#slices = new Input(graph, 'EndpointSlice', (packed) => this.#slice(packed));
    this.#byService = new Index(graph, (a, b) => order(a.name, b.name));
    this.#objects = new Input(graph, 'Endpoints', (object) => object);
    this.#endpoints = new Table(graph, 'endpoints', (host) => this.#compute(host));
    this.local = new Index(graph);
    services.hosts.each(this.#endpoints);
  }

  setSlice(key: string, slice: Packed<EndpointSlice> | null): void {
    this.#slices.set(key, slice);
  }

  set(key: string, object: Packed<EndpointsObject> | null): void {
    this.#objects.set(key, object);
  }

  /** Of a service whose clients choose an endpoint themselves. Of others nobody asks: they are kept as clusters have them, and nowhere else. */
  ofHeadless(service: MeshService): ServiceEndpoints {
    const index = this.#services.all(service.host).indexOf(service);
    return this.#endpoints.get(service.host)[index] ?? NONE;
  }

  /** @returns those that others ask for, of all services that have the host, in their order. */
  #compute(host: string): readonly ServiceEndpoints[] {
    const all = this.#services.all(host);
    const found = all.map((service) => service.ports.map((port) => this.#at(service, port)));
    const views = serviceViews(this.#services, this.#rules, host);
    this.#needLabels(views);
    for (const view of views) {
      const { service } = view;
      for (const [index, port] of service.ports.entries()) {
        const endpoints = found[all.indexOf(service)]?.[index] ?? [];
        const plans = clusterPlans(view, port);
        for (const plan of plans) this.#emitPlan(plan, view, port, endpoints);
        if (service.headless) this.#emitInstances((plans[0] as { id: string }).id, endpoints);
      }
    }
    for (const [index, service] of all.entries()) this.#emitLocal(service, found[index] ?? []);
    return all.some(({ headless }) => headless) ? found.map((ports, index) => (all[index]?.headless === true ? ports : NONE)) : NONE_KEPT;
  }

  #emitLocal(service: MeshService, found: ServiceEndpoints): void {
    for (const [index, port] of service.ports.entries()) {
      for (const { config } of found[index] ?? []) {
        const pod = config.local ?? config.twoSided;
        if (pod !== undefined) this.local.emit(pod, { host: service.host, port: port.number, containerPort: config.port });
        if (service.headless) this.#services.addressClaims.emit(config.address, service);
      }
    }
  }

  /** Subsets by labels that the service's selector does not tell already. */
  #needLabels(views: readonly ServiceView[]): void {
    for (const { service, rule } of views) {
      const { host, namespace, selector, entry } = service;
      if (entry !== null || selector === null || Object.keys(selector).length === 0) continue;
      if ((rule?.subsets ?? []).every(({ labels = {} }) => selects(labels, selector))) continue;
      return this.#graph.emit(this.#needed.pods, host, { namespace, selector });
    }
  }

  #emitPlan(
    { id, labels, subset }: ClusterPlan,
    { rule, service, client }: ServiceView,
    port: MeshPort,
    endpoints: readonly ServiceEndpoint[],
  ): void {
    const members = labels === null ? endpoints : endpoints.filter((endpoint) => selects(labels, endpoint.labels));
    const place = { locality: this.#localities.own(), node: this.#options.nodeName, labels: labelsOf(client) };
    const policy = policyOf(rule, subset, port.number);
    const context = { distribution: service.distribution, mesh: this.#mesh.get().placement, client: place };
    if (asksForPlaces(policy, context)) this.#graph.emit(this.#needed.places, id, true);
    this.#graph.emit(this.#output, id, placed(members, policy, context));
  }

  #emitInstances(cluster: string, endpoints: readonly ServiceEndpoint[]): void {
    for (const [address, own] of Map.groupBy(endpoints, ({ config }) => config.address))
      this.#graph.emit(
        this.#output,
        instanceId(cluster, address),
        own.map(({ config }) => config),
      );
  }

  #at(service: MeshService, port: MeshPort): ServiceEndpoint[] {
    const unique = new Map<string, ServiceEndpoint>();
    // Of one address that is given twice, the first counts, as in Envoy.
    for (const endpoint of this.#found(service, port)) {
      const key = addressKey(endpoint.config);
      if (!unique.has(key)) unique.set(key, endpoint);
    }
    return [...unique].sort(([a], [b]) => order(a, b)).map(([, endpoint]) => endpoint);
  }

  #found(service: MeshService, port: MeshPort): ServiceEndpoint[] {
    if (service.parts !== undefined) return this.#together(service, service.parts, port);
    if (service.entry !== null) return [...this.#entries.of(service, service.entry, port), ...this.#selected(service, port)];
    return [...this.#ofService(service, port), ...this.#entries.selected(service, port)];
  }

  /** Istiod finds what several give by the name of the port; for proxies that ask DNS, by its number. */
  #together(service: MeshService, parts: readonly MeshService[], port: MeshPort): ServiceEndpoint[] {
    const resolution = service.entry?.resolution ?? 'given';
    const byName = resolution === 'given';
    const found: ServiceEndpoint[] = [];
    for (const part of parts) {
      const own = part.ports.find(({ name, number }) => (byName || part.entry === null ? name === port.name : number === port.number));
      // Of names of which the first address counts there is one; what others give stays beside it.
      if (own === undefined || (part.entry?.resolution === 'first' && found.length > 0)) continue;
      const entry = part.entry === null ? null : { ...part.entry, resolution };
      found.push(...this.#found({ ...part, entry }, own));
    }
    return resolution === 'first' ? found.slice(0, 1) : found;
  }

  #ofService(service: MeshService, port: MeshPort): ServiceEndpoint[] {
    const key = `${service.namespace}/${service.name}`;
    const slices = this.#byService.get(key);
    if (slices.length > 0) return slices.flatMap(({ slice }) => this.#written(ofSlice(unpack(slice)), service, port));
    const object = this.#objects.get(key);
    return object === null
      ? this.#selected(service, port)
      : ofEndpoints(unpack(object)).flatMap((written) => this.#written(written, service, port));
  }

  #selected(service: MeshService, port: MeshPort): ServiceEndpoint[] {
    const { selector, namespace, publishesNotReady } = service;
    if (selector === null) return [];
    return this.#pods.selected(namespace, selector).flatMap((pod) => {
      const target = containerPort(pod, port);
      if (target === null || pod.ended || !(publishesNotReady || pod.ready)) return [];
      return addressesFor(service, pod).map((address) => this.#endpointOf(address, target, pod, { hostname: hostnameOf(pod, service) }));
    });
  }

  #written({ object, ports, endpoints }: Written, service: MeshService, port: MeshPort): ServiceEndpoint[] {
    const number = ports.find(({ name }) => (name ?? '') === port.name)?.port;
    if (number === undefined) return [];
    const { namespace = '' } = object.metadata;
    const labels = service.selector ?? NO_LABELS;
    const identities = new NamedIdentities(namespace, labels);
    return endpoints.flatMap(({ path, ip, targetRef, ...written }) => {
      const address = socketForm(ip);
      if (address === null) this.#problems.add('error', refOf(object), path, `"${ip}" is no IP address; it is left out`);
      if (address === null) return [];
      const pod = podOf(targetRef, namespace);
      const named = pod === null ? null : this.#pods.get(pod);
      const there = named ?? this.#pods.at(address);
      const endpoint = this.#endpointOf(address, number, there, written);
      if (there !== null || pod === null) return [endpoint];
      const identity = identities.of(pod.slice(pod.indexOf('/') + 1));
      return [{ ...endpoint, config: { ...endpoint.config, identity }, labels }];
    });
  }

  /** @param pod who has the address; null: it is not known. */
  #endpointOf(
    address: string,
    port: number,
    pod: MeshPod | null,
    written: Pick<WrittenEndpoint, 'hostname' | 'nodeName' | 'zone'>,
  ): ServiceEndpoint {
    const served = pod?.local?.enrolled === true ? pod : null;
    const sidecar = served === null ? null : this.#sidecars.inboundOf(served.namespace, served.labels);
    const elsewhere = served !== null && sidecar !== null && isElsewhere(sidecar, served, port);
    const config: EndpointConfig = {
      ...{ address, port, weight: 1, identity: pod?.identity ?? UNKNOWN_IDENTITY },
      ...(elsewhere ? { local: null, twoSided: served.key } : { local: served?.key ?? null }),
    };
    const labels = pod?.labels ?? NO_LABELS;
    const node = written.nodeName ?? pod?.node;
    return { config, labels, hostname: written.hostname ?? '', locality: this.#localities.of(labels, node, written.zone), node };
  }

  #slice(packed: Packed<EndpointSlice>): true {
    const { metadata, addressType } = unpack(packed);
    const service = metadata.labels?.[SERVICE_LABEL];
    if (service !== undefined && addressType !== 'FQDN')
      this.#byService.emit(`${metadata.namespace}/${service}`, { name: internal(metadata.name), slice: packed });
    return true;
  }
}

function ofSlice(slice: EndpointSlice): Written {
  const endpoints = (slice.endpoints ?? []).flatMap(
    ({ addresses, conditions, hostname, targetRef, nodeName, zone }, index): WrittenEndpoint[] => {
      // No word about readiness means ready. Kubernetes itself says `ready` of unready pods where the service publishes them.
      if (conditions?.ready === false || conditions?.terminating === true) return [];
      // Several addresses of one endpoint are the same process: consumers may take any (EndpointSlice API).
      const [ip] = addresses;
      return ip === undefined ? [] : [{ path: ['endpoints', index, 'addresses', 0], ip, hostname, targetRef, nodeName, zone }];
    },
  );
  return { object: slice, ports: slice.ports ?? [], endpoints };
}

/** Each subset has all of its addresses at all of its ports. */
function ofEndpoints(object: EndpointsObject): Written[] {
  return (object.subsets ?? []).map(({ addresses, ports }, subset) => ({
    object,
    ports: ports ?? [],
    endpoints: (addresses ?? []).map(({ ip, hostname, targetRef, nodeName }, index) => ({
      path: ['subsets', subset, 'addresses', index, 'ip'],
      ip,
      hostname,
      targetRef,
      nodeName,
    })),
  }));
}

/** The port of the pod behind a service's port; null when the pod has no port of that name. */
export function containerPort(pod: MeshPod, { number, targetPort }: Pick<MeshPort, 'number' | 'targetPort'>): number | null {
  if (targetPort === undefined || targetPort === 0 || targetPort === '') return number;
  if (typeof targetPort === 'number') return targetPort;
  return Object.hasOwn(pod.ports, targetPort) ? (pod.ports[targetPort] as number) : null;
}

/** One of each family that the service has. A service that says nothing about families takes what the pod prefers. */
function addressesFor({ families }: MeshService, { addresses }: MeshPod): string[] {
  const ofFamily = families.flatMap((family) => addresses.find((ip) => ip.includes(':') === (family === 6)) ?? []);
  return ofFamily.length > 0 ? ofFamily : addresses.slice(0, 1);
}

const NO_LABELS: StringMap = {};

/** Pods of a StatefulSet are called by their own names; others by the one that they were given. */
function hostnameOf({ hostname, subdomain, stateful, name }: MeshPod, service: MeshService): string {
  if (subdomain !== undefined && subdomain !== service.name) return '';
  if (hostname !== undefined && subdomain !== undefined) return hostname;
  return stateful ? name : '';
}

function podOf(target: SliceEndpoint['targetRef'], namespace: string): string | null {
  return target?.kind === 'Pod' && target.name !== undefined ? `${target.namespace ?? namespace}/${target.name}` : null;
}
