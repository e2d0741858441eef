/** What is listened for at each port of a gateway, and where connections go there that are not HTTP. */
import type { RouteConfig, VirtualHostConfig } from '../../../l7/config/route.ts';
import { type ConnectionRule, type GatewayConfig, sniLayer } from '../../../l7/config/workload.ts';
import type { Graph } from '../incremental/graph.ts';
import { Table } from '../incremental/table.ts';
import type { ConnectionRules } from './connection-rules.ts';
import { gatewayLayer, gatewaySubject, type Gateways } from './gateways.ts';
import type { CompileOptions } from './options.ts';
import type { Outputs } from './outputs.ts';
import type { Telemetries } from './telemetries.ts';
import { passRoute } from './tls-names.ts';
import type { VirtualServices } from './virtual-services.ts';

export interface GatewayListenerParts {
  readonly options: CompileOptions;
  readonly gateways: Gateways;
  readonly virtualServices: VirtualServices;
  readonly rules: ConnectionRules;
  readonly telemetries: Telemetries;
  readonly outputs: Outputs;
}

export function compileGatewayListeners(graph: Graph, parts: GatewayListenerParts): void {
  const listeners = new Table(graph, 'gateway port', (key) => {
    const { options, gateways, telemetries, outputs } = parts;
    const port = Number(key);
    gateways.complainOfRivals(port);
    const kind = gateways.kindAt(port);
    const telemetry = telemetries.of(gatewaySubject(options), 'CLIENT');
    const config: GatewayConfig = {
      port,
      layer: gatewayLayer(port),
      ...(telemetry !== undefined && { telemetry }),
      ...(kind !== 'http' && { protocol: kind }),
      ...(kind === 'tcp' && { rules: tcpRules(port, parts) }),
    };
    graph.emit(outputs.gateways, key, config);
    if (kind === 'tls')
      for (const record of tlsNames(port, parts)) graph.emit(outputs.virtualHosts, `${record.layer} ${record.name}`, record);
    return port;
  });
  parts.gateways.ports.each(listeners);
}

/** The first VirtualService with a rule for the port has it. */
function tcpRules(port: number, { virtualServices, rules }: GatewayListenerParts): readonly ConnectionRule[] {
  for (const { service, gateway, server } of virtualServices.byGatewayPort.get(String(port))) {
    const bound = gateway.servers[server];
    if (bound?.kind !== 'tcp') continue;
    const found = rules.atGateway(service, gateway.key, bound.port.number);
    if (found !== null) return found;
  }
  return [];
}

/** A name belongs to the first rule that has it. */
function tlsNames(port: number, { virtualServices, rules }: GatewayListenerParts): VirtualHostConfig[] {
  const layer = sniLayer(gatewayLayer(port));
  const names = new Map<string, RouteConfig>();
  for (const { service, gateway, server } of virtualServices.byGatewayPort.get(String(port))) {
    const bound = gateway.servers[server];
    if (bound?.kind !== 'tls') continue;
    for (const rule of rules.namesAtGateway(service, gateway.key, bound.port.number)) {
      for (const name of rule.names ?? []) if (!names.has(name)) names.set(name, passRoute(rule.destinations));
    }
  }
  return [...names].map(([name, route]) => ({ layer, port, name: `${name}:${port}`, domains: [name], local: null, routes: [route] }));
}
