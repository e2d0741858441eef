/**
 * Random valid changes of the configuration under load, with two workers of one agent on one ledger. Whatever changes and whatever
 * fails: every request has one answer, for which there is a cause; none goes to an endpoint that is ejected or not in the cluster; no
 * limit is exceeded; and when all is over nothing is counted.
 */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import type { BalancerConfig, ClusterConfig, OutlierConfig, PoolConfig } from '../../../src/l7/config/cluster.ts';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import { Fact, Ledger, type LedgerMemory, Resource } from '../../../src/l7/upstream/ledger.ts';
import { clusterOf, endpointOf, GATEWAY, get, ok, Rig, retry, route } from './rig.ts';

const ADDRESSES = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'];

/** What a server does with the next request. */
type Deed = 'answer' | 'error' | 'reset' | 'close' | 'nothing';

const balancer = fc.constantFrom<BalancerConfig>(
  { kind: 'round-robin' },
  { kind: 'least-request' },
  { kind: 'random' },
  { kind: 'least-request', warmup: { durationMs: 5000, minimumPercent: 10, aggression: 1 } },
  { kind: 'ring-hash', minimumRingSize: 32, key: { kind: 'header', name: 'x-user' } },
  { kind: 'maglev', tableSize: 101, key: { kind: 'header', name: 'x-user' } },
);
const outliers = fc.record<OutlierConfig>({
  consecutive5xx: fc.integer({ min: 0, max: 3 }),
  consecutiveGateway: fc.integer({ min: 0, max: 2 }),
  split: fc.boolean(),
  consecutiveLocal: fc.integer({ min: 1, max: 3 }),
  intervalMs: fc.constant(500),
  baseEjectionMs: fc.constantFrom(500, 2000),
  maxEjectionPercent: fc.constantFrom(10, 50, 100),
  // Panic is a cause of its own to use who is ejected.
  minHealthPercent: fc.constant(0),
});
/** From the beginning: limits that come later do not close what is open already. */
const limits = fc.record({ maxConnections: fc.integer({ min: 1, max: 4 }), maxPending: fc.integer({ min: 1, max: 4 }) });
const pool = fc.record(
  {
    maxRequestsPerConnection: fc.integer({ min: 1, max: 3 }),
    idleTimeoutMs: fc.constantFrom(0, 200),
    maxRetries: fc.integer({ min: 1, max: 3 }),
    maxConnectionMs: fc.constant(300),
  },
  { requiredKeys: [] },
);

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('ask' as const), worker: fc.nat(1), user: fc.nat(3) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('serve' as const),
      deed: fc.constantFrom<Deed>('answer', 'answer', 'error', 'reset', 'close'),
      which: fc.nat(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 800 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('rules' as const), balancer, outliers: fc.option(outliers, { nil: undefined }), pool }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('endpoints' as const), set: fc.subarray(ADDRESSES, { minLength: 1 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('die' as const), address: fc.constantFrom(...ADDRESSES) }) },
);

interface Client {
  readonly peer: MemoryPeer;
  left: boolean;
}

class World {
  readonly memory: LedgerMemory = Ledger.memory(2, 64);
  readonly control = new Ledger(this.memory, -1);
  readonly rigs: readonly Rig[];
  readonly clients: Client[] = [];
  readonly servers: { readonly peer: MemoryPeer; readonly address: string }[] = [];
  readonly dead = new Set<string>();
  readonly #limits: PoolConfig;
  members: readonly string[] = ADDRESSES;
  #watched = false;
  broken = '';

  constructor(bounds: PoolConfig) {
    this.#limits = bounds;
    this.rigs = [0, 1].map((me) => {
      const rig = new Rig({ ledger: new Ledger(this.memory, me) });
      rig.apply({ clusters: { c: this.#config({}) }, endpoints: { c: ADDRESSES.map((ip) => endpointOf(`${ip}:80`)) } });
      rig.gateway(route('/', 'c', { retry: retry({ attempts: 2, on: ['5xx'] }), timeoutMs: 5000 }));
      for (const address of ADDRESSES) {
        rig.transport.serve({ ip: address, port: 80 }, (peer) => {
          if (this.dead.has(address)) return peer.reset();
          this.servers.push({ peer, address });
          if (!this.members.includes(address)) this.broken ||= `a connection to ${address}, which is not in the cluster`;
          if (this.#isEjected(address)) this.broken ||= `a connection to ${address}, which is ejected`;
        });
      }
      return rig;
    });
  }

  #config(more: Partial<ClusterConfig> & { readonly pool?: PoolConfig }): ClusterConfig {
    return clusterOf('c', { ...more, pool: { ...more.pool, ...this.#limits } });
  }

  /** Rows are found by their keys, as the workers find them. */
  #row(key: string): number {
    const ledger = new Ledger(this.memory, 1);
    return ledger.attach(key);
  }

  #isEjected(address: string): boolean {
    // Without a rule that watches them, nobody asks for earlier ejections any more.
    const some = this.control.fact(this.#row('gateway\nc'), Fact.Ejected) > 0;
    return this.#watched && some && this.control.fact(this.#row(`gateway\nc\n${address}|80`), Fact.IsEjected) !== 0;
  }

  total(resource: Resource): number {
    return this.control.total(this.#row('gateway\nc'), resource);
  }

  apply(more: Partial<ClusterConfig>): void {
    this.#watched = more.outliers !== undefined;
    for (const rig of this.rigs) rig.apply({ clusters: { c: this.#config(more) } });
  }

  endpoints(set: readonly string[]): void {
    this.members = set;
    for (const rig of this.rigs) rig.apply({ endpoints: { c: set.map((ip) => endpointOf(`${ip}:80`)) } });
  }

  /** Until nothing happens any more; bells are heard in between. */
  async run(ms = 0): Promise<void> {
    for (const rig of this.rigs) if (ms > 0) rig.advance(ms);
    for (let round = 0; round < 3; round++) {
      for (const rig of this.rigs) rig.run();
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const rig of this.rigs) rig.run();
  }

  busy(): World['servers'] {
    return this.servers.filter(({ peer }) => peer.text() !== '' && !peer.ended && !peer.wasReset);
  }

  serve(which: number, deed: Deed): void {
    const all = this.busy();
    const server = all[which % Math.max(1, all.length)];
    if (server === undefined) return;
    server.peer.takeText();
    if (deed === 'reset') server.peer.reset();
    else if (deed !== 'nothing')
      server.peer.write(
        deed === 'error' ? 'HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n' : deed === 'close' ? ok('x', 'Connection: close\r\n') : ok('x'),
      );
  }

  check(): void {
    if (this.broken !== '') throw new Error(this.broken);
    const { maxConnections = Infinity, maxPending = Infinity } = this.#limits;
    const open = this.total(Resource.Connections);
    if (open > maxConnections + ADDRESSES.length - 1) throw new Error(`${open} connections`);
    if (this.total(Resource.Pending) > maxPending) throw new Error(`${this.total(Resource.Pending)} wait`);
    for (const rig of this.rigs) if (rig.log.length > 0) throw new Error(`a fault: ${JSON.stringify(rig.log[0])}`);
    for (const { peer } of this.clients) {
      const statuses = peer.text().match(/HTTP\/1\.1 \d{3}/g) ?? [];
      if (statuses.length > 1) throw new Error('a request has two answers');
      if (statuses.length === 1 && !/ (200|503|504)$/.test(statuses[0] ?? '')) throw new Error(`an answer without a cause: ${statuses[0]}`);
    }
  }
}

t.test('changes under load', async () => {
  await fc.assert(
    fc.asyncProperty(limits, fc.array(step, { minLength: 20, maxLength: 70 }), async (bounds, steps) => {
      const world = new World(bounds);
      for (const one of steps) {
        switch (one.kind) {
          case 'ask': {
            const peer = (world.rigs[one.worker] as Rig).transport.dial(GATEWAY);
            peer.write(get('/', `x-user: ${one.user}\r\nConnection: close\r\n`));
            world.clients.push({ peer, left: false });
            break;
          }
          case 'serve':
            world.serve(one.which, one.deed);
            break;
          case 'leave': {
            const client = world.clients[one.which % Math.max(1, world.clients.length)];
            if (client !== undefined && client.peer.text() === '') {
              client.left = true;
              client.peer.reset();
            }
            break;
          }
          case 'wait':
            await world.run(one.ms);
            break;
          case 'rules':
            world.apply({ balancer: one.balancer, pool: one.pool, ...(one.outliers !== undefined && { outliers: one.outliers }) });
            break;
          case 'endpoints':
            world.endpoints(one.set);
            break;
          case 'die':
            if (!world.dead.delete(one.address)) world.dead.add(one.address);
            break;
        }
        await world.run();
        world.check();
      }
      // Everybody is answered in the end, by an endpoint or because time is up; then nothing is counted.
      for (let round = 0; round < 200 && world.busy().length > 0; round++) {
        world.serve(0, 'answer');
        await world.run();
      }
      for (let round = 0; round < 4; round++) await world.run(3000);
      world.check();
      const waiting = world.clients.filter(({ peer, left }) => !left && peer.text() === '');
      if (waiting.length > 0) throw new Error(`${waiting.length} requests are lost`);
      await world.run(3_700_000);
      await world.run(60_000);
      for (const resource of [Resource.Pending, Resource.Requests, Resource.Retries]) {
        if (world.total(resource) !== 0) throw new Error(`${world.total(resource)} of ${resource} are still counted`);
      }
    }),
    { numRuns: 60 },
  );
});
