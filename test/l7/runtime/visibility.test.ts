/** Random changes, and a reader between all slices: before the commit it sees exactly the old configuration, after it exactly the new. */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { DEFAULT_LIMITS, Head } from '../../../src/l7/message/head.ts';
import { HeaderNames } from '../../../src/l7/message/header-names.ts';
import { parseRequestHead } from '../../../src/l7/http1/parser.ts';
import { partsOf } from '../../../src/l7/runtime/parts.ts';
import { Runtime } from '../../../src/l7/runtime/runtime.ts';
import type { ClusterConfig, EndpointConfig } from '../../../src/l7/config/cluster.ts';
import type { VirtualHostConfig } from '../../../src/l7/config/route.ts';
import type { AddressesConfig, ScopeConfig, WorkloadConfig } from '../../../src/l7/config/workload.ts';
import { addressKey, RECORD_KINDS, type SnapshotDelta } from '../../../src/l7/snapshot.ts';
import { Packing } from './packing.ts';
import {
  addressesConfig,
  clusterConfig,
  delta,
  endpointConfig,
  host,
  route,
  scopeConfig,
  workloadConfig,
  type Change,
} from './snapshots.ts';

/** Everything, as one plain object of maps: the model. */
class World {
  virtualHosts = new Map<string, VirtualHostConfig>();
  addresses = new Map<string, AddressesConfig>();
  clusters = new Map<string, ClusterConfig>();
  scopes = new Map<string, ScopeConfig>();
  workloads = new Map<string, WorkloadConfig>();
  endpoints = new Map<string, Map<string, EndpointConfig>>();
  connectTimeoutMs = 1;

  copy(): World {
    const copy = new World();
    for (const kind of ['virtualHosts', 'addresses', 'clusters', 'scopes', 'workloads'] as const)
      Object.assign(copy, { [kind]: new Map<string, unknown>(this[kind]) });
    copy.endpoints = new Map([...this.endpoints].map(([id, members]) => [id, new Map(members)]));
    copy.connectTimeoutMs = this.connectTimeoutMs;
    return copy;
  }

  apply({ records, endpoints, mesh }: SnapshotDelta): World {
    const next = this.copy();
    for (const kind of RECORD_KINDS) {
      if (kind === 'gateways') continue;
      for (const [id, record] of records[kind]?.set ?? []) (next[kind] as Map<string, unknown>).set(id, record);
      for (const id of records[kind]?.remove ?? []) next[kind].delete(id);
    }
    for (const { cluster, set, remove } of endpoints) {
      const members = next.endpoints.get(cluster) ?? new Map<string, EndpointConfig>();
      next.endpoints.set(cluster, members);
      for (const endpoint of set) members.set(addressKey(endpoint), endpoint);
      for (const key of remove) members.delete(key);
    }
    for (const id of next.endpoints.keys()) if (!next.clusters.has(id)) next.endpoints.delete(id);
    next.connectTimeoutMs = mesh?.connectTimeoutMs ?? next.connectTimeoutMs;
    return next;
  }

  routeOf(workload: string, port: number, name: string): string | null {
    const scope = this.scopes.get(this.workloads.get(workload)?.scope ?? '');
    for (const layer of scope?.layers ?? []) {
      const hosts = [...this.virtualHosts.values()].filter((host) => host.layer === layer && host.port === port);
      const local = hosts.find((host) => host.local?.namespace === scope?.namespace && host.local?.domains.includes(name));
      const found = local ?? hosts.find((host) => host.domains.includes(name));
      if (found !== undefined) return found.routes[0]?.name ?? '';
    }
    return null;
  }

  clusterOf(workload: string, key: string): string | null {
    const scope = this.scopes.get(this.workloads.get(workload)?.scope ?? '');
    for (const layer of scope?.layers ?? []) {
      for (const record of this.addresses.values()) {
        const entry = record.layer === layer ? record.entries.find(([address]) => address === key) : undefined;
        if (entry?.[1].to === 'cluster') return entry[1].cluster;
      }
    }
    return null;
  }
}

const WORKLOADS = ['p', 'q'];
const HOSTS = ['a', 'b', 'c'];
const IPS = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];

/** What readers may ask, as one string. */
function seen(runtime: Runtime, head: Head): string {
  const answers: unknown[] = [runtime.mesh.connectTimeoutMs];
  for (const key of WORKLOADS) {
    const scope = runtime.workloads.get(key)?.scope ?? null;
    for (const name of HOSTS) {
      const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: ${name}\r\nx-a: 1\r\n\r\n`, 'latin1');
      parseRequestHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS);
      const found = scope?.table(80)?.find(head) ?? null;
      answers.push(found === null ? null : (found.match(head, 'http')?.config.name ?? ''));
    }
    for (const ip of IPS) {
      const destination = scope?.destination(ip, 80) ?? null;
      answers.push(destination?.to === 'cluster' ? destination.cluster : null);
    }
  }
  for (const ip of IPS) answers.push(runtime.workloadAt(ip)?.key ?? null);
  for (const id of HOSTS) {
    const { cluster } = runtime.slot(id);
    answers.push(cluster?.config.connectTimeoutMs ?? null);
    answers.push(
      (cluster?.endpoints ?? []).map((endpoint) => `${endpoint.address}/${endpoint.config.weight}/${endpoint.removed}`).toSorted(),
    );
  }
  return JSON.stringify(answers);
}

function expected(world: World): string {
  const answers: unknown[] = [world.connectTimeoutMs];
  for (const key of WORKLOADS) {
    for (const name of HOSTS) answers.push(world.routeOf(key, 80, name));
    for (const ip of IPS) answers.push(world.clusterOf(key, `${ip}:80`));
  }
  for (const ip of IPS) answers.push([...world.workloads].find(([, { addresses }]) => addresses.includes(ip))?.[0] ?? null);
  for (const id of HOSTS) {
    answers.push(world.clusters.get(id)?.connectTimeoutMs ?? null);
    answers.push([...(world.endpoints.get(id)?.values() ?? [])].map(({ address, weight }) => `${address}/${weight}/false`).toSorted());
  }
  return JSON.stringify(answers);
}

interface Wish {
  readonly hosts: readonly { readonly name: string; readonly local: boolean; readonly layer: string; readonly header: boolean }[];
  readonly routes: number;
  readonly addresses: readonly string[];
  readonly clusters: readonly string[];
  readonly timeout: number;
  readonly scope: string;
  readonly workloads: readonly { readonly key: string; readonly ips: readonly string[] }[];
  readonly endpoints: readonly { readonly cluster: string; readonly ips: readonly string[]; readonly weight: number }[];
  readonly mesh: boolean;
}
const some = (values: readonly string[]) => fc.subarray([...values]);
const wish: fc.Arbitrary<Wish> = fc.record({
  hosts: fc.uniqueArray(
    fc.record({ name: fc.constantFrom(...HOSTS), local: fc.boolean(), layer: fc.constantFrom('own', 'all'), header: fc.boolean() }),
    { selector: ({ name, layer }) => `${name}${layer}`, maxLength: 4 },
  ),
  routes: fc.constantFrom(1, 40),
  addresses: some(IPS),
  clusters: some(HOSTS),
  timeout: fc.nat(3),
  scope: fc.constantFrom('plain', 'special'),
  workloads: fc
    .uniqueArray(fc.record({ key: fc.constantFrom(...WORKLOADS), ips: some(IPS) }), { selector: ({ key }) => key })
    .map((all) => {
      const taken = new Set<string>();
      return all.map(({ key, ips }) => ({ key, ips: ips.filter((ip) => !taken.has(ip) && taken.add(ip)) }));
    }),
  endpoints: fc.uniqueArray(fc.record({ cluster: fc.constantFrom(...HOSTS), ips: some(IPS), weight: fc.integer({ min: 1, max: 2 }) }), {
    selector: ({ cluster }) => cluster,
  }),
  mesh: fc.boolean(),
});

/** The change that makes the wish true: what is not wished for goes. */
function changeTo(wish: Wish, world: World, version: number): SnapshotDelta {
  // Records have ids of their own, so that names go from one record to another.
  const virtualHosts = Object.fromEntries(
    wish.hosts.map(({ name, local, layer, header }, i) => {
      const match = { headers: [{ name: `x-${version % 3}`, match: { kind: 'present' } as const, invert: true }] };
      const routes = Array.from({ length: wish.routes }, (_, k) => route(`${name}-${version}-${k}`, name, header ? { match } : {}));
      const where = { layer, local: local ? { namespace: 'default', domains: [name] } : null };
      return [`host-${i}`, host([local ? `${name}.${layer}` : name], routes, where)];
    }),
  );
  const clusters = Object.fromEntries(wish.clusters.map((id) => [id, clusterConfig(id, { connectTimeoutMs: wish.timeout })]));
  const addresses = Object.fromEntries(
    wish.addresses.map((ip, i) => [`addresses-${i}`, addressesConfig('all', `to-${version}`, `${ip}:80`)]),
  );
  const scopes = { plain: scopeConfig(['all']), special: scopeConfig(['own', 'all']) };
  const workloads = Object.fromEntries(wish.workloads.map(({ key, ips }) => [key, workloadConfig(wish.scope, ips)]));
  const set = { virtualHosts, clusters, addresses, workloads, ...(version === 1 ? { scopes } : {}) };
  const remove = Object.fromEntries(
    (['virtualHosts', 'clusters', 'addresses', 'workloads'] as const).map((kind) => [
      kind,
      [...world[kind].keys()].filter((id) => !(id in set[kind])),
    ]),
  );
  const endpoints = wish.endpoints
    .filter(({ cluster }) => cluster in clusters)
    .map(({ cluster, ips, weight }) => {
      const before = [...(world.endpoints.get(cluster)?.keys() ?? [])];
      return {
        cluster,
        set: ips.map((ip) => endpointConfig(ip, { weight })),
        remove: before.filter((key) => !ips.includes(key.split('|')[0] ?? '')),
      };
    });
  const change: Change = { set, remove, endpoints, ...(wish.mesh ? { connectTimeoutMs: version + 10 } : {}) };
  return delta(version, change);
}

t.test('a reader between slices sees the old configuration until the commit, and the new one from then on', async (t) => {
  let reads = 0;
  fc.assert(
    fc.property(fc.array(wish, { minLength: 1, maxLength: 6 }), fc.boolean(), fc.boolean(), (wishes, fromNothing, isPacked) => {
      const packing = new Packing();
      const runtime = new Runtime(new HeaderNames());
      const head = new Head(runtime.names);
      const known = runtime.names.size;
      runtime.onFault = ({ id, error }) => {
        throw new Error(id, { cause: error });
      };
      let world = new World();
      world.connectTimeoutMs = 10_000;
      if (fromNothing) runtime.serve();
      const check = (when: string, version: number): void => {
        reads++;
        const [is, want] = [seen(runtime, head), expected(world)];
        if (is !== want) throw new Error(`${when} ${version}:\n${is}\n${want}`);
      };
      for (const [i, wish] of wishes.entries()) {
        const version = i + 1;
        const change = changeTo(wish, world, version);
        const next = world.apply(change);
        const { staging } = runtime;
        const served = runtime.serving;
        for (const part of isPacked ? packing.parts(change) : partsOf(change)) {
          staging.take(part);
          if (served) check('while parts come', version);
        }
        for (const work = staging.prepare(); work.next().done !== true;) if (served) check('while it is prepared', version);
        if (served) check('prepared', version);
        staging.commit(version);
        world = next;
        check('committed', version);
        for (const work = staging.settle(); work.next().done !== true;) check('while it settles', version);
        if (staging.unsettled !== 0) throw new Error(`${staging.unsettled} values are still on their way`);
        check('settled', version);
        packing.kept.memory.release(version);
        runtime.serve();
      }
      // All that goes leaves nothing behind.
      const nothing = {
        hosts: [],
        routes: 1,
        addresses: [],
        clusters: [],
        timeout: 0,
        scope: 'plain',
        workloads: [],
        endpoints: [],
        mesh: false,
      };
      const end = changeTo(nothing, world, wishes.length + 1);
      runtime.apply(isPacked ? packing.pack(end) : end, packing.newSlabs());
      if (runtime.names.size !== known) throw new Error('header names are left');
      if ([...runtime.clusters].length > 0) throw new Error('slots of clusters are left');
    }),
    { numRuns: 200 },
  );
  t.ok(reads > 1000, `${reads} reads`);
});
