/** What stands behind the addresses of services. Of several that have one, the oldest has it. */
import type { AddressesConfig, DestinationConfig } from '../../../l7/config/workload.ts';
import type { ClusterIds } from './clusters.ts';
import { instanceId } from './clusters.ts';
import type { Endpoints } from './endpoints.ts';
import { socketAddress } from './hosts.ts';
import type { MeshPort, MeshService, Services } from './services.ts';

/** Istio's listener for all addresses at a port with HTTP services: HTTP goes by its Host, the rest to where it was going. */
const BY_HOST: DestinationConfig = { to: 'host', protocol: 'auto' };

export class Addresses {
  readonly #services: Services;
  readonly #endpoints: Endpoints;
  readonly #ids: ClusterIds;

  constructor(services: Services, endpoints: Endpoints, ids: ClusterIds) {
    this.#services = services;
    this.#endpoints = endpoints;
    this.#ids = ids;
  }

  /** @param client the namespace of clients that see the service as others do not; null: of all others. */
  of(service: MeshService, client: string | null): AddressesConfig['entries'] {
    const entries = new Map<string, DestinationConfig>();
    for (const [index, port] of service.ports.entries()) {
      const cluster = this.#ids.of(client, service.host, port.number, '');
      for (const ip of service.addresses) this.#add(entries, ip, service, port, cluster);
      if (!service.headless) continue;
      // Clients of a headless service have chosen an endpoint before they connect.
      for (const { config } of this.#endpoints.get(service.host)[index] ?? []) {
        this.#add(entries, config.address, service, port, instanceId(cluster, config.address));
      }
    }
    return [...entries];
  }

  /** Any address at the ports that are known to speak HTTP, whoever has it. */
  byHost(ports: readonly number[]): AddressesConfig['entries'] {
    return ports.map((port) => [`*:${port}`, BY_HOST] as const);
  }

  #add(entries: Map<string, DestinationConfig>, ip: string, service: MeshService, { number, protocol }: MeshPort, cluster: string): void {
    const owner = this.#services.addressClaims.get(ip).find(({ ports }) => ports.some((port) => port.number === number));
    const key = socketAddress(ip, number);
    if (owner?.host === service.host && !entries.has(key)) entries.set(key, { to: 'cluster', protocol, cluster });
  }
}
