/**
 * What plain HTTP finds at a port inside the mesh: a virtual host for each service that has the port, with the rules of the
 * VirtualService that owns the service, or a route to the service itself.
 */
import type { RouteConfig, RouteTableConfig, VirtualHostConfig } from '../../../l7/snapshot.ts';
import { covers, isWildcard, mostSpecific, serviceDomains } from './hosts.ts';
import { retryConfig } from './retries.ts';
import { routesOf, type RouteSource, type RouteView } from './routes.ts';
import type { PortOfService } from './services.ts';
import { type BoundVirtualService, MESH, type VirtualServices } from './virtual-services.ts';

/** Where VirtualServices for hosts that are no service exist. */
export const UNKNOWN_HOSTS_PORT = 80;

/** A client, as far as routes differ for it. */
export interface ClientView {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface Candidate {
  readonly name: string;
  readonly domains: readonly string[];
  readonly routes: readonly RouteConfig[];
}

/** What a VirtualService has at a port, whoever the client is. */
interface Claim {
  readonly service: BoundVirtualService;
  readonly routed: readonly PortOfService[];
  /** Hosts that no service has at that port. */
  readonly others: readonly string[];
  /** Rules as compiled for one kind of client; most are the same for all. */
  readonly routes: Map<string, readonly RouteConfig[]>;
}

export class MeshVirtualHosts {
  readonly #source: RouteSource;
  readonly #virtualServices: VirtualServices;
  /** Which VirtualService names a host most narrowly; of equals the oldest. */
  readonly #owners = new Map<string, BoundVirtualService>();
  readonly #claims = new Map<number, readonly Claim[]>();
  readonly #defaultRoutes = new Map<string, RouteConfig>();

  constructor(source: RouteSource, virtualServices: VirtualServices) {
    this.#source = source;
    this.#virtualServices = virtualServices;
    for (const service of virtualServices.mesh) {
      for (const host of service.hosts) if (!this.#owners.has(host)) this.#owners.set(host, service);
    }
  }

  /** Ports at which there is something to route. */
  ports(): number[] {
    const { services } = this.#source;
    const routed = services.portNumbers.filter((port) => services.at(port).some((entry) => entry.port.routed));
    return this.namesUnknownHosts() ? [...new Set([...routed, UNKNOWN_HOSTS_PORT])] : routed;
  }

  /** Whether a VirtualService of the mesh is for a host that no service has. */
  namesUnknownHosts(): boolean {
    const { services } = this.#source;
    const known = (host: string): boolean =>
      isWildcard(host) ? services.list.some((service) => covers(host, service.host)) : services.get(host) !== null;
    return this.#virtualServices.mesh.some(({ hosts }) => !hosts.every(known));
  }

  table(client: ClientView, port: number): RouteTableConfig {
    const entries = this.#source.services.at(port);
    const taken = new Set<PortOfService>();
    const candidates = this.#claimsAt(port).flatMap((claim) => this.#candidates(claim, client, port, taken));
    for (const entry of entries) {
      if (entry.port.routed && !taken.has(entry)) candidates.push(...this.#defaults(entry, client));
    }
    const { outboundTrafficPolicy } = this.#source.mesh.settings;
    return { virtualHosts: withoutRepeats(candidates), unknownHost: outboundTrafficPolicy === 'ALLOW_ANY' ? 'passthrough' : 'block' };
  }

  #claimsAt(port: number): readonly Claim[] {
    const known = this.#claims.get(port);
    if (known !== undefined) return known;
    const entries = this.#source.services.at(port);
    const byHost = new Map(entries.map((entry) => [entry.service.host, entry]));
    const claims = this.#virtualServices.mesh.flatMap((service) => this.#claim(service, port, byHost));
    this.#claims.set(port, claims);
    return claims;
  }

  /** Services count only where they have the port; what else a VirtualService names exists on port 80. */
  #claim(service: BoundVirtualService, port: number, byHost: ReadonlyMap<string, PortOfService>): Claim[] {
    const named = new Set<PortOfService>();
    const others: string[] = [];
    for (const host of service.hosts) {
      const covered = isWildcard(host)
        ? [...byHost.values()].filter((entry) => covers(host, entry.service.host))
        : [byHost.get(host) ?? []].flat();
      if (covered.length === 0) others.push(host);
      // A wildcard leaves services alone that another VirtualService names more narrowly.
      for (const entry of covered) if (!isWildcard(host) || mostSpecific(entry.service.host, this.#owners) === service) named.add(entry);
    }
    const routed = [...named].filter((entry) => entry.port.routed);
    if (routed.length === 0 && (port !== UNKNOWN_HOSTS_PORT || others.length === 0)) return [];
    return [{ service, routed, others, routes: new Map() }];
  }

  #candidates(claim: Claim, client: ClientView, port: number, taken: Set<PortOfService>): Candidate[] {
    const { routed, others } = claim;
    const routes = this.#routes(claim, client, port);
    // Rules of which none is for this client leave the service as it was.
    if (routes.length === 0) return [];
    for (const entry of routed) taken.add(entry);
    return [
      ...others.map((host) => ({ name: `${host}:${port}`, domains: [host], routes })),
      ...routed.map((entry) => ({ name: `${entry.service.host}:${port}`, domains: domainsOf(entry, client), routes })),
    ];
  }

  #routes({ service, routes }: Claim, client: ClientView, port: number): readonly RouteConfig[] {
    const rules = this.#source.rules.concern(client.namespace) ? client.namespace : '';
    const key = JSON.stringify([rules, looksAtSource(service) ? client : null]);
    const known = routes.get(key);
    if (known !== undefined) return known;
    const compiled = routesOf(this.#source, service, meshView(client, port));
    routes.set(key, compiled);
    return compiled;
  }

  #defaults(entry: PortOfService, client: ClientView): Candidate[] {
    const { ids } = this.#source;
    const { service, port } = entry;
    const name = `${service.host}:${port.number}`;
    const route = this.#defaultRoute(ids.of(client.namespace, service.host, port.number, ''));
    const whole = { name, domains: domainsOf(entry, client), routes: [route] };
    if (!service.headless) return [whole];
    const instances = port.endpoints.filter(({ hostname }) => hostname !== '');
    return [
      ...instances.map((endpoint) => ({
        name: `${endpoint.hostname}.${name}`,
        domains: serviceDomains(service, client.namespace).map((domain) => `${endpoint.hostname}.${domain}`),
        routes: [this.#defaultRoute(ids.instance(client.namespace, entry, endpoint))],
      })),
      whole,
    ];
  }

  #defaultRoute(cluster: string): RouteConfig {
    const known = this.#defaultRoutes.get(cluster);
    if (known !== undefined) return known;
    const retry = retryConfig(undefined, this.#source.mesh.defaultRetry, false);
    const destinations = [{ cluster, weight: 1 }];
    const route: RouteConfig = { name: 'default', match: {}, action: { kind: 'route', destinations, mirrors: [], timeoutMs: 0, retry } };
    this.#defaultRoutes.set(cluster, route);
    return route;
  }
}

function looksAtSource({ object }: BoundVirtualService): boolean {
  const requests = (object.spec.http ?? []).flatMap(({ match }) => match ?? []);
  return requests.some(({ sourceLabels, sourceNamespace }) => sourceLabels !== undefined || sourceNamespace !== undefined);
}

/** Inside the mesh a destination without a port is meant at the port on which the request came, whatever ports it has. */
function meshView({ namespace, labels }: ClientView, port: number): RouteView {
  return { namespace, labels: [labels], gateway: MESH, port, defaultPort: () => port };
}

function domainsOf({ service }: PortOfService, client: ClientView): string[] {
  const domains = serviceDomains(service, client.namespace);
  return [...domains, ...(service.headless ? domains.map((domain) => `*.${domain}`) : []), ...service.addresses];
}

/** Names and domains belong to whoever comes first. */
function withoutRepeats(candidates: readonly Candidate[]): VirtualHostConfig[] {
  const names = new Set<string>();
  const domains = new Set<string>();
  return candidates.flatMap((candidate) => {
    if (names.has(candidate.name)) return [];
    names.add(candidate.name);
    const own = candidate.domains.filter((domain) => !domains.has(domain));
    for (const domain of own) domains.add(domain);
    return own.length === 0 ? [] : [{ name: candidate.name, domains: own, routes: candidate.routes }];
  });
}
