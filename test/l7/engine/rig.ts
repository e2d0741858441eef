/** An engine on the in-memory transport: clients dial, upstream servers are scripts, time is turned by hand. */
import { Engine, type EngineOptions } from '../../../src/l7/engine.ts';
import type { EngineLimits } from '../../../src/l7/limits.ts';
import { type SeriesDefinition, Stats } from '../../../src/l7/record/stats.ts';
import type { BalancerConfig, ClusterConfig, EndpointConfig } from '../../../src/l7/config/cluster.ts';
import type { HeaderLine } from '../../../src/l7/config/header-operations.ts';
import type { Identity } from '../../../src/l7/config/identity.ts';
import type { RetryConfig } from '../../../src/l7/config/retry.ts';
import type { RouteAction, RouteConfig, VirtualHostConfig } from '../../../src/l7/config/route.ts';
import type { AddressesConfig, DestinationConfig, ScopeConfig, WorkloadConfig } from '../../../src/l7/config/workload.ts';
import { addressKey, RECORD_KINDS, type RecordDelta, type RecordKind, type SnapshotRecords } from '../../../src/l7/snapshot.ts';
import { checkedText, fieldValue, literal } from '../../../src/l7/message/wire-text.ts';
import type { Address } from '../../../src/l7/transport.ts';
import { MemoryTransport } from '../../../src/l7/transport/memory.ts';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import { Packing } from '../runtime/packing.ts';
import { seededRandom } from '../upstream/seeded-random.ts';

export const GATEWAY: Address = { ip: '192.0.2.80', port: 80 };
/** The in-pod listeners of the one enrolled pod, `default/app` at 10.0.0.9. */
export const OUTBOUND: Address = { ip: '127.0.0.1', port: 15001 };
export const POD = '10.0.0.9';

export interface RigOptions extends Pick<
  Partial<EngineOptions>,
  'mark' | 'stacks' | 'recordSinks' | 'openSpanRing' | 'openLogRing' | 'openTapRing' | 'hostname' | 'ledger'
> {
  readonly limits?: Partial<EngineLimits>;
  readonly seed?: number;
}

/** Records to set, by kind and key. */
export type Change = { readonly [K in RecordKind]?: Readonly<Record<string, SnapshotRecords[K]>> } & {
  readonly endpoints?: Readonly<Record<string, readonly EndpointConfig[]>>;
  readonly remove?: { readonly [K in RecordKind]?: readonly string[] };
};

export class Rig {
  readonly transport: MemoryTransport;
  readonly engine: Engine;
  readonly stats: Stats;
  readonly series: SeriesDefinition[] = [];
  /** Where the next outbound connections want to go, in order. */
  readonly destinations: (Address | null)[] = [];
  /** What the engine had to say. */
  readonly log: { readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[] = [];
  /** Why it wants to be replaced. */
  readonly unfit: string[] = [];
  readonly #pumps: (() => void)[] = [];
  readonly #endpoints = new Map<string, readonly EndpointConfig[]>();
  readonly #packing = new Packing();
  #version = 0;

  constructor(options: RigOptions = {}) {
    this.transport = MemoryTransport.create({ clock: 'manual' });
    this.stats = new Stats({ added: (series) => this.series.push(series), ended: () => {} }, 1 << 14);
    this.engine = new Engine({
      transport: this.transport,
      stats: this.stats,
      originalDestinations: { take: () => this.destinations.shift() ?? null },
      mark: 0,
      random: seededRandom(options.seed ?? 1),
      now: () => Date.UTC(2026, 0, 1),
      monotonic: () => this.transport.now,
      log: (_level, message, fields) => this.log.push({ message, fields }),
      unfit: (cause) => this.unfit.push(cause),
      ...options,
    });
  }

  /** A gateway at GATEWAY with these routes for every host. */
  gateway(...routes: RouteConfig[]): this {
    this.apply({
      gateways: { 80: { port: 80, layer: 'gateway' } },
      virtualHosts: { all: virtualHost('gateway', 80, routes) },
    });
    this.engine.listen({ kind: 'gateway', id: 1, fd: -1, port: 80 }, { address: GATEWAY.ip, port: GATEWAY.port });
    return this;
  }

  /** The enrolled pod `default/app` sees these routes by port, for these hosts, and these addresses. */
  scope(
    http: Readonly<Record<number, { readonly routes: readonly RouteConfig[]; readonly domains: readonly string[] }>>,
    addresses: Readonly<Record<string, DestinationConfig>>,
    more: Partial<ScopeConfig> = {},
  ): this {
    const hosts = Object.entries(http).map(
      ([port, { routes, domains }]) => [`mesh ${port}`, virtualHost('mesh', Number(port), routes, domains)] as const,
    );
    return this.apply({
      virtualHosts: Object.fromEntries(hosts),
      addresses: { mesh: addressesOf('mesh', addresses) },
      scopes: { default: { namespace: 'default', outboundTrafficPolicy: 'ALLOW_ANY', layers: ['mesh'], ...more } },
      workloads: { 'default/app': podOf() },
    });
  }

  apply(change: Change): this {
    const records: { [K in RecordKind]?: RecordDelta<SnapshotRecords[K]> } = {};
    for (const kind of RECORD_KINDS) put(records, kind, change[kind], change.remove?.[kind]);
    const endpoints = Object.entries(change.endpoints ?? {}).map(([cluster, set]) => {
      const known = this.#endpoints.get(cluster) ?? [];
      const remove = known.map(addressKey).filter((key) => !set.some((endpoint) => addressKey(endpoint) === key));
      this.#endpoints.set(cluster, set);
      return { cluster, set, remove };
    });
    for (const cluster of change.remove?.clusters ?? []) this.#endpoints.delete(cluster);
    const packed = this.#packing.pack({ version: ++this.#version, records, endpoints });
    this.engine.apply(packed, this.#packing.newSlabs());
    return this;
  }

  cluster(id: string, endpoints: readonly string[], more: Partial<ClusterConfig> = {}): this {
    return this.apply({ clusters: { [id]: clusterOf(id, more) }, endpoints: { [id]: endpoints.map((address) => endpointOf(address)) } });
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

export function virtualHost(
  layer: string,
  port: number,
  routes: readonly RouteConfig[],
  domains: readonly string[] = ['*'],
): VirtualHostConfig {
  return { layer, port, name: domains.join(), domains, local: null, routes };
}

function addressesOf(layer: string, entries: Readonly<Record<string, DestinationConfig>>): AddressesConfig {
  return { layer, entries: Object.entries(entries) };
}

export function clusterOf(id: string, more: Partial<ClusterConfig> = {}): ClusterConfig {
  const balancer: BalancerConfig = { kind: 'round-robin' };
  return {
    id,
    name: `outbound|80||${id}.default.svc.cluster.local`,
    service: { host: `${id}.default.svc.cluster.local`, name: id, namespace: 'default', port: 80 },
    balancer,
    connectTimeoutMs: 1000,
    family: 4,
    ...more,
  };
}

/** Header lines of operations. */
export function lines(values: Readonly<Record<string, string>>): HeaderLine[] {
  return Object.entries(values).map(([name, value]) => [literal(name), checkedText(fieldValue(value))]);
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
  return { identity: identityOf('app'), addresses: [POD], scope: 'default', inbound: {}, ...more };
}

function put<K extends RecordKind>(
  records: { [K in RecordKind]?: RecordDelta<SnapshotRecords[K]> },
  kind: K,
  set: Readonly<Record<string, SnapshotRecords[K]>> | undefined,
  remove: readonly string[] | undefined,
): void {
  if (set === undefined && remove === undefined) return;
  const delta: RecordDelta<SnapshotRecords[K]> = { set: new Map(Object.entries(set ?? {})), remove: remove ?? [] };
  Object.assign(records, { [kind]: delta });
}

/** Content and trailers of a chunked body, however it was cut into chunks; null when it is not a whole one. */
export function decodeChunked(text: string): { readonly content: string; readonly trailers: string } | null {
  let content = '';
  for (let at = 0; ;) {
    const lineEnd = text.indexOf('\r\n', at);
    const size = /^[0-9a-f]+$/.test(text.slice(at, lineEnd)) ? Number.parseInt(text.slice(at, lineEnd), 16) : -1;
    if (lineEnd < 0 || size < 0) return null;
    const data = lineEnd + 2;
    if (size === 0) return text.endsWith('\r\n') ? { content, trailers: text.slice(data, -2) } : null;
    if (text.slice(data + size, data + size + 2) !== '\r\n') return null;
    content += text.slice(data, data + size);
    at = data + size + 2;
  }
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
