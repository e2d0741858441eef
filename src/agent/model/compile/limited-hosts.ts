/**
 * What clients see whose Sidecar imports a part of the mesh. What most clients see of a namespace stands in a layer for all that import
 * the whole of it; everything else in a layer of their own, which clients of one namespace with the same imports share. Clusters and
 * endpoints are those of everyone.
 */
import type { VirtualHostConfig } from '../../../l7/config/route.ts';
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import { Table } from '../incremental/table.ts';
import type { Addresses } from './addresses.ts';
import { type ClientScope, namespaceLayer, scopeLayer } from './clients.ts';
import type { MeshHostParts } from './host-parts.ts';
import type { MeshPort, MeshService } from './mesh-service.ts';
import type { ClientView } from './route-lists.ts';
import { type Imports, importsPort, importsRules } from './sidecars.ts';
import { labelsToldApart, namespacesToldApart, servicesOf } from './site-clients.ts';
import type { TlsNames } from './tls-names.ts';
import { type HostClaim, UNKNOWN_HOSTS_PORT, type VirtualHosts } from './virtual-hosts.ts';
import type { BoundVirtualService } from './virtual-services.ts';

const ANYONE: ClientView = { namespace: null, labels: {} };

/** What most clients see of a host. */
interface Common {
  readonly service: MeshService;
  /** Who rules over it. */
  readonly ruling: readonly BoundVirtualService[];
  /** Namespaces whose clients may see something else, and whether labels of clients may make a difference. */
  readonly apart: ReadonlySet<string>;
  readonly byLabels: boolean;
}

/** Of the part that says what all clients see. */
export interface SharedParts {
  readonly hosts: VirtualHosts;
  readonly addresses: Addresses;
  readonly names: TlsNames;
  readonly layers: Index<true>;
}

export class LimitedHosts {
  readonly #graph: Graph;
  readonly #parts: MeshHostParts;
  readonly #hosts: VirtualHosts;
  readonly #addresses: Addresses;
  readonly #layers: Index<true>;
  readonly #names: TlsNames;
  /** By layer, ports at which something is asked for by its host. */
  readonly #httpPorts: Index<number>;

  constructor(graph: Graph, parts: MeshHostParts, { hosts, addresses, names, layers }: SharedParts) {
    this.#names = names;
    this.#graph = graph;
    this.#parts = parts;
    this.#hosts = hosts;
    this.#addresses = addresses;
    this.#layers = layers;
    this.#httpPorts = new Index(graph);
  }

  /** To be called after the table that calls `emit` is there. */
  collectPorts(): void {
    const { clients, outputs } = this.#parts;
    const ports = new Table(this.#graph, 'ports by host of a scope', (id) => {
      const scope = clients.scopes.get(id)[0];
      const imports = scope?.sidecar.imports ?? null;
      if (scope === undefined || imports === null) return null;
      const layers = [scopeLayer(id), ...scope.sidecar.whole.map(namespaceLayer)];
      const http = [...new Set(layers.flatMap((layer) => this.#httpPorts.get(layer)))];
      const entries = this.#addresses.anywhere(http, { namespace: scope.namespace, labels: scope.labels, imports }, (service, port) =>
        importsPort(imports, service, port),
      );
      const layer = scopeLayer(id);
      if (entries.length === 0) return null;
      this.#layers.emit(layer, true);
      this.#graph.emit(outputs.addresses, layer, { layer, entries });
      return null;
    });
    clients.scopes.each(ports);
  }

  /** What such clients see of a host. */
  emit(host: string): void {
    const { source, virtualServices, clients } = this.#parts;
    const naming = virtualServices.byHost.naming(host).flatMap(([, namings]) => namings.map(({ service }) => service.namespace));
    const services = source.services.all(host).map(({ namespace }) => namespace);
    const importing = clients.importing([...naming, ...services]);
    if (importing.size === 0) return;
    const common = this.#common(host);
    for (const scope of importing) {
      const { imports } = scope.sidecar;
      if (imports !== null && (common === null || !this.#seesCommon(common, scope, imports))) this.#emitFor(host, scope, imports);
    }
  }

  /** Puts what most clients see of a host where those look that import all of its namespace. Null: each has its own. */
  #common(host: string): Common | null {
    const { source, rules, clients } = this.#parts;
    const service = source.services.get(host);
    if (service === null || !clients.wholeNamespaces.has(service.namespace)) return null;
    // Where some see another service, or where its instances have names, what is common would show through what is a client's own.
    if (service.headless || source.services.all(host).length > 1) return null;
    if (rules.owners(host).length > 0 || source.services.aliases.leadingTo(host).length > 0) return null;
    // Names of TLS clients are whose is oldest of what a client sees.
    if (service.ports.some(({ protocol }) => protocol === 'tls')) return null;
    const sites = this.#hosts.sites(host, { namespace: null });
    const claims = sites.map((site) => this.#hosts.at(site, ANYONE));
    if (sites.some(({ of, rivals }) => of === null || [...rivals.values()].some((others) => others.length > 0))) return null;
    const layer = namespaceLayer(service.namespace);
    this.#layers.emit(layer, true);
    for (const [index, { port }] of sites.entries()) for (const claim of claims[index] ?? []) this.#emitClaim(layer, port, claim);
    this.#emitAddresses(service, ANYONE, layer);
    return {
      service,
      ruling: [...new Set(sites.flatMap(({ namings }) => servicesOf(namings)))],
      apart: new Set(sites.flatMap((site) => namespacesToldApart(this.#parts, site))),
      byLabels: sites.some((site) => labelsToldApart(this.#parts, site).length > 0),
    };
  }

  /** Whether all that it sees of the host is what most see. */
  #seesCommon({ service, ruling, apart, byLabels }: Common, { namespace, labels, sidecar }: ClientScope, imports: Imports): boolean {
    if (!sidecar.whole.includes(service.namespace) || apart.has(namespace)) return false;
    if (byLabels && Object.keys(labels).length > 0) return false;
    if (this.#parts.source.services.get(service.host, namespace) !== service) return false;
    return ruling.every((rules) => importsRules(imports, rules.hosts, rules.namespace, 0));
  }

  #emitFor(host: string, scope: ClientScope, imports: Imports): void {
    const { namespace, labels } = scope;
    const client: ClientView = { namespace, labels, imports };
    const service = this.#parts.source.services.get(host, namespace);
    if (service !== null) this.#emitService(service, scope, imports);
    for (const site of this.#hosts.sites(host, client)) {
      const claims = this.#hosts.at(site, client);
      if (claims.length === 0) continue;
      const layer = this.#layerOf(scope);
      if (site.of === null) this.#httpPorts.emit(layer, UNKNOWN_HOSTS_PORT);
      for (const claim of claims) this.#emitClaim(layer, site.port, claim);
    }
  }

  #emitService(service: MeshService, scope: ClientScope, imports: Imports): void {
    const sees = ({ number }: MeshPort): boolean => importsPort(imports, service, number);
    const seen = service.ports.filter(sees);
    if (seen.length === 0) return;
    const layer = this.#layerOf(scope);
    const client: ClientView = { namespace: scope.namespace, labels: scope.labels, imports };
    this.#names.claim(service, client, layer, sees);
    this.#emitAddresses(service, client, layer, sees);
  }

  #emitAddresses(service: MeshService, client: ClientView, layer: string, sees: (port: MeshPort) => boolean = () => true): void {
    for (const port of service.ports) if (port.declaredHttp && sees(port)) this.#httpPorts.emit(layer, port.number);
    const entries = this.#addresses.of(service, client, sees);
    if (entries.length > 0) this.#graph.emit(this.#parts.outputs.addresses, [layer, service.host].join(' '), { layer, entries });
  }

  #emitClaim(layer: string, port: number, { name, domains, local, routes }: HostClaim): void {
    const record: VirtualHostConfig = { layer, port, name, domains, local, routes };
    this.#graph.emit(this.#parts.outputs.virtualHosts, [layer, name].join(' '), record);
  }

  #layerOf({ id }: ClientScope): string {
    const layer = scopeLayer(id);
    this.#layers.emit(layer, true);
    return layer;
  }
}
