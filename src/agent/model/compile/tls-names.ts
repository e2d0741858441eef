/** The names that TLS clients ask for, where the address of a connection does not say where it goes. */
import type { RouteConfig, VirtualHostConfig } from '../../../l7/config/route.ts';
import { sniLayer } from '../../../l7/config/workload.ts';
import { type MeshPort, type MeshService, partOf } from './mesh-service.ts';
import type { RouteSource } from './routes.ts';

/** @param client the namespace of clients that see the service as others do not; null: of all others. */
export function namesOf(
  { ids }: Pick<RouteSource, 'ids'>,
  service: MeshService,
  client: string | null,
  layer: string,
  sees: (port: MeshPort) => boolean = () => true,
): VirtualHostConfig[] {
  return service.ports.filter(sees).flatMap((port) => {
    const { number, protocol } = port;
    const { entry, addresses } = partOf(service, port);
    if (protocol !== 'tls' || entry === null || addresses.length > 0) return [];
    const routes = [passRoute(ids.of(client, service.host, number, ''))];
    return [{ layer: sniLayer(layer), port: number, name: [service.host, number].join(':'), domains: [service.host], local: null, routes }];
  });
}

/** Of a connection that is passed on as it is. */
function passRoute(cluster: string): RouteConfig {
  return { name: '', match: {}, action: { kind: 'route', destinations: [{ cluster, weight: 1 }], mirrors: [], timeoutMs: 0, retry: null } };
}
