/** Gateways of this node: servers of one port are merged, and so are all VirtualServices that are bound to one host. */
import type { GatewayConfig, RouteConfig, VirtualHostConfig } from '../../../l7/snapshot.ts';
import { type Gateway, type GatewayServer, objectKey } from '../objects.ts';
import { intersect } from './hosts.ts';
import { isCatchAll } from './matches.ts';
import { type ObjectSet, objectsOf } from './object-set.ts';
import type { CompileOptions } from './options.ts';
import { routesOf, type RouteSource, type RouteView } from './routes.ts';
import { selects } from './selectors.ts';
import type { BoundVirtualService, VirtualServices } from './virtual-services.ts';

/** A server of a Gateway that applies to this node. */
interface Bound {
  /** `namespace/name` of the Gateway. */
  readonly gateway: string;
  readonly namespace: string;
  readonly server: GatewayServer;
}

/** All Gateways, the oldest first. */
export function listGateways(objects: ObjectSet): readonly Gateway[] {
  return objectsOf(objects, 'Gateway');
}

/** Whether one of the node's label sets is what the Gateway selects. An empty selector selects everything. */
export function appliesHere({ spec }: Gateway, { gatewayLabels }: CompileOptions): boolean {
  return gatewayLabels.some((labels) => selects(spec.selector ?? {}, labels));
}

export function gatewayConfigs(
  gateways: readonly Gateway[],
  virtualServices: VirtualServices,
  source: RouteSource,
): Record<string, GatewayConfig> {
  const bound = gateways
    .filter((gateway) => appliesHere(gateway, source.options))
    .flatMap((gateway) => {
      const of = { gateway: objectKey(gateway.metadata), namespace: gateway.metadata.namespace ?? '' };
      return gateway.spec.servers.map((server): Bound => ({ ...of, server }));
    });
  const ports = Map.groupBy(bound, ({ server }) => server.port.number);
  return Object.fromEntries(
    [...ports].map(([port, servers]): [string, GatewayConfig] => {
      const virtualHosts = mergedHosts(servers, port, virtualServices, source);
      return [String(port), { port, protocol: 'http', routes: { virtualHosts, unknownHost: 'not-found' } }];
    }),
  );
}

function mergedHosts(servers: readonly Bound[], port: number, virtualServices: VirtualServices, source: RouteSource): VirtualHostConfig[] {
  const hosts = new Map<string, { readonly from: Set<BoundVirtualService>; readonly routes: RouteConfig[] }>();
  for (const bound of servers) {
    for (const service of virtualServices.boundTo(bound.gateway)) {
      const common = intersect(serverHosts(bound, service.namespace), service.hosts);
      const routes = common.length === 0 ? [] : routesOf(source, service, gatewayView(bound.gateway, port, source));
      if (routes.length === 0) continue;
      for (const host of common) {
        const merged = hosts.get(host) ?? { from: new Set(), routes: [] };
        hosts.set(host, merged);
        // The same rules by way of a second server add nothing.
        if (!merged.from.has(service)) merged.routes.push(...routes);
        merged.from.add(service);
      }
    }
  }
  return [...hosts].map(([host, { routes }]) => ({ name: `${host}:${port}`, domains: [host], routes: catchAllsLast(routes) }));
}

// `host` and `*/host` may be bound from any namespace, `./host` from the Gateway's own, `namespace/host` from that one.
export function serverHosts({ server, namespace }: Pick<Bound, 'server' | 'namespace'>, of: string): string[] {
  return server.hosts.flatMap((entry) => {
    const slash = entry.indexOf('/');
    const allowed = slash < 0 ? '*' : entry.slice(0, slash);
    const host = entry.slice(slash + 1).toLowerCase();
    return allowed === '*' || (allowed === '.' ? namespace : allowed) === of ? [host] : [];
  });
}

/** At a gateway a destination without a port is meant at its only port. */
function gatewayView(gateway: string, port: number, { options, services }: RouteSource): RouteView {
  const defaultPort = (host: string): number => {
    const ports = services.get(host)?.ports ?? [];
    return ports.length === 1 && ports[0] !== undefined ? ports[0].number : port;
  };
  return { namespace: options.agentNamespace, labels: options.gatewayLabels, gateway, port, defaultPort };
}

/** Merged rules must not hide each other: those for everything come after the others. */
function catchAllsLast(routes: readonly RouteConfig[]): RouteConfig[] {
  return [...routes.filter(({ match }) => !isCatchAll(match)), ...routes.filter(({ match }) => isCatchAll(match))];
}
