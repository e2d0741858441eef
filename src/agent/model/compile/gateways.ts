/** Gateways of this node: servers of one port are one listener. */
import { gatewayIdentity } from '../../../l7/config/identity.ts';
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import { Input } from '../incremental/table.ts';
import { type Gateway, type GatewayServer, objectKey } from '../objects.ts';
import { type Packed, unpack } from '../packed.ts';
import { type ObjectRef, refOf } from '../problem.ts';
import { type Aged, ageOf, byAge } from './age.ts';
import type { GatewayPorts } from './gateway-ports.ts';
import type { CompileOptions } from './options.ts';
import type { ProblemLog } from './problem-log.ts';
import type { TelemetrySubject } from './telemetries.ts';
import { selects } from './selectors.ts';

export interface BoundServer extends GatewayServer {
  /** Ports of this node that lead to it. */
  readonly boundAt: readonly number[];
}

export interface BoundGateway extends Aged {
  /** `namespace/name` */
  readonly key: string;
  readonly servers: readonly BoundServer[];
  /** Whether it has something to do with this node. */
  readonly appliesHere: boolean;
}

/** A server that has something to do with a port. */
interface PortServer {
  readonly gateway: Aged & { readonly key: string; readonly ref: ObjectRef };
  /** Position in its Gateway. */
  readonly server: number;
  readonly kind: GatewayServer['kind'];
}

export interface GatewayParts {
  /** Namespaces that clients of this node live in. */
  readonly clients: Index<true>;
  readonly gatewayPorts: GatewayPorts;
  readonly problems: ProblemLog;
}

export class Gateways {
  readonly #options: CompileOptions;
  readonly #clients: Index<true>;
  readonly #ports: GatewayPorts;
  readonly #problems: ProblemLog;
  readonly #gateways: Input<Packed<Gateway>, BoundGateway>;
  /** Servers whose clients are sent to HTTPS, by `port host`. */
  readonly redirects: Index<true>;
  /** By port, in the order in which they are asked. */
  readonly ports: Index<PortServer>;

  constructor(graph: Graph, options: CompileOptions, { clients, gatewayPorts, problems }: GatewayParts) {
    this.#options = options;
    this.#clients = clients;
    this.#ports = gatewayPorts;
    this.#problems = problems;
    this.#gateways = new Input(graph, 'Gateway', (packed) => this.#compute(unpack(packed)));
    this.redirects = new Index(graph);
    this.ports = new Index(graph, (a, b) => byAge(a.gateway, b.gateway) || a.server - b.server);
  }

  set(key: string, object: Packed<Gateway> | null): void {
    this.#gateways.set(key, object);
  }

  /** @param key `namespace/name` */
  get(key: string): BoundGateway | null {
    return this.#gateways.get(key);
  }

  /** What is listened for at the port: what the oldest server there is for. */
  kindAt(port: number): GatewayServer['kind'] {
    return this.ports.get(String(port))[0]?.kind ?? 'http';
  }

  /** Servers of another kind than the oldest at the port are not served. */
  complainOfRivals(port: number): void {
    const [first, ...others] = this.ports.get(String(port));
    for (const { gateway, server, kind } of others) {
      if (first === undefined || kind === first.kind) continue;
      const message = `Gateway ${first.gateway.key} has port ${port} for ${first.kind.toUpperCase()} already; this server is left out`;
      this.#problems.add('error', gateway.ref, ['spec', 'servers', server, 'port'], message);
    }
  }

  #emitServer(object: Gateway, { boundAt, kind, hosts, httpsRedirect }: BoundServer, server: number): void {
    const gateway = { ...ageOf(object), key: objectKey(object.metadata), ref: refOf(object) };
    for (const port of boundAt) {
      this.ports.emit(String(port), { gateway, server, kind });
      if (!httpsRedirect) continue;
      for (const host of hosts) this.redirects.emit(`${port} ${host.slice(host.indexOf('/') + 1).toLowerCase()}`, true);
    }
  }

  #compute(object: Gateway): BoundGateway {
    const { selector = {} } = object.spec;
    const servers = object.spec.servers.map((server): BoundServer => ({ ...server, boundAt: this.#ports.of(server.port.number) }));
    // An empty selector selects everything.
    const appliesHere = this.#options.gatewayLabels.some((labels) => selects(selector, labels));
    if (appliesHere) {
      // Gateways are clients that live in the agent's namespace.
      this.#clients.emit(this.#options.agentNamespace, true);
      for (const [position, server] of servers.entries()) this.#emitServer(object, server, position);
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

export function gatewaySubject({ rootNamespace, gatewayName, nodeName, gatewayLabels: [labels = {}] }: CompileOptions): TelemetrySubject {
  const identity = gatewayIdentity(gatewayName, rootNamespace);
  const nodeId = `router~~${identity.workload}-${nodeName}.${rootNamespace}~${rootNamespace}.svc.cluster.local`;
  return { namespace: rootNamespace, labels, identity, nodeId };
}
