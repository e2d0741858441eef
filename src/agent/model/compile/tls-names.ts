/**
 * The names that TLS clients ask for, where the address of a connection does not say where it goes. In one layer and port a name belongs
 * to the oldest service that claims it.
 */
import type { RouteConfig } from '../../../l7/config/route.ts';
import { sniLayer, type WeightedCluster } from '../../../l7/config/workload.ts';
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import type { Target } from '../incremental/cell.ts';
import { Table } from '../incremental/table.ts';
import { byAge, order } from './age.ts';
import type { ConnectionRules } from './connection-rules.ts';
import { addressesAt, isRange, type MeshPort, type MeshService } from './mesh-service.ts';
import type { ClientView } from './route-lists.ts';

interface Claim {
  readonly service: MeshService;
  readonly destinations: readonly WeightedCluster[];
}

export class TlsNames {
  readonly #graph: Graph;
  readonly #rules: ConnectionRules;
  readonly #output: Target;
  /** By layer, port and name. */
  readonly #claims: Index<Claim>;

  constructor(graph: Graph, rules: ConnectionRules, output: Target) {
    this.#graph = graph;
    this.#rules = rules;
    this.#output = output;
    this.#claims = new Index<Claim>(graph, (a, b) => byAge(a.service, b.service) || order(a.service.host, b.service.host));
  }

  /** To be called after the tables that claim names are there. */
  collect(): void {
    const names = new Table(this.#graph, 'TLS name', (key) => {
      const [claim] = this.#claims.get(key);
      if (claim === undefined) return null;
      const [layer, port, domain] = JSON.parse(key) as [string, number, string];
      const record = { layer: sniLayer(layer), port, name: `${domain}:${port}`, domains: [domain], local: null };
      this.#graph.emit(this.#output, [record.layer, record.name].join(' '), { ...record, routes: [passRoute(claim.destinations)] });
      return null;
    });
    this.#claims.each(names);
  }

  /** What such clients can ask of the service. @param sees whether they see a port of it. */
  claim(service: MeshService, client: ClientView, layer: string, sees: (port: MeshPort) => boolean = () => true): void {
    for (const port of service.ports) {
      const named = port.protocol === 'tls' && service.entry !== null && addressesAt(service, port).every(isRange);
      if (!named || !sees(port)) continue;
      const itself = {
        names: [service.host],
        destinations: [{ cluster: this.#rules.clusterOf(client, service.host, port.number), weight: 1 }],
      };
      const taken = new Set<string>();
      for (const { names = [], destinations } of this.#rules.inMesh(service, port, client) ?? [itself]) {
        for (const name of names) {
          if (!taken.has(name)) this.#claims.emit(JSON.stringify([layer, port.number, name]), { service, destinations });
          taken.add(name);
        }
      }
    }
  }
}

/** Of a connection that is passed on as it is. */
export function passRoute(destinations: readonly WeightedCluster[]): RouteConfig {
  return { name: '', match: {}, action: { kind: 'route', destinations, mirrors: [], timeoutMs: 0, retry: null } };
}
