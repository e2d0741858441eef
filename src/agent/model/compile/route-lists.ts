/** Routes of VirtualServices with many hosts, which are compiled and kept once for all of them. */
import type { RouteConfig } from '../../../l7/config/route.ts';
import type { Graph } from '../incremental/graph.ts';
import { Table } from '../incremental/table.ts';
import type { StringMap } from '../objects.ts';
import { isWildcard } from './hosts.ts';
import { routesOf, type RouteSource, type RouteView } from './routes.ts';
import { MESH } from './gateway-names.ts';
import type { Imports } from './sidecars.ts';
import type { BoundVirtualService, VirtualServices } from './virtual-services.ts';

/** A client of the mesh, as far as routes differ for it. */
export interface ClientView {
  /** Null: one for whose namespace there is no rule of its own. */
  readonly namespace: string | null;
  /** Those by which rules distinguish clients. */
  readonly labels: StringMap;
  /** What its Sidecar lets it see; without one, everything that is exported to its namespace. Routes do not depend on it. */
  readonly imports?: Imports;
}

export class RouteLists {
  readonly #source: RouteSource;
  readonly #lists: Table<readonly RouteConfig[]>;

  constructor(graph: Graph, source: RouteSource, virtualServices: VirtualServices) {
    this.#source = source;
    this.#lists = new Table<readonly RouteConfig[]>(graph, 'routes', (key) => {
      const [name, gateway, port, client] = JSON.parse(key) as [string, string, number, ClientView];
      const service = virtualServices.get(name);
      return service === null
        ? []
        : routesOf(source, service, gateway === MESH ? this.#meshView(client, port) : this.#gatewayView(gateway, port));
    });
  }

  inMesh(service: BoundVirtualService, client: ClientView, port: number): readonly RouteConfig[] {
    const { namespace, labels } = client;
    const view = { namespace, labels: looksAtSource(service) || this.#source.rules.askForLabels(service.destinations) ? labels : {} };
    if (isShared(service)) return this.#lists.get(JSON.stringify([service.key, MESH, port, view]));
    return routesOf(this.#source, service, this.#meshView(view, port));
  }

  atGateway(service: BoundVirtualService, gateway: string, port: number): readonly RouteConfig[] {
    if (isShared(service)) return this.#lists.get(JSON.stringify([service.key, gateway, port, null]));
    return routesOf(this.#source, service, this.#gatewayView(gateway, port));
  }

  /** Inside the mesh a destination without a port is meant at the port on which the request came, whatever ports it has. */
  #meshView({ namespace, labels }: ClientView, port: number): RouteView {
    return { namespace, labels: [labels], gateway: MESH, port, defaultPort: () => port };
  }

  /** At a gateway a destination without a port is meant at its only port. */
  #gatewayView(gateway: string, port: number): RouteView {
    const { options, services } = this.#source;
    const defaultPort = (host: string): number => {
      const ports = services.get(host)?.ports ?? [];
      return ports.length === 1 && ports[0] !== undefined ? ports[0].number : port;
    };
    return { namespace: options.agentNamespace, labels: options.gatewayLabels, gateway, port, defaultPort };
  }
}

function looksAtSource({ sourceLabels, sourceNamespaces }: BoundVirtualService): boolean {
  return sourceLabels.length > 0 || sourceNamespaces.length > 0;
}

function isShared({ hosts }: BoundVirtualService): boolean {
  return hosts.length > 1 || hosts.some(isWildcard);
}
