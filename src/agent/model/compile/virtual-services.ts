/** VirtualServices with all names in full, what they are bound to, and what is wrong with what they refer to. */
import { isIP } from 'node:net';
import { internal } from '../../../base/internal.ts';
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import { Input } from '../incremental/table.ts';
import { type Destination, type HttpRoute, type TcpRoute, type TlsRoute, type VirtualService } from '../objects.ts';
import { pack, type Packed, unpack } from '../packed.ts';
import { type ObjectRef, refOf } from '../problem.ts';
import { type Aged, ageOf, byAge } from './age.ts';
import { type BoundRule, type Delegate, mergedRule } from './delegates.ts';
import { DestinationChecks } from './destination-checks.ts';
import { type BoundGateway, type Gateways, serverHosts } from './gateways.ts';
import { gatewayName, MESH } from './gateway-names.ts';
import { HostIndex } from './host-index.ts';
import { fullName, intersect } from './hosts.ts';
import type { AddressClaim } from './mesh-service.ts';
import { namesake } from './namesakes.ts';
import type { Mesh } from './mesh-config.ts';
import type { Missing } from './missing.ts';
import type { CompileOptions } from './options.ts';
import type { ProblemLog } from './problem-log.ts';
import type { Services } from './services.ts';
import { exportedTo } from './visibility.ts';

export interface BoundVirtualService extends Aged {
  /** `namespace/name` */
  readonly key: string;
  readonly ref: ObjectRef;
  /** The bulk of it, its rules, is read when routes are made. */
  readonly object: Packed<VirtualService>;
  /** Rules with those of delegates in the place of the ones that name them; null: they are the object's own. */
  readonly merged: Packed<readonly BoundRule[]> | null;
  /** Those for connections that are not HTTP; null: none. */
  readonly connections: { readonly tcp: readonly TcpRoute[]; readonly tls: readonly TlsRoute[] } | null;
  /** Namespaces of clients; null: all. */
  readonly exportTo: readonly string[] | null;
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
  readonly mesh: Mesh;
  readonly services: Services;
  readonly gateways: Gateways;
  readonly checks: DestinationChecks;
  readonly problems: ProblemLog;
  readonly missing: Missing;
}

export class VirtualServices {
  /** By the host that they name; by services of which one name is the host that they name, too. */
  readonly byHost: HostIndex<Naming>;
  /** By `port host`. */
  readonly byGatewayHost: Index<GatewayBinding>;
  /** Labels by which rules distinguish clients. */
  readonly sourceLabels: Index<true>;
  /** By port of a gateway, what is bound to servers there that do not serve HTTP. */
  readonly byGatewayPort: Index<GatewayBinding>;
  readonly #options: CompileOptions;
  readonly #mesh: Mesh;
  readonly #addressClaims: Index<AddressClaim>;
  readonly #gateways: Gateways;
  readonly #checks: DestinationChecks;
  readonly #problems: ProblemLog;
  readonly #missing: Missing;
  readonly #services: Input<Packed<VirtualService>, BoundVirtualService>;
  readonly #delegates: Input<Packed<VirtualService>, Delegate>;

  constructor(graph: Graph, options: CompileOptions, { mesh, services, gateways, checks, problems, missing }: VirtualServiceParts) {
    this.#options = options;
    this.#mesh = mesh;
    this.#addressClaims = services.addressClaims;
    this.#gateways = gateways;
    this.#checks = checks;
    this.#problems = problems;
    this.#missing = missing;
    this.#delegates = new Input(graph, 'delegate', (packed) => delegateOf(unpack(packed), this.#exportTo));
    this.#services = new Input(graph, 'VirtualService', (packed, key) => this.#compute(packed, key), false);
    missing.level = this.#services.level;
    this.byGatewayPort = new Index(graph, (a, b) => byAge(a.gateway, b.gateway) || a.server - b.server || byAge(a.service, b.service));
    this.byHost = new HostIndex(graph, (a, b) => byAge(a.service, b.service) || a.index - b.index);
    this.byGatewayHost = new Index(graph, (a, b) => byAge(a.gateway, b.gateway) || a.server - b.server || byAge(a.service, b.service));
    this.sourceLabels = new Index(graph);
  }

  set(key: string, object: Packed<VirtualService> | null): void {
    const isDelegate = object !== null && (unpack(object).spec.hosts ?? []).length === 0;
    this.#delegates.set(key, isDelegate ? object : null);
    this.#services.set(key, isDelegate ? null : object);
  }

  get(key: string): BoundVirtualService | null {
    return this.#services.get(key);
  }

  /** Of those that do not say it themselves. */
  get #exportTo(): ExportTo {
    return this.#mesh.get().defaultVirtualServiceExportTo;
  }

  #compute(packed: Packed<VirtualService>, key: string): BoundVirtualService {
    const object = unpack(packed);
    const rules = this.#rulesOf(object);
    const service = bound({ key, packed, object, rules }, this.#options, this.#exportTo);
    if (service.gateways.includes(MESH)) this.#bindToMesh(service);
    for (const [index, gateway] of service.gateways.entries()) if (gateway !== MESH) this.#bindToGateway(service, gateway, index);
    this.#checks.check(service, rules);
    return service;
  }

  #rulesOf(object: VirtualService): readonly BoundRule[] {
    return ownRules(object).flatMap((root) => (root.rule.delegate === undefined ? [root] : this.#delegated(root, root.rule.delegate)));
  }

  /** A rule whose delegate is not there, or not for it, is left out. */
  #delegated(root: BoundRule, { name, namespace }: NonNullable<HttpRoute['delegate']>): readonly BoundRule[] {
    const key = `${namespace || root.namespace}/${name ?? ''}`;
    const complain = (message: string, { ref, path }: BoundRule): readonly BoundRule[] => {
      this.#problems.add('error', ref, path, `${message}; the rule is left out`);
      return [];
    };
    const delegate = this.#delegates.get(key);
    if (delegate === null) {
      const message = `there is no VirtualService ${key} without hosts`;
      this.#missing.emit(root.ref, message);
      return complain(message, root);
    }
    if (delegate.exportTo?.includes(root.namespace) === false)
      return complain(`VirtualService ${key} is not there for ${root.namespace}`, root);
    const { ref } = root;
    return delegate.rules.flatMap(
      (leaf) =>
        mergedRule(root, leaf, this.#options.clusterDomain) ??
        complain(`no request meets it and the rule of VirtualService ${ref.namespace}/${ref.name} that it is for`, leaf),
    );
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
    if (gateway === null) {
      this.#missing.emit(service.ref, key);
      return complain(`there is no Gateway ${key}`);
    }
    const namespaces = [gateway.namespace, this.#options.agentNamespace];
    if (service.exportTo?.some((namespace) => namespaces.includes(namespace)) === false) {
      return complain(`it is not exported to the namespace of Gateway ${key}`);
    }
    if (!gateway.appliesHere) return complain(`Gateway ${key} does not select this node's gateway`);
    let common = 0;
    for (const [position, server] of gateway.servers.entries()) {
      const hosts = intersect(serverHosts(server, gateway.namespace, service.namespace), service.hosts);
      const binding: GatewayBinding = { service, gateway, server: position };
      common += hosts.length;
      // A gateway that is named twice binds once.
      if (hosts.length === 0 || service.gateways.indexOf(key) !== index) continue;
      for (const port of server.boundAt) {
        if (server.kind !== 'http') this.byGatewayPort.emit(String(port), binding);
        else for (const host of hosts) this.byGatewayHost.emit(`${port} ${host}`, binding);
      }
    }
    if (common === 0) complain(`Gateway ${key} has none of the hosts`);
  }
}

type ExportTo = readonly string[] | undefined;

function ownRules(object: VirtualService): readonly BoundRule[] {
  const { namespace } = ageOf(object);
  const ref = refOf(object);
  return (object.spec.http ?? []).map((rule, index) => ({ rule, ref, path: ['spec', 'http', index], namespace }));
}

const hasDelegates = ({ spec }: VirtualService): boolean => (spec.http ?? []).some(({ delegate }) => delegate !== undefined);

/** Those of delegates in the place of the rules that name them. Other objects each time. */
export function boundRules({ object, merged }: BoundVirtualService): readonly BoundRule[] {
  return merged === null ? ownRules(unpack(object)) : unpack(merged);
}

function delegateOf(object: VirtualService, fallback: ExportTo): Delegate {
  return { rules: ownRules(object), exportTo: exportedTo(object.spec.exportTo, ageOf(object).namespace, fallback) };
}

interface Parts {
  readonly key: string;
  readonly packed: Packed<VirtualService>;
  readonly object: VirtualService;
  readonly rules: readonly BoundRule[];
}

function bound({ key, packed, object, rules }: Parts, { clusterDomain }: CompileOptions, fallback: ExportTo): BoundVirtualService {
  const { created, name, namespace } = ageOf(object);
  const { gateways, exportTo, tcp = [], tls = [] } = object.spec;
  const hosts = (object.spec.hosts ?? []).map((host) => internal(fullName(host, namespace, clusterDomain)));
  // Most name the host that they are for: one string for both.
  const inFull = (host: string, of: string): string => oneOf(hosts, fullName(host, of, clusterDomain));
  const matches = [...rules.flatMap(({ rule }) => rule.match ?? []), ...[...tcp, ...tls].flatMap(({ match }) => match ?? [])];
  const targets = [...tcp, ...tls].flatMap(({ route }) => route.map(({ destination }) => inFull(destination.host, namespace)));
  return {
    created,
    name,
    namespace,
    key,
    ref: refOf(object),
    object: packed,
    merged: hasDelegates(object) ? pack(rules) : null,
    connections: tcp.length + tls.length === 0 ? null : { tcp, tls },
    exportTo: exportedTo(exportTo, namespace, fallback),
    hosts,
    gateways: gateways === undefined || gateways.length === 0 ? ONLY_MESH : gateways.map((gateway) => gatewayName(gateway, namespace)),
    destinations: distinct([
      ...rules.flatMap((one) => destinationsOf(one.rule).map(({ host }) => inFull(host, one.namespace))),
      ...targets,
    ]),
    sourceNamespaces: distinct(matches.flatMap(({ sourceNamespace }) => sourceNamespace || [])),
    sourceLabels: distinct(matches.flatMap(({ sourceLabels }) => Object.keys(sourceLabels ?? {}))),
  };
}

/**
 * Those that clients of a namespace see: of each host first what is for it alone, then what is there for it by name, then what is
 * there for all. @param namespace null: only the last.
 */
export function visibleTo(namings: readonly Naming[], namespace: string | null): readonly Naming[] {
  if (namings.every(({ service }) => service.exportTo === null)) return namings;
  const rank = ({ service: { exportTo, namespace: own } }: Naming): number => {
    if (exportTo === null) return 2;
    if (namespace === null || !exportTo.includes(namespace)) return 3;
    return own === namespace ? 0 : 1;
  };
  const seen = namings.filter((naming) => rank(naming) < 3);
  const hosts = [...new Set(seen.map(({ host }) => host))];
  return hosts.flatMap((host) => seen.filter((naming) => naming.host === host).sort((a, b) => rank(a) - rank(b)));
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
