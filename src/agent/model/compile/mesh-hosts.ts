/**
 * Everything that clients inside the mesh see of a host: clusters and addresses of its service, and its virtual hosts, in the layer
 * that all share and, where they differ for some clients, in theirs.
 */
import type { VirtualHostConfig } from '../../../l7/config/route.ts';
import type { AddressesConfig } from '../../../l7/config/workload.ts';
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import { share } from '../incremental/share.ts';
import { Table } from '../incremental/table.ts';
import type { StringMap } from '../objects.ts';
import { Addresses } from './addresses.ts';
import { type ClientScope, scopeLayer, SHARED_LAYER } from './clients.ts';
import { type ClientLook, labelsOf, namespaceOf } from './client-class.ts';
import { clusterConfig, clusterPlans, instanceId, type ServiceView, serviceViews } from './clusters.ts';
import { isWildcard } from './hosts.ts';
import type { MeshHostParts } from './host-parts.ts';
import { LimitedHosts } from './limited-hosts.ts';
import type { ConnectionRules } from './connection-rules.ts';
import { TlsNames } from './tls-names.ts';
import type { MeshService } from './mesh-service.ts';
import type { ClientView } from './route-lists.ts';
import { labelsToldApart, namespacesToldApart } from './site-clients.ts';
import { type HostClaim, type Site, UNKNOWN_HOSTS_PORT, VirtualHosts } from './virtual-hosts.ts';
import { visibleTo } from './virtual-services.ts';

const ANYONE: ClientView = { namespace: null, labels: {} };

export class MeshHosts {
  /** Layers of scopes that have something in them. */
  readonly layers: Index<true>;
  readonly #graph: Graph;
  readonly #parts: MeshHostParts;
  readonly #hosts: VirtualHosts;
  readonly #addresses: Addresses;
  readonly #unknown: Index<true>;
  readonly #limited: LimitedHosts;
  readonly #rules: ConnectionRules;
  readonly #names: TlsNames;

  constructor(graph: Graph, parts: MeshHostParts) {
    const { source, endpoints, virtualServices, routeLists, rules, outputs } = parts;
    this.#graph = graph;
    this.#parts = parts;
    this.#hosts = new VirtualHosts(source, endpoints, virtualServices, routeLists);
    this.#rules = rules;
    this.#names = new TlsNames(graph, rules, outputs.virtualHosts);
    this.#addresses = new Addresses(source.services, endpoints, rules);
    this.layers = new Index(graph);
    this.#unknown = new Index(graph);
    this.#limited = new LimitedHosts(graph, parts, {
      hosts: this.#hosts,
      addresses: this.#addresses,
      names: this.#names,
      layers: this.layers,
    });
    const hosts = new Table(graph, 'host', (host) => this.#compute(host));
    virtualServices.byHost.each(hosts);
    source.services.hosts.each(hosts);
    const byHost = new Table(graph, 'ports by host', () => this.#emitAnywhere());
    byHost.want('');
    this.#limited.collectPorts();
    this.#names.collect();
  }

  /** What stands behind all addresses of a port. */
  #emitAnywhere(): null {
    const { source, clientNamespaces, outputs } = this.#parts;
    const { services } = source;
    const ports = new Set(services.httpPorts.keys().map(Number));
    if (this.#unknown.has('')) ports.add(UNKNOWN_HOSTS_PORT);
    const shared = this.#addresses.anywhere([...ports], ANYONE);
    if (shared.length > 0) this.#graph.emit(outputs.addresses, SHARED_LAYER, { layer: SHARED_LAYER, entries: shared });
    const hidden = services.anywhere.keys().flatMap((port) => services.anywhere.get(port).flatMap(({ exportTo }) => exportTo ?? []));
    for (const client of new Set(hidden)) {
      if (!clientNamespaces.has(client)) continue;
      const entries = this.#addresses.anywhere([...ports], { namespace: client, labels: {} });
      const layer = this.#ownLayer(client);
      this.#graph.emit(outputs.addresses, layer, { layer, entries });
    }
    return null;
  }

  #compute(host: string): null {
    const { services, rules } = this.#parts.source;
    const views = serviceViews(services, rules, host);
    for (const view of views) this.#emitView(view);
    const namings = this.#complainOfRivals(host);
    if (namings && views.length === 0 && !(isWildcard(host) && services.hosts.named(host).length > 0)) this.#unknown.emit('', true);
    const own = services.clientsOfTheirOwn(host).filter((client) => rules.hasClients(client));
    for (const site of this.#hosts.sites(host, { namespace: null })) this.#emitSite(site, own);
    for (const client of own) for (const site of this.#hosts.sites(host, { namespace: client })) this.#emitOwnSite(site, client);
    if (namings && isWildcard(host)) this.#emitUnseen(host, own);
    this.#emitTold(
      host,
      views.flatMap(({ client }) => client ?? []),
    );
    this.#limited.emit(host);
    return null;
  }

  /** One VirtualService has a host of the mesh; of the others nothing is merged into it. @returns whether any names the host. */
  #complainOfRivals(host: string): boolean {
    const [pattern, all] = this.#parts.virtualServices.byHost.naming(host)[0] ?? ['', []];
    const namings = pattern === host ? all.filter((naming) => naming.host === host) : [];
    for (const naming of namings) {
      const owners = (naming.service.exportTo ?? [null]).map((client) => visibleTo(namings, client)[0] ?? naming);
      if (owners.includes(naming)) continue;
      const message = `VirtualService ${owners[0]?.service.key} has ${host} already`;
      this.#parts.source.problems.add('warning', naming.service.ref, ['spec', 'hosts', naming.index], message);
    }
    return namings.length > 0;
  }

  #emitView(view: ServiceView): void {
    const { source, endpoints, outputs } = this.#parts;
    const mesh = source.mesh.get();
    const { service, client } = view;
    for (const [index, port] of service.ports.entries()) {
      const plans = clusterPlans(view, port);
      const [whole] = plans;
      const found = service.headless ? (endpoints.ofHeadless(service)[index] ?? []) : [];
      const addresses = new Set(found.map(({ config }) => config.address));
      const instances = [...addresses].map((address) => ({ id: instanceId(whole?.id ?? '', address), name: port.cluster, subset: '' }));
      for (const plan of [...plans, ...instances]) {
        this.#graph.emit(outputs.clusters, plan.id, clusterConfig(plan, view, port, mesh));
      }
    }
    const layer = client === null ? SHARED_LAYER : this.#ownLayer(client);
    this.#emitConnections(service, { namespace: namespaceOf(client), labels: labelsOf(client) }, layer, null);
  }

  /** What stands behind its addresses, and behind its name for TLS clients. @param base what such clients have without it. */
  #emitConnections(
    service: MeshService,
    client: ClientView,
    layer: string | null,
    base: AddressesConfig['entries'] | null,
  ): AddressesConfig['entries'] {
    const entries = this.#addresses.of(service, client);
    if (base !== null && share(base, entries) === base) return base;
    const into = layer ?? scopeLayer(client.namespace ?? '');
    if (into !== SHARED_LAYER) this.layers.emit(into, true);
    this.#names.claim(service, client, into);
    if (entries.length > 0) this.#graph.emit(this.#parts.outputs.addresses, [into, service.host].join(' '), { layer: into, entries });
    return entries;
  }

  /** For clients that rules for connections tell apart. @param own namespaces whose clients have what is theirs already. */
  #emitTold(host: string, own: readonly string[]): void {
    const owners = this.#rules.owners(host);
    if (owners.length === 0) return;
    const { source, clientNamespaces, clients } = this.#parts;
    const told = owners.flatMap(({ sourceNamespaces, exportTo }) => [...sourceNamespaces, ...(exportTo ?? [])]);
    const namespaces = [...new Set(told)].filter((namespace) => clientNamespaces.has(namespace) && !own.includes(namespace));
    const entriesOf = (client: ClientView): AddressesConfig['entries'] => {
      const service = source.services.get(host, client.namespace);
      return service === null ? [] : this.#addresses.of(service, client);
    };
    for (const namespace of namespaces) {
      const service = source.services.get(host, namespace);
      if (service !== null) this.#emitConnections(service, { namespace, labels: {} }, null, entriesOf(ANYONE));
    }
    if (!owners.some(({ sourceLabels }) => sourceLabels.length > 0)) return;
    for (const { id, namespace, labels } of clients.labelled()) {
      const service = source.services.get(host, namespace);
      const base = entriesOf(namespaces.includes(namespace) || own.includes(namespace) ? { namespace, labels: {} } : ANYONE);
      if (service !== null) this.#emitConnections(service, { namespace, labels }, scopeLayer(id), base);
    }
  }

  /** Of a service that only clients of that namespace see. */
  #emitOwnSite(site: Site, namespace: string): void {
    const own = this.#hosts.at(site, { namespace, labels: {} });
    if (own.length > 0) this.#emitHosts(this.#ownLayer(namespace), site, own);
    for (const { scope, look } of this.#labelled(site, [namespace])) {
      if (scope.namespace === namespace) this.#emitDifferent(scope.id, site, differing(this.#hosts.at(site, look), own));
    }
  }

  /** A wildcard over services that some see: for the clients of all other namespaces it stands for itself. */
  #emitUnseen(host: string, done: readonly string[]): void {
    if (this.#hosts.sites(host, { namespace: null }).some(({ of }) => of === null)) return;
    for (const client of this.#parts.clientNamespaces.keys()) {
      const unseen = done.includes(client) ? [] : this.#hosts.sites(host, { namespace: client }).filter(({ of }) => of === null);
      for (const site of unseen) this.#emitOwnSite(site, client);
    }
  }

  /** @param others namespaces whose clients see another service there. */
  #emitSite(site: Site, others: readonly string[]): void {
    const shared = this.#hosts.at(site, ANYONE);
    this.#emitHosts(SHARED_LAYER, site, shared);
    const byNamespace = new Map<string, readonly HostClaim[]>();
    for (const namespace of namespacesToldApart(this.#parts, site)) {
      if (others.includes(namespace)) continue;
      const own = this.#hosts.at(site, { namespace, labels: {} });
      byNamespace.set(namespace, own);
      this.#emitDifferent(namespace, site, differing(own, shared));
    }
    // Many look the same to the rules of one site.
    const known = new Map<string, readonly HostClaim[]>();
    for (const { scope, look } of this.#labelled(site, [...byNamespace.keys()])) {
      if (others.includes(scope.namespace)) continue;
      const key = JSON.stringify([look.namespace, look.labels]);
      const claims = known.get(key) ?? differing(this.#hosts.at(site, look), byNamespace.get(look.namespace ?? '') ?? shared);
      known.set(key, claims);
      this.#emitDifferent(scope.id, site, claims);
    }
  }

  #emitDifferent(scope: string, site: Site, claims: readonly HostClaim[]): void {
    if (claims.length > 0) this.#emitHosts(this.#ownLayer(scope), site, claims);
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

  /**
   * Clients for whom the site may differ by their labels, each with what rules of the site see of it.
   * @param namespaces those that make a difference there.
   */
  #labelled(site: Site, namespaces: readonly string[]): readonly { readonly scope: ClientScope; readonly look: ClientLook }[] {
    const asked = labelsToldApart(this.#parts, site);
    if (asked.length === 0) return [];
    return this.#parts.clients.labelled().map((scope) => {
      const namespace = namespaces.includes(scope.namespace) ? scope.namespace : null;
      return { scope, look: { namespace, labels: asked === 'all' ? scope.labels : only(scope.labels, asked) } };
    });
  }
}

/** What stands at a site for some clients otherwise than for those that they are among. */
function differing(own: readonly HostClaim[], base: readonly HostClaim[]): readonly HostClaim[] {
  const changed = own.filter((claim) => {
    const known = base.find(({ name }) => name === claim.name);
    return known === undefined || share(known, claim) !== known;
  });
  // What the layers behind have besides, as instances of a headless service, must not show through.
  const main = own.findLast(({ alias }) => alias === undefined);
  if (main === undefined) return changed;
  const hidden = base.filter(({ name, alias }) => alias === undefined && !own.some((claim) => claim.name === name));
  return [...changed, ...hidden.map((claim) => ({ ...claim, routes: main.routes }))];
}

function only(labels: StringMap, names: readonly string[]): StringMap {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => names.includes(name)));
}
