/** A pool as a model: random acquisitions, answers, ends and cancellations against the invariants at its head. */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { Http1Wire } from '../../../src/l7/http1/wire.ts';
import { DEFAULT_ENGINE_LIMITS } from '../../../src/l7/limits.ts';
import { ArenaText } from '../../../src/l7/message/arena-text.ts';
import { DateLine } from '../../../src/l7/message/date-line.ts';
import { HeadChanges } from '../../../src/l7/message/head-changes.ts';
import { HeaderNames } from '../../../src/l7/message/header-names.ts';
import { OUTCOME, type Outcome } from '../../../src/l7/message/outcome.ts';
import { NOT_RAW, type ResponseSink, type UpstreamStream } from '../../../src/l7/message/stream.ts';
import { parseRequestHead } from '../../../src/l7/http1/parser.ts';
import { UNKNOWN_IDENTITY } from '../../../src/l7/config/identity.ts';
import { MemoryTransport } from '../../../src/l7/transport/memory.ts';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import { Endpoint } from '../../../src/l7/upstream/endpoint.ts';
import { Cluster, NOBODY } from '../../../src/l7/upstream/cluster.ts';
import { Guards } from '../../../src/l7/upstream/guards.ts';
import { Ledger, Resource } from '../../../src/l7/upstream/ledger.ts';
import { Pool } from '../../../src/l7/upstream/pool.ts';
import type { StreamUser } from '../../../src/l7/upstream/stream-pool.ts';
import { TimerWheel } from '../../../src/base/timer-wheel.ts';
import { Epoch } from '../../../src/base/epoch.ts';
import { clusterOf } from '../engine/rig.ts';

const ADDRESS = { ip: '10.0.0.1', port: 80 };

interface Limits {
  readonly connections: number;
  readonly pending: number;
}
const UNLIMITED: Limits | null = null;

const GROUND = { timers: new TimerWheel(0), random: () => 0, overflowed: () => {}, ejection: () => {} };

class Bench {
  readonly transport = MemoryTransport.create({ clock: 'manual' });
  readonly servers: MemoryPeer[] = [];
  readonly endpoint = new Endpoint({ address: ADDRESS.ip, port: ADDRESS.port, weight: 1, identity: UNKNOWN_IDENTITY, local: null });
  readonly counts = {
    upstreamConnections: (change: 1 | -1): void => void (this.counted += change),
    waitingRequests: (change: 1 | -1): void => void (this.waiting += change),
  };
  readonly ground = { wire: this.#wire(), mark: 0, draining: false, counts: this.counts };
  readonly pool: Pool;
  counted = 0;
  waiting = 0;

  constructor(limits: Limits | null) {
    this.transport.serve(ADDRESS, (peer) => this.servers.push(peer));
    this.pool = new Pool(this.ground, this.endpoint, -1, null);
    if (limits === null) return;
    const config = clusterOf('limited', { pool: { maxConnections: limits.connections, maxPending: limits.pending } });
    const cluster = new Cluster({ config, hash: null, endpoints: [this.endpoint], preferred: NOBODY, other: null }, new Epoch());
    const guard = new Guards(new Ledger(Ledger.memory(1, 16), 0), GROUND).of(cluster, 'client');
    if (guard !== null) this.pool.guardBy(guard);
    this.used = (resource) => guard?.budget.used(resource) ?? 0;
  }

  used: (resource: Resource) => number = () => 0;

  #wire(): Http1Wire {
    const { transport } = this;
    return new Http1Wire(transport, DEFAULT_ENGINE_LIMITS, new HeaderNames(), new ArenaText(transport), new DateLine(() => 0));
  }
}

/** Somebody who wants a stream, and sends a request on it. */
class User implements StreamUser, ResponseSink {
  readonly fresh: boolean;
  readonly connectTimeoutMs = 1000;
  readonly cautious = false;
  stream: UpstreamStream | null = null;
  refused: Outcome | null = null;
  cancelled = false;
  calls = 0;
  done = false;
  readonly #bench: Bench;

  constructor(bench: Bench, fresh: boolean) {
    this.#bench = bench;
    this.fresh = fresh;
  }

  get waiting(): boolean {
    return this.stream === null && this.refused === null && !this.cancelled;
  }

  onStream(stream: UpstreamStream): void {
    this.calls++;
    this.stream = stream;
    const { wire } = this.#bench.ground;
    const bytes = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    parseRequestHead(bytes, 0, bytes.length, wire.requestHead, wire.limits.heads);
    const changes = new HeadChanges(wire.transport);
    changes.begin(wire.requestHead, 64);
    stream.head(this, wire.requestHead, changes, 0, { isHead: false, isConnect: false, upgrade: false });
    stream.end(null);
  }

  onRefused(outcome: Outcome): void {
    this.calls++;
    this.refused = outcome;
  }

  onInformational(): void {}
  onHead(): boolean {
    return true;
  }
  onData(): void {}
  onMoved(): void {}
  onEnd(): void {
    this.done = true;
  }
  onUpgraded(): void {}
  onFailed(): void {
    this.done = true;
  }
  onBlocked(): void {}
  onDrained(): void {}
  rawTarget(): number {
    return NOT_RAW;
  }
}

type Step = 'acquire' | 'acquire fresh' | 'cancel' | 'answer' | 'answer and close' | 'reset by server' | 'give up' | 'sweep';

function check(bench: Bench, users: readonly User[], limits: Limits): void {
  const { pool } = bench;
  const using = users.filter((user) => user.stream !== null && !user.done);
  const waiting = users.filter((user) => user.waiting);
  if (pool.open > limits.connections) throw new Error(`${pool.open} connections`);
  if (pool.open !== pool.idle + using.length) throw new Error(`${pool.open} open, ${pool.idle} idle, ${using.length} in use`);
  if (pool.open !== bench.used(Resource.Connections)) throw new Error(`${bench.used(Resource.Connections)} of ${pool.open} in the ledger`);
  if (using.length !== bench.used(Resource.Requests)) throw new Error(`${bench.used(Resource.Requests)} requests of ${using.length}`);
  const pending = waiting.length + using.filter((user) => user.stream?.connected === false).length;
  if (pending !== bench.used(Resource.Pending)) throw new Error(`${bench.used(Resource.Pending)} pending of ${pending}`);
  if (pool.open !== bench.counted) throw new Error(`counted ${bench.counted} of ${pool.open}`);
  if (pool.waiting !== bench.waiting) throw new Error(`${bench.waiting} told of ${pool.waiting} that wait`);
  if (pool.waiting !== waiting.length) throw new Error(`${pool.waiting} wait of ${waiting.length}`);
  if (waiting.length > 0 && pool.open < limits.connections) throw new Error('somebody waits while a connection may be opened');
  if (waiting.some((user) => !user.fresh) && pool.idle > 0) throw new Error('somebody waits while a connection is idle');
  if (new Set(using.map((user) => user.stream)).size !== using.length) throw new Error('a connection with two streams');
  if (users.some((user) => user.calls > 1)) throw new Error('somebody was called twice');
}

t.test('random acquisitions against the invariants', async () => {
  const steps = fc.array(
    fc.constantFrom<Step>(
      'acquire',
      'acquire',
      'acquire fresh',
      'cancel',
      'answer',
      'answer',
      'answer and close',
      'reset by server',
      'give up',
      'sweep',
    ),
    { maxLength: 60 },
  );
  const limits = fc.record({ connections: fc.integer({ min: 1, max: 4 }), pending: fc.integer({ min: 1, max: 3 }) });
  fc.assert(
    fc.property(steps, limits, fc.infiniteStream(fc.nat()), (steps, limits, numbers) => {
      const bench = new Bench(limits);
      const users: User[] = [];
      const choose = <T>(from: readonly T[]): T | undefined => from[(numbers.next().value as number) % Math.max(1, from.length)];
      const busy = (): MemoryPeer | undefined =>
        choose(bench.servers.filter((peer) => peer.text() !== '' && !peer.ended && !peer.wasReset));
      for (const step of steps) {
        if (step.startsWith('acquire')) {
          const user = new User(bench, step === 'acquire fresh');
          users.push(user);
          bench.pool.acquire(user);
        } else if (step === 'cancel') {
          const user = choose(users.filter((one) => one.waiting));
          if (user !== undefined) {
            user.cancelled = true;
            bench.pool.cancel(user);
          }
        } else if (step === 'give up') {
          const user = choose(users.filter((one) => one.stream !== null && !one.done));
          if (user !== undefined) {
            user.done = true;
            user.stream?.reset();
          }
        } else if (step === 'sweep') {
          bench.pool.closeIdle();
        } else {
          const peer = busy();
          peer?.takeText();
          if (step === 'reset by server') peer?.reset();
          else peer?.write(`HTTP/1.1 200 OK\r\nContent-Length: 0\r\n${step === 'answer' ? '' : 'Connection: close\r\n'}\r\n`);
        }
        bench.transport.run();
        check(bench, users, limits);
      }
    }),
    { numRuns: 100 },
  );
});

t.test('a full queue refuses with overflow; a place in it is taken in turn', async (t) => {
  const bench = new Bench({ connections: 1, pending: 1 });
  const [first, early, second, third] = [0, 1, 2, 3].map(() => new User(bench, false)) as [User, User, User, User];
  for (const user of [first, early]) bench.pool.acquire(user);
  t.equal(early.refused, OUTCOME.overflow, 'a request whose connection is being opened is pending');
  bench.transport.run();
  for (const user of [second, third]) bench.pool.acquire(user);
  t.ok(first.stream !== null && second.waiting);
  t.equal(third.refused, OUTCOME.overflow);
  bench.servers[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  bench.transport.run();
  t.equal(second.stream, first.stream, 'the same connection');
});

t.test('without limits nobody waits', async (t) => {
  const bench = new Bench(UNLIMITED);
  const users = Array.from({ length: 50 }, () => new User(bench, false));
  for (const user of users) bench.pool.acquire(user);
  t.ok(users.every((user) => user.stream !== null));
  t.equal(bench.pool.open, 50);
});

t.test('an endpoint that has been removed, and a worker that drains, keep no connection', async (t) => {
  for (const how of ['removed', 'draining'] as const) {
    const bench = new Bench(UNLIMITED);
    const user = new User(bench, false);
    bench.pool.acquire(user);
    bench.transport.run();
    if (how === 'removed') bench.endpoint.remove();
    else Object.assign(bench.ground, { draining: true });
    bench.servers[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    bench.transport.run();
    t.ok(user.done);
    t.equal(bench.pool.open, 0, how);
  }
});
