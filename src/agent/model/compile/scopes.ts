/** What clients see of the mesh. Pods of one namespace share a scope as long as no rule tells them apart by their labels. */
import type { DestinationConfig, ScopeConfig } from '../../../l7/snapshot.ts';
import type { StringMap } from '../objects.ts';
import { socketAddress } from './hosts.ts';
import type { RouteSource } from './routes.ts';
import type { PortOfService } from './services.ts';
import type { ClientView, MeshVirtualHosts } from './virtual-hosts.ts';
import { UNKNOWN_HOSTS_PORT } from './virtual-hosts.ts';
import type { VirtualServices } from './virtual-services.ts';

export class Scopes {
  readonly configs: Record<string, ScopeConfig> = {};
  readonly #source: RouteSource;
  readonly #hosts: MeshVirtualHosts;
  /** Labels by which rules tell clients apart. */
  readonly #keys: readonly string[];

  constructor(source: RouteSource, hosts: MeshVirtualHosts, virtualServices: VirtualServices) {
    this.#source = source;
    this.#hosts = hosts;
    this.#keys = labelKeys(virtualServices);
  }

  /** The id of the scope of such a client, which is compiled when the first one asks for it. */
  of(namespace: string, podLabels: StringMap): string {
    const relevant = this.#keys.flatMap((key) => (podLabels[key] === undefined ? [] : [[key, podLabels[key]] as const]));
    const id = [namespace, ...relevant.map(([key, value]) => `${key}=${value}`)].join(';');
    this.configs[id] ??= this.#compile(id, { namespace, labels: Object.fromEntries(relevant) });
    return id;
  }

  #compile(id: string, client: ClientView): ScopeConfig {
    const tables = this.#hosts.ports().map((port) => [String(port), this.#hosts.table(client, port)] as const);
    const http = Object.fromEntries(tables.filter(([, { virtualHosts }]) => virtualHosts.length > 0));
    return { id, namespace: client.namespace, http, addresses: this.#addresses(client) };
  }

  #addresses({ namespace }: ClientView): Record<string, DestinationConfig> {
    const { services, ids } = this.#source;
    const addresses: Record<string, DestinationConfig> = {};
    if (this.#hosts.namesUnknownHosts()) addresses[`*:${UNKNOWN_HOSTS_PORT}`] = BY_HOST;
    for (const service of services.list) {
      for (const port of service.ports) {
        if (port.declaredHttp) addresses[`*:${port.number}`] = BY_HOST;
        const cluster = ids.of(namespace, service.host, port.number, '');
        for (const ip of service.addresses) addresses[socketAddress(ip, port.number)] ??= { protocol: port.protocol, cluster };
        if (service.headless) this.#addInstances(addresses, namespace, { service, port });
      }
    }
    return addresses;
  }

  /** Clients of a headless service have chosen an endpoint before they connect. */
  #addInstances(addresses: Record<string, DestinationConfig>, namespace: string, entry: PortOfService): void {
    const { number, protocol, endpoints } = entry.port;
    for (const endpoint of endpoints) {
      const cluster = this.#source.ids.instance(namespace, entry, endpoint);
      addresses[socketAddress(endpoint.config.address, number)] ??= { protocol, cluster };
    }
  }
}

/** Istio's listener for all addresses at a port with HTTP services: HTTP goes by its Host, the rest to where it was going. */
const BY_HOST: DestinationConfig = { protocol: 'auto', cluster: null };

function labelKeys({ mesh }: VirtualServices): string[] {
  const requests = mesh.flatMap(({ object }) => (object.spec.http ?? []).flatMap(({ match }) => match ?? []));
  return [...new Set(requests.flatMap(({ sourceLabels }) => Object.keys(sourceLabels ?? {})))].sort();
}
