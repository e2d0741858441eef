/** Virtual hosts of gateways: all VirtualServices that are bound to one host at one port are merged. */
import type { RouteConfig, VirtualHostConfig } from '../../../l7/config/route.ts';
import type { Graph } from '../incremental/graph.ts';
import type { Target } from '../incremental/cell.ts';
import { Table } from '../incremental/table.ts';
import { gatewayLayer, type Gateways } from './gateways.ts';
import { isCatchAll } from './matches.ts';
import type { RouteLists } from './route-lists.ts';
import type { VirtualServices } from './virtual-services.ts';

export interface GatewayHostParts {
  readonly gateways: Gateways;
  readonly virtualServices: VirtualServices;
  readonly routeLists: RouteLists;
  readonly output: Target;
}

/** What a server answers that sends its clients to HTTPS. The port of their Host stays, as in Envoy. */
const TO_HTTPS: RouteConfig = { name: '', match: {}, action: { kind: 'redirect', code: 301, scheme: 'https', keepsPort: true } };

export function compileGatewayHosts(graph: Graph, { gateways, virtualServices, routeLists, output }: GatewayHostParts): void {
  const { byGatewayHost } = virtualServices;
  const hosts = new Table(graph, 'gateway host', (key) => {
    const [number = '', host = ''] = key.split(' ');
    const port = Number(number);
    const merged: RouteConfig[] = [];
    const from = new Set<string>();
    let redirects = gateways.redirects.has(key);
    for (const { service, gateway, server } of byGatewayHost.get(key)) {
      const bound = gateway.servers[server];
      if (bound === undefined) continue;
      if (bound.httpsRedirect) redirects = true;
      // The same rules by way of a second server add nothing.
      const routes = from.has(service.key) ? [] : routeLists.atGateway(service, gateway.key, bound.port.number);
      if (routes.length > 0) from.add(service.key);
      merged.push(...routes);
    }
    if (gateways.kindAt(port) !== 'http' || (merged.length === 0 && !redirects)) return null;
    const layer = gatewayLayer(port);
    const record: VirtualHostConfig = {
      layer,
      port,
      name: `${host}:${port}`,
      domains: [host],
      local: null,
      routes: redirects ? [TO_HTTPS] : catchAllsLast(merged),
    };
    graph.emit(output, `${layer} ${host}`, record);
    return null;
  });
  byGatewayHost.each(hosts);
  gateways.redirects.each(hosts);
}

/** Merged rules must not hide each other: those for everything come after the others. */
function catchAllsLast(routes: readonly RouteConfig[]): RouteConfig[] {
  return [...routes.filter(({ match }) => !isCatchAll(match)), ...routes.filter(({ match }) => isCatchAll(match))];
}
