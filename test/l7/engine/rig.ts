/** An engine on the in-memory transport: clients dial, upstream servers are scripts, time is turned by hand. */
import { Engine } from '../../../src/l7/engine.ts';
import type { EngineLimits } from '../../../src/l7/context.ts';
import { Stats, type SeriesDefinition } from '../../../src/l7/record/stats.ts';
import type {
  BalancerConfig,
  ClusterConfig,
  EndpointConfig,
  Identity,
  RetryConfig,
  RouteAction,
  RouteConfig,
  RouteTableConfig,
  SnapshotDelta,
  WorkloadConfig,
} from '../../../src/l7/snapshot.ts';
import type { Address } from '../../../src/l7/transport.ts';
import { MemoryTransport } from '../../../src/l7/transport/memory.ts';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import { seededRandom } from '../upstream/seeded-random.ts';

export const GATEWAY: Address = { ip: '192.0.2.80', port: 80 };
/** The in-pod listeners of the one enrolled pod, `default/app` at 10.0.0.9. */
export const OUTBOUND: Address = { ip: '127.0.0.1', port: 15001 };
export const POD = '10.0.0.9';

export interface RigOptions {
  readonly limits?: Partial<EngineLimits>;
  readonly seed?: number;
}

export class Rig {
  readonly transport: MemoryTransport;
  readonly engine: Engine;
  readonly stats: Stats;
  readonly series: SeriesDefinition[] = [];
  /** Where the next outbound connections want to go, in order. */
  readonly destinations: (Address | null)[] = [];
  #version = 0;

  constructor(options: RigOptions = {}) {
    this.transport = MemoryTransport.create({ clock: 'manual' });
    this.stats = new Stats((series) => this.series.push(series), 1 << 14);
    this.engine = new Engine({
      transport: this.transport,
      stats: this.stats,
      originalDestinations: { take: () => this.destinations.shift() ?? null },
      mark: 0,
      random: seededRandom(options.seed ?? 1),
      now: () => Date.UTC(2026, 0, 1),
      log: () => {},
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
  }

  /** A gateway at GATEWAY with these routes for every host. */
  gateway(...routes: RouteConfig[]): this {
    this.apply({ gateways: { 80: { port: 80, protocol: 'http', routes: tableOf('not-found', routes) } } });
    this.engine.listen({ kind: 'gateway', id: 1, fd: -1, port: 80 }, { address: GATEWAY.ip, port: GATEWAY.port });
    return this;
  }

  apply(change: {
    readonly gateways?: SnapshotDelta['gateways']['set'];
    readonly clusters?: SnapshotDelta['clusters']['set'];
    readonly scopes?: SnapshotDelta['scopes']['set'];
    readonly workloads?: SnapshotDelta['workloads']['set'];
  }): this {
    const all = <T>(set: Readonly<Record<string, T>> | undefined): { set: Readonly<Record<string, T>>; remove: string[] } => ({
      set: set ?? {},
      remove: [],
    });
    this.engine.apply({
      version: ++this.#version,
      gateways: all(change.gateways),
      clusters: all(change.clusters),
      scopes: all(change.scopes),
      workloads: all(change.workloads),
    });
    return this;
  }

  cluster(id: string, endpoints: readonly string[], more: Partial<ClusterConfig> = {}): this {
    return this.apply({ clusters: { [id]: clusterOf(id, endpoints, more) } });
  }

  /** Answers every request at `address` with what `script` makes of its text; null: no answer. */
  serve(address: string, script: (request: string, nth: number) => string | null): UpstreamLog {
    const log: UpstreamLog = { requests: [], connections: [] };
    this.transport.serve(parseAddress(address), (peer) => {
      log.connections.push(peer);
    });
    this.#pumps.push(() => {
      for (const peer of log.connections) {
        const text = peer.text();
        if (!isWhole(text)) continue;
        peer.takeText();
        log.requests.push(text);
        const answer = script(text, log.requests.length - 1);
        if (answer !== null) peer.write(answer);
      }
    });
    return log;
  }

  readonly #pumps: (() => void)[] = [];

  /** Runs the engine and the scripted servers until both rest. */
  run(): void {
    for (let round = 0; round < 20; round++) {
      this.transport.run();
      for (const pump of this.#pumps) pump();
    }
    this.transport.run();
  }

  advance(ms: number): void {
    this.transport.advance(ms);
    this.run();
  }

  /** Sends `request` on a new connection and returns everything that came back. */
  ask(request: string, to: Address = GATEWAY): string {
    const client = this.transport.dial(to);
    client.write(request);
    this.run();
    return client.takeText();
  }

  /** The sum of a counter over the series that have these labels. */
  count(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.series
      .filter((one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value))
      .reduce((sum, one) => sum + (this.stats.cells[one.cell] as number), 0);
  }
}

export interface UpstreamLog {
  readonly requests: string[];
  readonly connections: MemoryPeer[];
}

export function get(path: string, headers = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: shop\r\n${headers}\r\n`;
}

export function ok(body: string, headers = ''): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${headers}\r\n${body}`;
}

export function route(path: string, cluster: string | readonly string[], more: Partial<RouteAction> = {}): RouteConfig {
  const clusters = typeof cluster === 'string' ? [cluster] : cluster;
  return {
    name: `to-${clusters.join('-')}`,
    match: { path: { kind: 'prefix', value: path } },
    action: {
      kind: 'route',
      destinations: clusters.map((id) => ({ cluster: id, weight: 1 })),
      mirrors: [],
      timeoutMs: 0,
      retry: null,
      ...more,
    },
  };
}

export function retry(more: Partial<RetryConfig> = {}): RetryConfig {
  return { attempts: 2, perTryTimeoutMs: 0, on: ['5xx'], statusCodes: [], backoffMs: 25, avoidPreviousHosts: true, ...more };
}

export function tableOf(unknownHost: RouteTableConfig['unknownHost'], routes: readonly RouteConfig[], domains = ['*']): RouteTableConfig {
  return { unknownHost, virtualHosts: [{ name: 'all', domains, routes }] };
}

export function clusterOf(id: string, endpoints: readonly string[], more: Partial<ClusterConfig> = {}): ClusterConfig {
  const balancer: BalancerConfig = { kind: 'round-robin' };
  return {
    id,
    name: `outbound|80||${id}.default.svc.cluster.local`,
    service: { host: `${id}.default.svc.cluster.local`, name: id, namespace: 'default', port: 80 },
    subset: '',
    balancer,
    connectTimeoutMs: 1000,
    endpoints: endpoints.map((address) => endpointOf(address)),
    ...more,
  };
}

export function endpointOf(address: string, local: string | null = null): EndpointConfig {
  const { ip, port } = parseAddress(address);
  return { address: ip, port, weight: 1, identity: identityOf(`pod-${ip}`), local };
}

export function identityOf(workload: string): Identity {
  return {
    workload,
    namespace: 'default',
    pod: workload,
    app: workload,
    version: 'v1',
    canonicalService: workload,
    canonicalRevision: 'v1',
    serviceAccount: 'default',
  };
}

export function podOf(more: Partial<WorkloadConfig> = {}): WorkloadConfig {
  return { key: 'default/app', identity: identityOf('app'), addresses: [POD], scope: 'default', inbound: {}, ...more };
}

/** Whether a request has come with all of its body. */
function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  if (/\r\ntransfer-encoding: chunked\r\n/i.test(text)) return /\r\n0\r\n([^\r]+\r\n)*\r\n$/.test(text);
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(text)?.[1] ?? '0';
  return text.length >= end + 4 + Number(length);
}

function parseAddress(text: string): Address {
  const colon = text.lastIndexOf(':');
  return { ip: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}
