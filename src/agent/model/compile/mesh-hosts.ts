/**
 * Everything that clients inside the mesh see of a host: clusters and addresses of its service, and its virtual hosts, in the layer
 * that all share and, where they differ for some clients, in theirs.
 */
import type { VirtualHostConfig } from '../../../l7/config/route.ts';
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import { share } from '../incremental/share.ts';
import { Table } from '../incremental/table.ts';
import { Addresses } from './addresses.ts';
import { type Clients, type ClientScope, scopeLayer, SHARED_LAYER } from './clients.ts';
import { clusterConfig, clusterPlans, instanceId, serviceViews } from './clusters.ts';
import type { Endpoints } from './endpoints.ts';
import { isWildcard } from './hosts.ts';
import type { Outputs } from './outputs.ts';
import type { RouteLists } from './route-lists.ts';
import type { RouteSource } from './routes.ts';
import type { MeshService } from './services.ts';
import { type HostClaim, type Site, UNKNOWN_HOSTS_PORT, VirtualHosts } from './virtual-hosts.ts';
import type { BoundVirtualService, VirtualServices } from './virtual-services.ts';

export interface MeshHostParts {
  readonly source: RouteSource;
  readonly endpoints: Endpoints;
  readonly virtualServices: VirtualServices;
  readonly routeLists: RouteLists;
  readonly clients: Clients;
  /** Namespaces that clients of this node live in. */
  readonly clientNamespaces: Index<true>;
  readonly outputs: Outputs;
}

export class MeshHosts {
  /** Layers of scopes that have something in them. */
  readonly layers: Index<true>;
  readonly #graph: Graph;
  readonly #parts: MeshHostParts;
  readonly #hosts: VirtualHosts;
  readonly #addresses: Addresses;
  readonly #unknown: Index<true>;

  constructor(graph: Graph, parts: MeshHostParts) {
    const { source, endpoints, virtualServices, routeLists, outputs } = parts;
    this.#graph = graph;
    this.#parts = parts;
    this.#hosts = new VirtualHosts(source, endpoints, virtualServices, routeLists);
    this.#addresses = new Addresses(source.services, endpoints, source.ids);
    this.layers = new Index(graph);
    this.#unknown = new Index(graph);
    const hosts = new Table(graph, 'host', (host) => this.#compute(host));
    virtualServices.byHost.each(hosts);
    source.services.hosts.each(hosts);
    const byHost = new Table(graph, 'ports by host', () => {
      const ports = new Set(source.services.httpPorts.keys().map(Number));
      if (this.#unknown.has('')) ports.add(UNKNOWN_HOSTS_PORT);
      const entries = this.#addresses.byHost([...ports].sort((a, b) => a - b));
      if (entries.length > 0) graph.emit(outputs.addresses, SHARED_LAYER, { layer: SHARED_LAYER, entries });
      return null;
    });
    byHost.want('');
  }

  #compute(host: string): null {
    const { services } = this.#parts.source;
    const service = isWildcard(host) ? null : services.get(host);
    if (service !== null) this.#emitService(service);
    const namings = this.#complainOfRivals(host);
    if (namings && service === null && !(isWildcard(host) && services.hosts.named(host).length > 0)) this.#unknown.emit('', true);
    for (const site of this.#hosts.sites(host)) this.#emitSite(site);
    return null;
  }

  /** One VirtualService has a host of the mesh; of the others nothing is merged into it. @returns whether any names the host. */
  #complainOfRivals(host: string): boolean {
    const [pattern, all] = this.#parts.virtualServices.byHost.naming(host)[0] ?? ['', []];
    const namings = pattern === host ? all.filter((naming) => naming.host === host) : [];
    const [owner, ...others] = namings;
    for (const { service, index } of others) {
      const message = `VirtualService ${owner?.service.key} has ${host} already`;
      this.#parts.source.problems.add('warning', service.ref, ['spec', 'hosts', index], message);
    }
    return namings.length > 0;
  }

  #emitService(service: MeshService): void {
    const { source, endpoints, outputs } = this.#parts;
    const { connectTimeoutMs } = source.mesh.get().settings;
    for (const view of serviceViews(source.rules, service)) {
      for (const [index, port] of service.ports.entries()) {
        const plans = clusterPlans(view, service, port);
        const [whole] = plans;
        const found = service.headless ? (endpoints.get(service.host)[index] ?? []) : [];
        const addresses = new Set(found.map(({ config }) => config.address));
        const instances = [...addresses].map((address) => ({ id: instanceId(whole?.id ?? '', address), name: port.cluster, subset: '' }));
        for (const plan of [...plans, ...instances]) {
          this.#graph.emit(outputs.clusters, plan.id, clusterConfig(plan, view, service, port, connectTimeoutMs));
        }
      }
      const entries = this.#addresses.of(service, view.client);
      if (entries.length === 0) continue;
      const layer = view.client === null ? SHARED_LAYER : this.#ownLayer(view.client);
      this.#graph.emit(outputs.addresses, [layer, service.host].join(' '), { layer, entries });
    }
  }

  #emitSite(site: Site): void {
    const shared = this.#hosts.at(site, { namespace: null, labels: {} });
    this.#emitHosts(SHARED_LAYER, site, shared);
    const byNamespace = new Map<string, readonly HostClaim[]>();
    for (const namespace of this.#namespaces(site)) {
      const own = this.#hosts.at(site, { namespace, labels: {} });
      byNamespace.set(namespace, own);
      this.#emitDifferent(namespace, site, own, shared);
    }
    for (const { id, namespace, labels } of this.#labelledScopes(site)) {
      const own = this.#hosts.at(site, { namespace, labels });
      this.#emitDifferent(id, site, own, byNamespace.get(namespace) ?? shared);
    }
  }

  #emitDifferent(scope: string, site: Site, own: readonly HostClaim[], base: readonly HostClaim[]): void {
    const different = own.filter((claim) => {
      const known = base.find(({ name }) => name === claim.name);
      return known === undefined || share(known, claim) !== known;
    });
    // What the layers behind have besides, as instances of a headless service, must not show through.
    const [main] = own;
    const hidden = main === undefined ? [] : base.filter(({ name }) => !own.some((claim) => claim.name === name));
    const all = [...different, ...hidden.map((claim) => ({ ...claim, routes: main?.routes ?? [] }))];
    if (all.length > 0) this.#emitHosts(this.#ownLayer(scope), site, all);
  }

  #emitHosts(layer: string, { port }: Site, claims: readonly HostClaim[]): void {
    for (const claim of claims) {
      const { name, domains, local, routes } = claim;
      const record: VirtualHostConfig = { layer, port, name, domains, local, routes };
      this.#graph.emit(this.#parts.outputs.virtualHosts, [layer, name].join(' '), record);
    }
  }

  #ownLayer(scope: string): string {
    const layer = scopeLayer(scope);
    this.layers.emit(layer, true);
    return layer;
  }

  /** Of clients for whom the site may differ by their namespace: rules ask for it, or it has rules of its own for a destination. */
  #namespaces({ of, candidates }: Site): string[] {
    const { source, clientNamespaces } = this.#parts;
    const named = candidates.flatMap(({ sourceNamespaces }) => sourceNamespaces).filter((namespace) => clientNamespaces.has(namespace));
    const services = candidates.flatMap(({ destinations }) => destinations.flatMap((host) => source.services.get(host) ?? []));
    const destinations = of === null ? services : [of.service, ...services];
    return [...new Set([...named, ...destinations.flatMap((service) => source.rules.clientsOfTheirOwn(service))])];
  }

  #labelledScopes({ candidates }: Site): readonly ClientScope[] {
    return candidates.some(({ sourceLabels }: BoundVirtualService) => sourceLabels.length > 0) ? this.#parts.clients.labelled() : [];
  }
}
