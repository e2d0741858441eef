/**
 * The configuration as a worker runs it. Deltas are applied in place: a cluster keeps its endpoints' pools and counts, a
 * workload keeps its identity, and only the tables that changed are built again. Connections hold on to workloads and
 * clusters, never to tables, so that a change takes effect with the next request.
 */
import type { HeaderNames } from '../message/header-names.ts';
import { RouteTable } from '../routing/route-table.ts';
import type {
  DestinationConfig,
  GatewayConfig,
  Identity,
  InboundPort,
  MeshSettings,
  RouteTableConfig,
  ScopeConfig,
  SnapshotDelta,
  WorkloadConfig,
} from '../snapshot.ts';
import { ClusterSlot } from '../upstream/cluster.ts';
import { compileAction, type Action } from './actions.ts';

export type Table = RouteTable<Action>;

export class Scope {
  readonly config: ScopeConfig;
  readonly #tables = new Map<number, Table>();
  readonly #destinations: ReadonlyMap<string, DestinationConfig>;
  readonly #compile: (config: RouteTableConfig) => Table;

  constructor(config: ScopeConfig, compile: (config: RouteTableConfig) => Table) {
    this.config = config;
    this.#compile = compile;
    this.#destinations = new Map(Object.entries(config.addresses));
  }

  /** What stands behind an address, or null for one that nobody knows. */
  destination(ip: string, port: number): DestinationConfig | null {
    const host = ip.includes(':') ? `[${ip}]` : ip;
    return this.#destinations.get(`${host}:${port}`) ?? this.#destinations.get(`*:${port}`) ?? null;
  }

  /** Tables are compiled when they are first asked for: most clients use few of a mesh's ports. */
  table(port: number): Table | null {
    const known = this.#tables.get(port);
    if (known !== undefined) return known;
    const config = this.config.http[port];
    if (config === undefined) return null;
    const table = this.#compile(config);
    this.#tables.set(port, table);
    return table;
  }
}

/** A local pod that the agent serves. The object stays the same as long as the pod is enrolled. */
export class Workload {
  readonly key: string;
  identity: Identity;
  addresses: readonly string[];
  inbound: Readonly<Record<string, InboundPort>>;
  scope: Scope | null = null;

  constructor(config: WorkloadConfig) {
    this.key = config.key;
    this.identity = config.identity;
    this.addresses = config.addresses;
    this.inbound = config.inbound;
  }
}

export class Gateway {
  config: GatewayConfig;
  table: Table;

  constructor(config: GatewayConfig, table: Table) {
    this.config = config;
    this.table = table;
  }
}

export class Runtime {
  mesh: MeshSettings = { outboundTrafficPolicy: 'ALLOW_ANY', connectTimeoutMs: 10_000 };
  version = 0;
  readonly workloads = new Map<string, Workload>();
  readonly gateways = new Map<number, Gateway>();
  readonly #scopes = new Map<string, Scope>();
  readonly #scopeOf = new Map<string, string>();
  readonly #clusters = new Map<string, ClusterSlot>();
  readonly #byAddress = new Map<string, Workload>();
  readonly #names: HeaderNames;

  constructor(names: HeaderNames) {
    this.#names = names;
  }

  workloadAt(ip: string): Workload | null {
    return this.#byAddress.get(ip) ?? null;
  }

  get clusters(): Iterable<ClusterSlot> {
    return this.#clusters.values();
  }

  slot(id: string): ClusterSlot {
    let slot = this.#clusters.get(id);
    if (slot === undefined) this.#clusters.set(id, (slot = new ClusterSlot(id)));
    return slot;
  }

  apply(delta: SnapshotDelta): void {
    if (delta.mesh !== undefined) this.mesh = delta.mesh;
    for (const [id, config] of Object.entries(delta.clusters.set)) this.slot(id).update(config, this.#names);
    for (const id of delta.clusters.remove) this.slot(id).update(null, this.#names);
    for (const [id, config] of Object.entries(delta.scopes.set)) this.#scopes.set(id, new Scope(config, this.#compile));
    for (const id of delta.scopes.remove) this.#scopes.delete(id);
    this.#applyGateways(delta);
    this.#applyWorkloads(delta);
    this.version = delta.version;
  }

  #applyGateways(delta: SnapshotDelta): void {
    for (const [port, config] of Object.entries(delta.gateways.set)) {
      const table = this.#compile(config.routes);
      const known = this.gateways.get(Number(port));
      if (known === undefined) this.gateways.set(Number(port), new Gateway(config, table));
      else Object.assign(known, { config, table });
    }
    for (const port of delta.gateways.remove) this.gateways.delete(Number(port));
  }

  #applyWorkloads(delta: SnapshotDelta): void {
    for (const key of delta.workloads.remove) {
      this.workloads.delete(key);
      this.#scopeOf.delete(key);
    }
    for (const [key, config] of Object.entries(delta.workloads.set)) {
      const known = this.workloads.get(key);
      if (known === undefined) this.workloads.set(key, new Workload(config));
      else Object.assign(known, { identity: config.identity, addresses: config.addresses, inbound: config.inbound });
      this.#scopeOf.set(key, config.scope);
    }
    this.#byAddress.clear();
    for (const workload of this.workloads.values()) {
      workload.scope = this.#scopes.get(this.#scopeOf.get(workload.key) ?? '') ?? null;
      for (const address of workload.addresses) this.#byAddress.set(address, workload);
    }
  }

  readonly #compile = (config: RouteTableConfig): Table =>
    new RouteTable<Action>(config, this.#names, (route) => compileAction(route, this.#names, (id) => this.slot(id)));
}
