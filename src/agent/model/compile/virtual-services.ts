/** VirtualServices with all names in full, what they are bound to, and what is wrong with what they refer to. */
import { isIP } from 'node:net';
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import { Input } from '../incremental/table.ts';
import { type Destination, type HttpRoute, objectKey, type VirtualService } from '../objects.ts';
import { type ObjectRef, refOf } from '../problem.ts';
import { type Aged, ageOf, byAge } from './age.ts';
import { DestinationChecks } from './destination-checks.ts';
import { type BoundGateway, type Gateways, serverHosts } from './gateways.ts';
import { HostIndex } from './host-index.ts';
import { fullName, intersect } from './hosts.ts';
import type { AddressClaim } from './mesh-service.ts';
import { namesake } from './namesakes.ts';
import type { CompileOptions } from './options.ts';
import type { ProblemLog } from './problem-log.ts';
import type { Services } from './services.ts';

/** The gateway that stands for all clients inside. */
export const MESH = 'mesh';

export interface BoundVirtualService extends Aged {
  /** `namespace/name` */
  readonly key: string;
  readonly ref: ObjectRef;
  readonly rules: readonly HttpRoute[];
  readonly hosts: readonly string[];
  /** `mesh`, or `namespace/name`. */
  readonly gateways: readonly string[];
  /** Hosts of all destinations, in full. */
  readonly destinations: readonly string[];
  /** The labels that distinguish clients. */
  readonly sourceNamespaces: readonly string[];
  readonly sourceLabels: readonly string[];
}

/** A VirtualService names a host of the mesh. */
export interface Naming {
  readonly service: BoundVirtualService;
  readonly host: string;
  /** Of the host in `spec.hosts`. */
  readonly index: number;
}

/** A VirtualService is bound to a host at a gateway's port. */
export interface GatewayBinding {
  readonly service: BoundVirtualService;
  readonly gateway: BoundGateway;
  /** Position of the server in its Gateway. */
  readonly server: number;
}

export interface VirtualServiceParts {
  readonly services: Services;
  readonly gateways: Gateways;
  readonly checks: DestinationChecks;
  readonly problems: ProblemLog;
}

export class VirtualServices {
  /** By the host that they name; by services of which one name is the host that they name, too. */
  readonly byHost: HostIndex<Naming>;
  /** By `port host`. */
  readonly byGatewayHost: Index<GatewayBinding>;
  /** Labels by which rules distinguish clients. */
  readonly sourceLabels: Index<true>;
  readonly #options: CompileOptions;
  readonly #addressClaims: Index<AddressClaim>;
  readonly #gateways: Gateways;
  readonly #checks: DestinationChecks;
  readonly #problems: ProblemLog;
  readonly #services: Input<VirtualService, BoundVirtualService>;

  constructor(graph: Graph, options: CompileOptions, { services, gateways, checks, problems }: VirtualServiceParts) {
    this.#options = options;
    this.#addressClaims = services.addressClaims;
    this.#gateways = gateways;
    this.#checks = checks;
    this.#problems = problems;
    this.#services = new Input(graph, 'VirtualService', (object) => this.#compute(object));
    this.byHost = new HostIndex(graph, (a, b) => byAge(a.service, b.service) || a.index - b.index);
    this.byGatewayHost = new Index(graph, (a, b) => byAge(a.gateway, b.gateway) || a.server - b.server || byAge(a.service, b.service));
    this.sourceLabels = new Index(graph);
  }

  set(key: string, object: VirtualService | null): void {
    this.#services.set(key, object);
  }

  get(key: string): BoundVirtualService | null {
    return this.#services.get(key);
  }

  #compute(object: VirtualService): BoundVirtualService {
    const service = bound(object, this.#options);
    if (service.gateways.includes(MESH)) this.#bindToMesh(service);
    for (const [index, gateway] of service.gateways.entries()) if (gateway !== MESH) this.#bindToGateway(service, gateway, index);
    this.#checks.check(service);
    return service;
  }

  #bindToMesh(service: BoundVirtualService): void {
    const { created, name, namespace } = service;
    for (const [index, host] of service.hosts.entries()) {
      const naming: Naming = { service, host, index };
      this.byHost.emit(host, naming);
      if (isIP(host) !== 0) this.#addressClaims.emit(host, { created, name, namespace, host, ports: [] });
      for (const other of namesake(host, this.#options.clusterDomain)) this.byHost.emit(other, naming);
    }
    for (const label of service.sourceLabels) this.sourceLabels.emit(label, true);
  }

  /** Reports gateways that do not exist, that this node does not serve, or that have none of the hosts. */
  #bindToGateway(service: BoundVirtualService, key: string, index: number): void {
    const complain = (message: string): void => this.#problems.add('warning', service.ref, ['spec', 'gateways', index], message);
    const gateway = this.#gateways.get(key);
    if (gateway === null) return complain(`there is no Gateway ${key}`);
    if (!gateway.appliesHere) return complain(`Gateway ${key} does not select this node's gateway`);
    let common = 0;
    for (const [position, server] of gateway.servers.entries()) {
      for (const host of intersect(serverHosts(server, gateway.namespace, service.namespace), service.hosts)) {
        common++;
        const binding: GatewayBinding = { service, gateway, server: position };
        // A gateway that is named twice binds once.
        if (service.gateways.indexOf(key) === index) this.byGatewayHost.emit(`${server.port.number} ${host}`, binding);
      }
    }
    if (common === 0) complain(`Gateway ${key} has none of the hosts`);
  }
}

function bound(object: VirtualService, { clusterDomain }: CompileOptions): BoundVirtualService {
  const { created, name, namespace } = ageOf(object);
  const { gateways, http: rules = [] } = object.spec;
  const hosts = (object.spec.hosts ?? []).map((host) => fullName(host, namespace, clusterDomain));
  // Most name the host that they are for: one string for both.
  const inFull = (host: string): string => oneOf(hosts, fullName(host, namespace, clusterDomain));
  const requests = rules.flatMap(({ match }) => match ?? []);
  return {
    created,
    name,
    namespace,
    key: objectKey(object.metadata),
    ref: refOf(object),
    rules,
    hosts,
    gateways: gateways === undefined || gateways.length === 0 ? ONLY_MESH : gateways.map((gateway) => gatewayName(gateway, namespace)),
    destinations: distinct(rules.flatMap(destinationsOf).map(({ host }) => inFull(host))),
    sourceNamespaces: distinct(requests.flatMap(({ sourceNamespace }) => sourceNamespace || [])),
    sourceLabels: distinct(requests.flatMap(({ sourceLabels }) => Object.keys(sourceLabels ?? {}))),
  };
}

const ONLY_MESH: readonly string[] = [MESH];
const NONE: readonly string[] = [];

function distinct(values: readonly string[]): readonly string[] {
  return values.length === 0 ? NONE : [...new Set(values)].slice();
}

function oneOf(known: readonly string[], text: string): string {
  return known.find((other) => other === text) ?? text;
}

function destinationsOf({ route = [], mirror, mirrors = [] }: HttpRoute): Destination[] {
  return [...route, ...(mirror === undefined ? [] : [{ destination: mirror }]), ...mirrors].map(({ destination }) => destination);
}

/** `name`, `namespace/name`, and the old `name.namespace.svc.cluster.local`. */
export function gatewayName(name: string, namespace: string): string {
  if (name === MESH || name.includes('/')) return name;
  const [first, second] = name.split('.', 2);
  return `${second ?? namespace}/${first}`;
}
