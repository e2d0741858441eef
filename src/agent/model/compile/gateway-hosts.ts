/** Virtual hosts of gateways: all VirtualServices that are bound to one host at one port are merged. */
import type { RouteConfig, VirtualHostConfig } from '../../../l7/config/route.ts';
import type { Graph } from '../incremental/graph.ts';
import type { Output } from '../incremental/output.ts';
import { Table } from '../incremental/table.ts';
import { gatewayLayer } from './gateways.ts';
import { isCatchAll } from './matches.ts';
import type { RouteLists } from './route-lists.ts';
import type { VirtualServices } from './virtual-services.ts';

export function compileGatewayHosts(
  graph: Graph,
  { byGatewayHost }: VirtualServices,
  routeLists: RouteLists,
  output: Output<VirtualHostConfig>,
): void {
  const hosts = new Table(graph, 'gateway host', (key) => {
    const [number = '', host = ''] = key.split(' ');
    const port = Number(number);
    const merged: RouteConfig[] = [];
    const from = new Set<string>();
    for (const { service, gateway } of byGatewayHost.get(key)) {
      // The same rules by way of a second server add nothing.
      const routes = from.has(service.key) ? [] : routeLists.atGateway(service, gateway.key, port);
      if (routes.length > 0) from.add(service.key);
      merged.push(...routes);
    }
    if (merged.length === 0) return null;
    const layer = gatewayLayer(port);
    const record: VirtualHostConfig = { layer, port, name: `${host}:${port}`, domains: [host], local: null, routes: catchAllsLast(merged) };
    graph.emit(output, `${layer} ${host}`, record);
    return null;
  });
  byGatewayHost.each(hosts);
}

/** Merged rules must not hide each other: those for everything come after the others. */
function catchAllsLast(routes: readonly RouteConfig[]): RouteConfig[] {
  return [...routes.filter(({ match }) => !isCatchAll(match)), ...routes.filter(({ match }) => isCatchAll(match))];
}
