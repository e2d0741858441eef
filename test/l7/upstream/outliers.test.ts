/** Detection of outliers by two workers as a model, against the rules at its head and Envoy's. */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { TimerWheel } from '../../../src/base/timer-wheel.ts';
import type { OutlierConfig } from '../../../src/l7/config/cluster.ts';
import { Account } from '../../../src/l7/upstream/account.ts';
import { Endpoint } from '../../../src/l7/upstream/endpoint.ts';
import { Ledger } from '../../../src/l7/upstream/ledger.ts';
import { Outliers } from '../../../src/l7/upstream/outliers.ts';
import { endpointOf } from '../engine/rig.ts';

const BASE: OutlierConfig = {
  consecutive5xx: 3,
  consecutiveGateway: 2,
  split: false,
  consecutiveLocal: 2,
  intervalMs: 1000,
  baseEjectionMs: 3000,
  maxEjectionPercent: 100,
  minHealthPercent: 0,
};

/** One client at one cluster, as two workers see it. */
class World {
  readonly wheels = [new TimerWheel(0), new TimerWheel(0)];
  readonly events: string[] = [];
  readonly workers: readonly { readonly outliers: Outliers; readonly endpoints: readonly Endpoint[] }[];
  readonly accounts: Account[];
  now = 0;

  constructor(count: number, config: OutlierConfig) {
    const memory = Ledger.memory(2, 32);
    const scene = { name: 'c', outliers: config };
    const ledgers = [0, 1].map((me) => new Ledger(memory, me));
    const account = (ledger: Ledger, { address }: Endpoint): Account => new Account(ledger, ledger.attach(address));
    this.workers = ledgers.map((ledger, me) => {
      const endpoints = Array.from({ length: count }, (_, i) => new Endpoint(endpointOf(`10.0.0.${i + 1}:80`)));
      const accounts = new Map(endpoints.map((endpoint) => [endpoint, account(ledger, endpoint)]));
      const timers = this.wheels[me] as TimerWheel;
      const ground = { timers, ejection: (_: string, what: string): void => void this.events.push(what) };
      const row = ledger.attach('cluster');
      const outliers = new Outliers(ledger, row, { config: scene, endpoints }, (of) => accounts.get(of) as Account, ground);
      return { outliers, endpoints };
    });
    this.accounts = (this.workers[0] as World['workers'][0]).endpoints.map((endpoint) => account(ledgers[0] as Ledger, endpoint));
  }

  /** In steps that sweeps fall on. */
  advance(ms: number): void {
    for (const end = this.now + ms; this.now < end;) {
      this.now += 250;
      for (const wheel of this.wheels) wheel.advance(this.now);
    }
  }

  say(worker: number, endpoint: number, what: number | 'connect' | 'reset' | 'slow'): void {
    const { outliers, endpoints } = this.workers[worker] as World['workers'][0];
    const at = endpoints[endpoint] as Endpoint;
    if (typeof what === 'number') outliers.answered(at, what);
    else outliers.failed(at, what !== 'connect', what === 'slow');
  }

  /** Which endpoints each worker may use. */
  usable(worker: number): number[] {
    const { outliers, endpoints } = this.workers[worker] as World['workers'][0];
    const filter = outliers.filter();
    return endpoints.flatMap((endpoint, index) => (filter === null || filter.allows(endpoint) ? [index] : []));
  }
}

/** The same by the book: one at a time, and in the open. */
class Model {
  readonly hosts: { errors: number; gateway: number; local: number; ejectedAt: number; multiplier: number }[];
  readonly config: OutlierConfig;
  sweepAt = -1;

  constructor(count: number, config: OutlierConfig) {
    this.config = config;
    this.hosts = Array.from({ length: count }, () => ({ errors: 0, gateway: 0, local: 0, ejectedAt: -1, multiplier: 0 }));
  }

  get ejected(): number {
    return this.hosts.filter(({ ejectedAt }) => ejectedAt >= 0).length;
  }

  say(now: number, at: number, what: number | 'connect' | 'reset' | 'slow'): void {
    const { config } = this;
    const host = this.hosts[at] as Model['hosts'][0];
    if (config.split && what !== 'connect') host.local = 0;
    if (config.split && typeof what !== 'number') {
      if (++host.local === config.consecutiveLocal) this.#eject(now, host, 'local');
      return;
    }
    const status = typeof what === 'number' ? what : what === 'slow' ? 504 : 503;
    if (status < 500) {
      host.errors = host.gateway = 0;
      return;
    }
    if (status < 502 || status > 504) host.gateway = 0;
    else if (++host.gateway === config.consecutiveGateway) this.#eject(now, host, 'gateway');
    if (++host.errors === config.consecutive5xx) this.#eject(now, host, 'errors');
  }

  #eject(now: number, host: Model['hosts'][0], count: 'errors' | 'gateway' | 'local'): void {
    host[count] = 0;
    if (host.ejectedAt >= 0 || ((this.ejected + 1) * 100) / this.hosts.length > this.config.maxEjectionPercent) return;
    host.ejectedAt = now;
    host.multiplier++;
    if (this.sweepAt < 0) this.sweepAt = now + this.config.intervalMs;
  }

  sweep(now: number): void {
    if (this.sweepAt < 0 || now < this.sweepAt) return;
    for (const host of this.hosts) {
      if (host.ejectedAt < 0) host.multiplier = Math.max(0, host.multiplier - 1);
      else if (now - host.ejectedAt >= Math.min(this.config.baseEjectionMs * host.multiplier, 300_000)) {
        host.ejectedAt = -1;
        host.errors = host.gateway = host.local = 0;
      }
    }
    this.sweepAt = this.hosts.some(({ ejectedAt, multiplier }) => ejectedAt >= 0 || multiplier > 0) ? now + this.config.intervalMs : -1;
  }

  usable(): number[] {
    const left = this.hosts.length - this.ejected;
    const panic = (left * 100) / this.hosts.length < this.config.minHealthPercent;
    return this.hosts.flatMap(({ ejectedAt }, index) => (panic || ejectedAt < 0 ? [index] : []));
  }
}

t.test('two workers against the book', async () => {
  const what = fc.constantFrom<number | 'connect' | 'reset' | 'slow'>(200, 404, 500, 500, 503, 503, 'connect', 'reset', 'slow');
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('say' as const), worker: fc.nat(1), at: fc.nat(3), what }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ticks: fc.integer({ min: 1, max: 5 }) }) },
  );
  const config = fc.record({
    consecutive5xx: fc.nat(3),
    consecutiveGateway: fc.nat(3),
    split: fc.boolean(),
    consecutiveLocal: fc.integer({ min: 1, max: 3 }),
    intervalMs: fc.constant(1000),
    baseEjectionMs: fc.constantFrom(1000, 3000, 200_000),
    maxEjectionPercent: fc.constantFrom(10, 25, 50, 100),
    minHealthPercent: fc.constantFrom(0, 0, 50),
  });
  fc.assert(
    fc.property(config, fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 80 }), (config, count, steps) => {
      const world = new World(count, config);
      const model = new Model(count, config);
      for (const one of steps) {
        if (one.kind === 'say') {
          const at = one.at % count;
          world.say(one.worker, at, one.what);
          model.say(world.now, at, one.what);
        } else {
          for (let i = 0; i < one.ticks * 4; i++) {
            world.advance(250);
            model.sweep(world.now);
          }
        }
        const expected = model.usable();
        for (const worker of [0, 1]) {
          const usable = world.usable(worker);
          if (usable.join() !== expected.join())
            throw new Error(`${one.kind}: worker ${worker} uses ${usable.join()}, not ${expected.join()}`);
        }
      }
    }),
    { numRuns: 500 },
  );
});

t.test('nothing is looked at while nothing has failed', async (t) => {
  const world = new World(3, BASE);
  for (let i = 0; i < 10; i++) world.say(0, i % 3, 200);
  t.equal(world.workers[0]?.outliers.filter(), null);
  t.equal(world.wheels[0]?.size, 0);
});

t.test('an ejection lasts longer each time, and shorter after a while without one', async (t) => {
  const world = new World(2, { ...BASE, consecutive5xx: 1, consecutiveGateway: 0 });
  const lasts = (): number => {
    world.say(0, 0, 500);
    const from = world.now;
    while (world.accounts[0]?.isEjected === true) world.advance(250);
    return world.now - from;
  };
  t.equal(lasts(), 3000);
  world.say(0, 0, 500);
  t.ok(world.accounts[0]?.isEjected);
  world.advance(3000);
  t.ok(world.accounts[0]?.isEjected, 'twice the base time');
  world.advance(3000);
  t.notOk(world.accounts[0]?.isEjected);
  world.advance(2000);
  t.equal(lasts(), 3000, 'two intervals have taken two off');
});

t.test('another worker takes the sweep over when the one that ejected is gone', async (t) => {
  const world = new World(2, BASE);
  for (let i = 0; i < 3; i++) world.say(0, 0, 500);
  t.same(world.usable(1), [1]);
  // Only the clock of the other worker goes on.
  for (let now = 0; now <= 4000; now += 250) world.wheels[1]?.advance(now);
  t.same(world.usable(1), [0, 1]);
  t.same(world.events, ['5xx', 'ended']);
});
