/** What stands behind the addresses of services. Of several that have one, the oldest has it. */
import type { AddressesConfig, DestinationConfig } from '../../../l7/config/workload.ts';
import { instanceId } from './clusters.ts';
import type { ConnectionRules } from './connection-rules.ts';
import type { Endpoints } from './endpoints.ts';
import { socketAddress } from './hosts.ts';
import { addressesAt, type MeshPort, type MeshService, portOf } from './mesh-service.ts';
import type { ClientView } from './route-lists.ts';
import type { Services } from './services.ts';

/** Istio's listener for all addresses at a port: HTTP goes by its Host, TLS by its name, the rest to where it was going. */
const BY_HOST: DestinationConfig = { to: 'host', protocol: 'auto' };
const ANY = '*';

export class Addresses {
  readonly #services: Services;
  readonly #endpoints: Endpoints;
  readonly #rules: ConnectionRules;

  constructor(services: Services, endpoints: Endpoints, rules: ConnectionRules) {
    this.#rules = rules;
    this.#services = services;
    this.#endpoints = endpoints;
  }

  /**
   * @param client whom the addresses are for.
   * @param sees whether they see a port of it.
   */
  of(service: MeshService, client: ClientView, sees: (port: MeshPort) => boolean = () => true): AddressesConfig['entries'] {
    const entries = new Map<string, DestinationConfig>();
    for (const [index, port] of service.ports.entries()) {
      if (!sees(port)) continue;
      const to = this.#destination(service, port, client);
      for (const ip of addressesAt(service, port)) this.#add(entries, ip, service, port, to);
      if (!service.headless) continue;
      // Clients of a headless service have chosen an endpoint before they connect.
      for (const { config } of this.#endpoints.ofHeadless(service)[index] ?? []) {
        this.#add(entries, config.address, service, port, { ...to, cluster: instanceId(to.cluster, config.address) });
      }
    }
    return [...entries];
  }

  /**
   * Any address at a port that is known to speak HTTP, whoever has it, or that a ServiceEntry without addresses has.
   * @param client whom the addresses are for.
   * @param sees whether they see the service at a port.
   */
  anywhere(
    ports: readonly number[],
    client: ClientView,
    sees: (service: MeshService, port: number) => boolean = () => true,
  ): AddressesConfig['entries'] {
    const http = new Set(ports);
    const known = this.#services.anywhere.keys().map(Number);
    return [...new Set([...ports, ...known])]
      .sort((a, b) => a - b)
      .flatMap((port) => {
        const there = this.#services.anywhere.get(String(port)).filter((service) => {
          const isThere = service.exportTo === null || (client.namespace !== null && service.exportTo.includes(client.namespace));
          return isThere && this.#services.get(service.host, client.namespace)?.namespace === service.namespace && sees(service, port);
        });
        // Of those that need no name, the oldest has the port.
        const owner = there.find((service) => portOf(service, port)?.protocol !== 'tls');
        const looked = http.has(port) || there.some((service) => portOf(service, port)?.protocol === 'tls');
        const at = owner === undefined ? null : portOf(owner, port);
        const to = owner === undefined || at === null ? null : this.#destination(owner, at, client);
        if (!looked && to === null) return [];
        const { cluster: opaque, rules } = to ?? {};
        const destination: DestinationConfig =
          !looked && to !== null
            ? { ...to, protocol: 'tcp' }
            : { ...BY_HOST, ...(opaque !== undefined && { opaque }), ...(rules !== undefined && { rules }) };
        return [[socketAddress(ANY, port), destination] as const];
      });
  }

  #add(entries: Map<string, DestinationConfig>, ip: string, service: MeshService, { number }: MeshPort, to: DestinationConfig): void {
    const rivals = this.#services.addressClaims.get(ip);
    const owner = rivals.find(({ ports }) => ports.some((port) => port.number === number));
    const key = socketAddress(ip, number);
    if (owner?.host === service.host && !entries.has(key)) entries.set(key, to);
  }

  /** Connections that are not HTTP go by the rules that are for them, if there are any. */
  #destination(service: MeshService, port: MeshPort, client: ClientView): DestinationConfig & { readonly to: 'cluster' } {
    const { protocol, declaredHttp, number } = port;
    const cluster = this.#rules.clusterOf(client, service.host, number);
    const rules = declaredHttp ? null : this.#rules.inMesh(service, port, client);
    return { to: 'cluster', protocol, cluster, ...(rules !== null && { rules }) };
  }
}
