/**
 * What clients see whose Sidecar imports a part of the mesh: a layer of their own, in which that part stands as a whole. Clients of one
 * namespace with the same imports share it; clusters and endpoints are those of everyone.
 */
import type { VirtualHostConfig } from '../../../l7/config/route.ts';
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import { Table } from '../incremental/table.ts';
import type { Addresses } from './addresses.ts';
import { type ClientScope, scopeLayer } from './clients.ts';
import type { MeshHostParts } from './host-parts.ts';
import type { MeshPort, MeshService } from './mesh-service.ts';
import type { ClientView } from './route-lists.ts';
import { type Imports, importsService } from './sidecars.ts';
import type { TlsNames } from './tls-names.ts';
import { UNKNOWN_HOSTS_PORT, type VirtualHosts } from './virtual-hosts.ts';

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
  /** By scope, ports at which something is asked for by its host. */
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
      const http = [...new Set(this.#httpPorts.get(id))];
      const entries = this.#addresses.anywhere(http, { namespace: scope.namespace, labels: scope.labels, imports }, (service, port) =>
        importsService(imports, service.host, service.namespace, port),
      );
      const layer = scopeLayer(id);
      if (entries.length > 0) this.#graph.emit(outputs.addresses, layer, { layer, entries });
      return null;
    });
    clients.scopes.each(ports);
  }

  /** What such clients see of a host. */
  emit(host: string): void {
    const { source, virtualServices, clients } = this.#parts;
    const naming = virtualServices.byHost.naming(host).flatMap(([, namings]) => namings.map(({ service }) => service.namespace));
    const services = source.services.all(host).map(({ namespace }) => namespace);
    for (const scope of clients.importing([...naming, ...services])) {
      const { imports } = scope.sidecar;
      if (imports !== null) this.#emitFor(host, scope, imports);
    }
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
      if (site.of === null) this.#httpPorts.emit(scope.id, UNKNOWN_HOSTS_PORT);
      for (const { name, domains, local, routes } of claims) this.#emitHost({ layer, port: site.port, name, domains, local, routes });
    }
  }

  #emitService(service: MeshService, scope: ClientScope, imports: Imports): void {
    const { outputs } = this.#parts;
    const sees = ({ number }: MeshPort): boolean => importsService(imports, service.host, service.namespace, number);
    const seen = service.ports.filter(sees);
    if (seen.length === 0) return;
    const layer = this.#layerOf(scope);
    for (const { number, declaredHttp } of seen) if (declaredHttp) this.#httpPorts.emit(scope.id, number);
    const client: ClientView = { namespace: scope.namespace, labels: scope.labels, imports };
    this.#names.claim(service, client, layer, sees);
    const entries = this.#addresses.of(service, client, sees);
    if (entries.length > 0) this.#graph.emit(outputs.addresses, [layer, service.host].join(' '), { layer, entries });
  }

  #emitHost(record: VirtualHostConfig): void {
    this.#graph.emit(this.#parts.outputs.virtualHosts, [record.layer, record.name].join(' '), record);
  }

  #layerOf({ id }: ClientScope): string {
    const layer = scopeLayer(id);
    this.#layers.emit(layer, true);
    return layer;
  }
}
