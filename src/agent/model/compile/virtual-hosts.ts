/**
 * The virtual hosts at a port inside the mesh: a virtual host for each service that has the port, with the rules of the
 * VirtualService that owns the service, or a route to the service itself; on port 80 also one for each host that a VirtualService
 * names and no service has.
 *
 * Names and domains belong to whoever comes first: VirtualServices by age, then services by age.
 */
import { isIP } from 'node:net';
import type { RouteConfig } from '../../../l7/config/route.ts';
import { byAge } from './age.ts';
import type { Alias } from './aliases.ts';
import { instanceId } from './clusters.ts';
import type { Endpoints } from './endpoints.ts';
import { hostNames, type HostNames, isWildcard } from './hosts.ts';
import { type MeshPort, type MeshService, portOf } from './mesh-service.ts';
import { namesake } from './namesakes.ts';
import { retryConfig } from './retries.ts';
import type { ClientView, RouteLists } from './route-lists.ts';
import type { RouteSource } from './routes.ts';
import { type Imports, importsPort, importsRules, importsService } from './sidecars.ts';
import { type BoundVirtualService, type Naming, type VirtualServices, visibleTo } from './virtual-services.ts';

/** Where VirtualServices for hosts that are no service exist. */
export const UNKNOWN_HOSTS_PORT = 80;

/** A virtual host as far as it does not depend on its layer. */
export interface HostClaim {
  readonly name: string;
  readonly domains: readonly string[];
  readonly local: HostNames['local'];
  readonly routes: readonly RouteConfig[];
  /** Of another name of a service. */
  readonly alias?: true;
}

/** A host at a port. */
export interface Site {
  readonly host: string;
  readonly port: number;
  /** Null: no service has the host at that port. */
  readonly of: { readonly service: MeshService; readonly port: MeshPort } | null;
  /** The host is another name of a service, and some VirtualService names it. */
  readonly alias?: Alias;
  /** Who names it, or a wildcard that has it, the narrowest first, then by age. */
  readonly namings: readonly Naming[];
  /** Other hosts that may have a domain of it, as far as somebody asked. */
  readonly rivals: Map<string, readonly string[]>;
}

/** What stands at a site for one kind of client. */
interface Claims {
  /** Null: the service itself. */
  readonly owner: BoundVirtualService | null;
  readonly hosts: readonly HostClaim[];
}

const NOTHING: Claims = { owner: null, hosts: [] };
const NO_HOSTS: readonly string[] = [];

export class VirtualHosts {
  readonly #source: RouteSource;
  readonly #endpoints: Endpoints;
  readonly #virtualServices: VirtualServices;
  readonly #routeLists: RouteLists;

  constructor(source: RouteSource, endpoints: Endpoints, virtualServices: VirtualServices, routeLists: RouteLists) {
    this.#source = source;
    this.#endpoints = endpoints;
    this.#virtualServices = virtualServices;
    this.#routeLists = routeLists;
  }

  /** Where the host has something to route, for such a client. */
  sites(host: string, client: Omit<ClientView, 'labels'>): Site[] {
    const { namespace, imports } = client;
    const service = this.#source.services.get(host, namespace);
    const ports = (service?.ports ?? []).filter(({ routed, number }) => routed && sees(imports, service, number));
    const routed = ports.map((port) => this.#serviceSite(service as MeshService, port, imports));
    const alias = this.#source.services.aliases.of(host);
    if (alias !== null && service === null) return this.#aliasSites(alias, imports);
    const unknown = this.#unknownSite(host, service, client);
    return unknown === null ? routed : [...routed, unknown];
  }

  /** What stands there for such a client. */
  at(site: Site, client: ClientView): readonly HostClaim[] {
    const { owner, hosts } = this.#claims(site, client);
    return hosts.flatMap((claim) => {
      const domains = claim.domains.filter((domain) => this.#belongs(domain, site, owner, client));
      return domains.length === 0 ? [] : [domains.length === claim.domains.length ? claim : { ...claim, domains }];
    });
  }

  #serviceSite(service: MeshService, port: MeshPort, imports: Imports | undefined): Site {
    const namings = this.#naming(service.host).filter((one) => obeys(imports, one.service, port.number));
    return { host: service.host, port: port.number, of: { service, port }, namings, rivals: new Map() };
  }

  #aliasSites(alias: Alias, imports: Imports | undefined): Site[] {
    const { host, ports } = alias;
    return ports.map((port) => {
      const namings = this.#naming(host).filter((one) => obeys(imports, one.service, port));
      return { host, port, of: null, alias, namings, rivals: new Map() };
    });
  }

  /**
   * Services count only where they have the port. A wildcard stands for itself for clients that see none of the services that it names;
   * for those that are told apart by nothing, if nobody sees one.
   */
  #unknownSite(host: string, service: MeshService | null, { namespace, imports }: Omit<ClientView, 'labels'>): Site | null {
    const all = this.#naming(host).filter((naming) => naming.host === host);
    const namings = all.filter((one) => obeys(imports, one.service, UNKNOWN_HOSTS_PORT));
    if (namings.length === 0) return null;
    const has = (one: MeshService): boolean =>
      portOf(one, UNKNOWN_HOSTS_PORT) !== null && isThereFor(one, namespace) && sees(imports, one, UNKNOWN_HOSTS_PORT);
    const known = (isWildcard(host) && this.#source.services.hosts.named(host).some(has)) || (service !== null && has(service));
    return known ? null : { host, port: UNKNOWN_HOSTS_PORT, of: null, namings, rivals: new Map() };
  }

  /** Who names the host or a wildcard that has it, the narrowest first. */
  #naming(host: string): Naming[] {
    return this.#virtualServices.byHost.naming(host).flatMap(([pattern, namings]) => namings.filter((naming) => naming.host === pattern));
  }

  #claims(site: Site, client: ClientView): Claims {
    for (const owner of ownersFor(site, client.namespace)) {
      const routes = this.#routeLists.inMesh(owner, client, site.port);
      // If none of the rules is for this client, the service keeps its own route.
      if (routes.length > 0) return { owner, hosts: this.#withAliases(site, [this.#claimOf(site, routes)], client) };
    }
    return site.of === null ? NOTHING : { owner: null, hosts: this.#withAliases(site, this.#defaults(site, site.of, client), client) };
  }

  /** @param hosts the service itself is the last of them. */
  #withAliases({ port, of }: Site, hosts: readonly HostClaim[], { imports }: ClientView): readonly HostClaim[] {
    const routes = hosts.at(-1)?.routes ?? [];
    const aliases = of === null ? [] : this.#source.services.aliases.leadingTo(of.service.host);
    const seen = aliases.filter(({ host, namespace }) => imports === undefined || importsService(imports, host, namespace, port));
    const headless = of?.service.headless === true;
    return seen.length === 0
      ? hosts
      : [...hosts, ...seen.map(({ host }) => ({ ...this.#claimOfName(host, headless, port, routes), alias: true as const }))];
  }

  #defaults(site: Site, { service, port }: NonNullable<Site['of']>, client: ClientView): HostClaim[] {
    const { ids, rules } = this.#source;
    const cluster = ids.of(rules.classOf(client, service), service.host, port.number, '');
    const whole = this.#claimOf(site, [this.#defaultRoute(cluster)]);
    if (!service.headless) return [whole];
    const endpoints = this.#endpoints.ofHeadless(service)[service.ports.indexOf(port)] ?? [];
    const named = new Map(endpoints.filter(({ hostname }) => hostname !== '').map((endpoint) => [endpoint.hostname, endpoint]));
    const { everywhere, local } = this.#namesOf(service.host);
    const below = (domains: readonly string[], hostname: string): string[] => domains.map((domain) => `${hostname}.${domain}`);
    const instances = [...named].map(([hostname, { config }]): HostClaim => ({
      name: `${hostname}.${whole.name}`,
      domains: below(everywhere, hostname),
      local: local && { ...local, domains: below(local.domains, hostname) },
      routes: [this.#defaultRoute(instanceId(cluster, config.address))],
    }));
    return [...instances, whole];
  }

  #claimOf({ host, port, of, alias }: Site, routes: readonly RouteConfig[]): HostClaim {
    if (alias !== undefined) return this.#claimOfName(alias.host, false, port, routes);
    if (of === null) return { name: [host, port].join(':'), domains: [host], local: null, routes };
    const claim = this.#claimOfName(host, of.service.headless, port, routes);
    return { ...claim, domains: claim.domains.concat(of.port.asNames ?? of.service.addresses) };
  }

  #claimOfName(host: string, headless: boolean, port: number, routes: readonly RouteConfig[]): HostClaim {
    const { everywhere, local } = this.#namesOf(host);
    return {
      name: [host, port].join(':'),
      domains: withBelow(everywhere, headless),
      local: local && { ...local, domains: withBelow(local.domains, headless) },
      routes,
    };
  }

  #namesOf(host: string): HostNames {
    return hostNames(host, this.#source.options.clusterDomain);
  }

  #defaultRoute(cluster: string): RouteConfig {
    const retry = retryConfig(undefined, this.#source.mesh.get().defaultRetry, false);
    const destinations = [{ cluster, weight: 1 }];
    return { name: 'default', match: {}, action: { kind: 'route', destinations, mirrors: [], timeoutMs: 0, retry } };
  }

  #belongs(domain: string, site: Site, owner: BoundVirtualService | null, client: ClientView): boolean {
    return this.#rivals(domain, site, client).every((rival) => {
      const theirs = this.#claims(rival, client);
      return !theirs.hosts.some(({ domains }) => domains.includes(domain)) || comesFirst(site, owner, rival, theirs.owner);
    });
  }

  /** Others that may have the domain at the port. Full names of services are their own. */
  #rivals(domain: string, site: Site, client: ClientView): Site[] {
    const known = site.rivals.get(domain) ?? [...new Set(this.#rivalHosts(domain, site))].filter((other) => other !== site.host);
    site.rivals.set(domain, known);
    return known.flatMap((other) => this.sites(other, client).filter(({ port }) => port === site.port));
  }

  #rivalHosts(domain: string, { host, of }: Site): readonly string[] {
    if (isIP(domain) !== 0) return this.#source.services.addressClaims.get(domain).map((claim) => claim.host);
    const { aliases } = this.#source.services;
    const namesakes = namesake(domain, this.#source.options.clusterDomain);
    const named = [domain, ...namesakes].flatMap((name) => aliases.of(name) ?? []);
    // The name of an alias may be claimed by what it leads to and by rules that name it.
    if (named.length > 0) return named.flatMap((alias) => [alias.host, ...aliases.services(alias)]);
    if (of === null) return namesakes;
    // Rules name the domain itself, which is a name of this service.
    return this.#virtualServices.byHost.own(host).some((naming) => naming.host === domain) ? [domain] : NO_HOSTS;
  }
}

/** @param client null: any. */
function isThereFor({ exportTo }: MeshService, client: string | null): boolean {
  return exportTo === null || (client === null ? exportTo.length > 0 : exportTo.includes(client));
}

function sees(imports: Imports | undefined, service: MeshService | null, port: number): boolean {
  return service !== null && (imports === undefined || importsPort(imports, service, port));
}

function obeys(imports: Imports | undefined, { hosts, namespace }: BoundVirtualService, port: number): boolean {
  return imports === undefined || importsRules(imports, hosts, namespace, port);
}

/** VirtualServices that may own it for clients of a namespace, in the order in which they are asked. */
function ownersFor({ namings }: Site, namespace: string | null): BoundVirtualService[] {
  const seen = visibleTo(namings, namespace);
  const [first] = seen;
  // Of wildcards only the narrowest counts, and of those that give the same one the first.
  if (first === undefined || isWildcard(first.host)) return first === undefined ? [] : [first.service];
  return [...new Set(seen.filter(({ host }) => host === first.host).map(({ service }) => service))];
}

/** Whatever is below the name of a headless service leads to it. */
function withBelow(domains: readonly string[], headless: boolean): readonly string[] {
  return headless ? [...domains, ...domains.map((domain) => `*.${domain}`)] : domains;
}

function comesFirst(site: Site, owner: BoundVirtualService | null, rival: Site, rivalOwner: BoundVirtualService | null): boolean {
  if (owner !== null && rivalOwner !== null && owner.key !== rivalOwner.key) return byAge(owner, rivalOwner) < 0;
  if ((owner === null) !== (rivalOwner === null)) return owner !== null;
  if (site.of === null || rival.of === null) return site.of === null;
  return byAge(site.of.service, rival.of.service) < 0;
}
