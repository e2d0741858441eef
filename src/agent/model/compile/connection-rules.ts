/** TCP and TLS rules of VirtualServices as one kind of client meets them at one port: what depends on the connection is left. */
import { rangeKey } from '../../../base/address-range.ts';
import type { ConnectionRule, WeightedCluster } from '../../../l7/config/workload.ts';
import type { Destination, StringMap, TcpRoute, TlsRoute } from '../objects.ts';
import type { ClientLook } from './client-class.ts';
import { gatewayName, MESH } from './gateway-names.ts';
import { fullName, socketForm } from './hosts.ts';
import type { MeshPort, MeshService } from './mesh-service.ts';
import type { ClientView } from './route-lists.ts';
import type { RouteSource } from './routes.ts';
import { selects } from './selectors.ts';
import { importsRules } from './sidecars.ts';
import { type BoundVirtualService, type VirtualServices, visibleTo } from './virtual-services.ts';

type Match = NonNullable<TcpRoute['match']>[number];
type Weighted = TcpRoute['route'];

/** What is known of a connection before it is there. */
interface Site {
  readonly namespace: string | null;
  readonly labels: readonly StringMap[];
  /** `mesh`, or a gateway. */
  readonly gateway: string;
  readonly port: number;
}

export class ConnectionRules {
  readonly #source: RouteSource;
  readonly #virtualServices: VirtualServices;

  constructor(source: RouteSource, virtualServices: VirtualServices) {
    this.#source = source;
    this.#virtualServices = virtualServices;
  }

  /** Of a service, or a subset of it, as such clients see it. */
  clusterOf(client: ClientLook, host: string, port: number, subset = ''): string {
    const { ids, rules } = this.#source;
    return ids.of(rules.classOf(client, { host }), host, port, subset);
  }

  /** VirtualServices that have rules for connections to the service. */
  owners(host: string): readonly BoundVirtualService[] {
    const found = this.#virtualServices.byHost
      .naming(host)
      .flatMap(([pattern, namings]) => namings.filter((naming) => naming.host === pattern && naming.service.connections !== null));
    return [...new Set(found.map(({ service }) => service))];
  }

  /** Inside the mesh. Null: none is for such clients, and connections go to the service itself. */
  inMesh(service: MeshService, port: MeshPort, client: ClientView): readonly ConnectionRule[] | null {
    const all = this.#ownersFor(service, port, client);
    if (all.length === 0) return null;
    const site: Site = { namespace: client.namespace, labels: [client.labels], gateway: MESH, port: port.number };
    if (port.protocol === 'tls') {
      const rules = all.flatMap((owner) => this.#tls(owner, site));
      return rules.length === 0 ? null : rules;
    }
    const rules = this.#tcp(all, site);
    if (rules.length === 0) return null;
    const itself = { cluster: this.clusterOf(client, service.host, port.number), weight: 1 };
    return rules.at(-1)?.ranges === undefined ? rules : [...rules, { destinations: [itself] }];
  }

  /** Of a gateway's server for TCP: those of the first VirtualService that has any for it. Null: none. */
  atGateway(owner: BoundVirtualService, gateway: string, port: number): readonly ConnectionRule[] | null {
    const rules = this.#tcp([owner], this.#gatewaySite(gateway, port)).map(({ destinations }): ConnectionRule => ({ destinations }));
    return rules.length === 0 ? null : rules.slice(0, 1);
  }

  /** Of a gateway's server that passes TLS on. */
  namesAtGateway(owner: BoundVirtualService, gateway: string, port: number): readonly ConnectionRule[] {
    return this.#tls(owner, this.#gatewaySite(gateway, port));
  }

  #gatewaySite(gateway: string, port: number): Site {
    const { agentNamespace, gatewayLabels } = this.#source.options;
    return { namespace: agentNamespace, labels: gatewayLabels, gateway, port };
  }

  #ownersFor(service: MeshService, port: MeshPort, { namespace, imports }: ClientView): readonly BoundVirtualService[] {
    const namings = this.#virtualServices.byHost.naming(service.host).flatMap(([pattern, all]) =>
      visibleTo(
        all.filter((naming) => naming.host === pattern),
        namespace,
      ),
    );
    const owners = [...new Set(namings.map((naming) => naming.service))].filter(({ connections }) => connections !== null);
    return owners.filter((owner) => imports === undefined || importsRules(imports, owner.hosts, owner.namespace, port.number));
  }

  /** Up to the first that every connection meets. */
  #tcp(owners: readonly BoundVirtualService[], site: Site): ConnectionRule[] {
    const rules: ConnectionRule[] = [];
    for (const owner of owners) {
      for (const { match = [], route } of owner.connections?.tcp ?? []) {
        const met = match.filter((one) => applies(one, owner, site));
        if (match.length > 0 && met.length === 0) continue;
        const destinations = this.#destinations(route, owner, site);
        const whole = match.length === 0 || met.some(({ destinationSubnets = [] }) => destinationSubnets.length === 0);
        if (whole) return [...rules, { destinations }];
        rules.push({ ranges: met.flatMap(({ destinationSubnets = [] }) => destinationSubnets.flatMap(rangeOf)), destinations });
      }
    }
    return rules;
  }

  #tls(owner: BoundVirtualService, site: Site): ConnectionRule[] {
    return (owner.connections?.tls ?? []).flatMap(({ match, route }: TlsRoute) =>
      match
        .filter((one) => applies(one, owner, site))
        .map(({ sniHosts, destinationSubnets = [] }): ConnectionRule => ({
          names: sniHosts.map((name) => name.toLowerCase()),
          ...(destinationSubnets.length > 0 && { ranges: destinationSubnets.flatMap(rangeOf) }),
          destinations: this.#destinations(route, owner, site),
        })),
    );
  }

  #destinations(route: Weighted, { namespace }: BoundVirtualService, site: Site): WeightedCluster[] {
    const all = route.map(({ destination, weight = 0 }) => ({ cluster: this.#cluster(destination, namespace, site), weight }));
    return all.length === 1 ? all.map(({ cluster }) => ({ cluster, weight: 1 })) : all.filter(({ weight }) => weight > 0);
  }

  /** A destination without a port is meant at its only one, or at the one of the connection. */
  #cluster({ host, port, subset = '' }: Destination, namespace: string, site: Site): string {
    const { options, services, ids } = this.#source;
    const { namespace: client, labels, gateway } = site;
    const full = services.aliases.meant(fullName(host, namespace, options.clusterDomain));
    const ports = services.get(full, client)?.ports ?? [];
    const only = ports.length === 1 ? ports[0]?.number : undefined;
    const number = port?.number ?? only ?? site.port;
    if (gateway !== MESH) return ids.of(client, full, number, subset);
    return this.clusterOf({ namespace: client, labels: labels[0] ?? {} }, full, number, subset);
  }
}

function applies(match: Match, { namespace }: BoundVirtualService, site: Site): boolean {
  const { gateways = [], sourceLabels = {}, port, sourceNamespace } = match;
  if (port !== undefined && port !== site.port) return false;
  if (gateways.length > 0 && !gateways.some((name) => gatewayName(name, namespace) === site.gateway)) return false;
  if (site.gateway !== MESH) return true;
  if (sourceNamespace !== undefined && sourceNamespace !== '' && sourceNamespace !== site.namespace) return false;
  return site.labels.some((labels) => selects(sourceLabels, labels));
}

function rangeOf(subnet: string): string[] {
  const [ip = '', bits] = subnet.split('/', 2);
  const address = socketForm(ip);
  return address === null ? [] : [rangeKey(address, bits === undefined ? (address.includes(':') ? 128 : 32) : Number(bits))];
}
