/** What stands behind the addresses of services. Of several that have one, the oldest has it. */
import type { AddressesConfig, DestinationConfig } from '../../../l7/config/workload.ts';
import type { ClusterIds } from './clusters.ts';
import { instanceId } from './clusters.ts';
import type { Endpoints } from './endpoints.ts';
import { socketAddress } from './hosts.ts';
import { type MeshPort, type MeshService, partOf, portOf } from './mesh-service.ts';
import type { Services } from './services.ts';

/** Istio's listener for all addresses at a port: HTTP goes by its Host, TLS by its name, the rest to where it was going. */
const BY_HOST: DestinationConfig = { to: 'host', protocol: 'auto' };
const ANY = '*';

export class Addresses {
  readonly #services: Services;
  readonly #endpoints: Endpoints;
  readonly #ids: ClusterIds;

  constructor(services: Services, endpoints: Endpoints, ids: ClusterIds) {
    this.#services = services;
    this.#endpoints = endpoints;
    this.#ids = ids;
  }

  /**
   * @param client the namespace of clients that see the service as others do not; null: of all others.
   * @param sees whether they see a port of it.
   */
  of(service: MeshService, client: string | null, sees: (port: MeshPort) => boolean = () => true): AddressesConfig['entries'] {
    const entries = new Map<string, DestinationConfig>();
    for (const [index, port] of service.ports.entries()) {
      if (!sees(port)) continue;
      const cluster = this.#ids.of(client, service.host, port.number, '');
      const { addresses, entry } = partOf(service, port);
      for (const ip of [...addresses, ...(entry?.ranges ?? [])]) this.#add(entries, ip, service, port, cluster);
      if (!service.headless) continue;
      // Clients of a headless service have chosen an endpoint before they connect.
      for (const { config } of this.#endpoints.get(service)[index] ?? []) {
        this.#add(entries, config.address, service, port, instanceId(cluster, config.address));
      }
    }
    return [...entries];
  }

  /**
   * Any address at a port that is known to speak HTTP, whoever has it, or that a ServiceEntry without addresses has.
   * @param client the namespace of clients that see services which others do not; null: of all others.
   * @param sees whether they see the service at a port.
   */
  anywhere(
    ports: readonly number[],
    client: string | null,
    sees: (service: MeshService, port: number) => boolean = () => true,
  ): AddressesConfig['entries'] {
    const http = new Set(ports);
    const known = this.#services.anywhere.keys().map(Number);
    return [...new Set([...ports, ...known])]
      .sort((a, b) => a - b)
      .flatMap((port) => {
        const there = this.#services.anywhere.get(String(port)).filter((service) => {
          return this.#services.get(service.host, client)?.namespace === service.namespace && sees(service, port);
        });
        // Of those that need no name, the oldest has the port.
        const owner = there.find((service) => portOf(service, port)?.protocol !== 'tls');
        const looked = http.has(port) || there.some((service) => portOf(service, port)?.protocol === 'tls');
        const cluster = owner === undefined ? undefined : this.#ids.of(client, owner.host, port, '');
        if (!looked && cluster === undefined) return [];
        const destination: DestinationConfig = !looked
          ? { to: 'cluster', protocol: 'tcp', cluster: cluster as string }
          : { ...BY_HOST, ...(cluster !== undefined && { opaque: cluster }) };
        return [[socketAddress(ANY, port), destination] as const];
      });
  }

  #add(entries: Map<string, DestinationConfig>, ip: string, service: MeshService, { number, protocol }: MeshPort, cluster: string): void {
    const rivals = this.#services.addressClaims.get(ip);
    const owner = rivals.find(({ ports }) => ports.some((port) => port.number === number));
    const key = socketAddress(ip, number);
    if (owner?.host === service.host && !entries.has(key)) entries.set(key, { to: 'cluster', protocol, cluster });
  }
}
