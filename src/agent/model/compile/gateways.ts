/** Gateways of this node: servers of one port are one listener. */
import { gatewayIdentity } from '../../../l7/config/identity.ts';
import type { GatewayConfig } from '../../../l7/config/workload.ts';
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import type { Output } from '../incremental/output.ts';
import { Input, Table } from '../incremental/table.ts';
import { type Gateway, type GatewayServer, objectKey } from '../objects.ts';
import { type Aged, ageOf } from './age.ts';
import type { CompileOptions } from './options.ts';
import type { Telemetries, TelemetrySubject } from './telemetries.ts';
import { selects } from './selectors.ts';

export interface BoundGateway extends Aged {
  /** `namespace/name` */
  readonly key: string;
  readonly servers: readonly GatewayServer[];
  /** Whether it has something to do with this node. */
  readonly appliesHere: boolean;
}

export interface GatewayParts {
  /** Namespaces that clients of this node live in. */
  readonly clients: Index<true>;
  readonly telemetries: Telemetries;
  readonly output: Output<GatewayConfig>;
}

export class Gateways {
  readonly #options: CompileOptions;
  readonly #clients: Index<true>;
  readonly #gateways: Input<Gateway, BoundGateway>;
  readonly #ports: Index<true>;

  constructor(graph: Graph, options: CompileOptions, { clients, telemetries, output }: GatewayParts) {
    this.#options = options;
    this.#clients = clients;
    this.#gateways = new Input(graph, 'Gateway', (object) => this.#compute(object));
    this.#ports = new Index(graph);
    const listeners = new Table(graph, 'gateway port', (key) => {
      const port = Number(key);
      const telemetry = telemetries.of(gatewaySubject(options), 'CLIENT');
      graph.emit(output, key, { port, layer: gatewayLayer(port), ...(telemetry !== undefined && { telemetry }) } satisfies GatewayConfig);
      return port;
    });
    this.#ports.each(listeners);
  }

  set(key: string, object: Gateway | null): void {
    this.#gateways.set(key, object);
  }

  /** @param key `namespace/name` */
  get(key: string): BoundGateway | null {
    return this.#gateways.get(key);
  }

  #compute(object: Gateway): BoundGateway {
    const { selector = {}, servers } = object.spec;
    // An empty selector selects everything.
    const appliesHere = this.#options.gatewayLabels.some((labels) => selects(selector, labels));
    if (appliesHere) {
      // Gateways are clients that live in the agent's namespace.
      this.#clients.emit(this.#options.agentNamespace, true);
      for (const port of new Set(servers.map((server) => server.port.number))) this.#ports.emit(String(port), true);
    }
    return { ...ageOf(object), key: objectKey(object.metadata), servers, appliesHere };
  }
}

export function gatewayLayer(port: number): string {
  return `gateway ${port}`;
}

// `host` and `*/host` may be bound from any namespace, `./host` from the Gateway's own, `namespace/host` from that one.
export function serverHosts({ hosts }: GatewayServer, namespace: string, of: string): string[] {
  return hosts.flatMap((entry) => {
    const slash = entry.indexOf('/');
    const allowed = slash < 0 ? '*' : entry.slice(0, slash);
    const host = entry.slice(slash + 1).toLowerCase();
    return allowed === '*' || (allowed === '.' ? namespace : allowed) === of ? [host] : [];
  });
}

function gatewaySubject({ rootNamespace, nodeName, gatewayLabels: [labels = {}] }: CompileOptions): TelemetrySubject {
  const identity = gatewayIdentity(rootNamespace);
  const nodeId = `router~~${identity.workload}-${nodeName}.${rootNamespace}~${rootNamespace}.svc.cluster.local`;
  return { namespace: rootNamespace, labels, identity, nodeId };
}
