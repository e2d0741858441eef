/** What names is in effect with what it names, in whatever order the two come. By what clients' routes lead to. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { Configuration } from '../../src/agent/configuration.ts';
import { HeldChanges } from '../../src/agent/held-changes.ts';
import { Compiler } from '../../src/agent/model/compile/index.ts';
import { refKey } from '../../src/agent/model/problem.ts';
import type { ObjectChange, StoreChange } from '../../src/agent/model/store.ts';
import { Propagation } from '../../src/agent/propagation.ts';
import type { Snapshot } from '../../src/l7/snapshot.ts';
import * as fc from '../base/fast-check.ts';
import { ManualClock } from '../base/manual-clock.ts';
import { clustersOf, destinationRule, OPTIONS, pod, service, storeOf, virtualService } from './model/compile/world.ts';
import type { ApiObject } from './sources/kubernetes/api-double.ts';
import { openDouble, POLICIES, Rig, RULES, service as serviceObject, SERVICES } from './sources/kubernetes/rig.ts';

/** Long enough for whatever is held. */
const LONG_MS = 5000;
/** The same, for what is held because a watch is broken. */
const LONGEST_BEHIND_MS = 20_000;
/** Not long enough for anything. */
const SHORT_MS = 400;

const to = (subset: string, host = 'a'): string =>
  virtualService(`[{ route: [{ destination: { host: ${host}${subset && `, subset: ${subset}`} } }] }]`);
const subsets = (...names: readonly string[]): string =>
  destinationRule(`{ host: a, subsets: [${names.map((name) => `{ name: ${name}, labels: { version: ${name} } }`).join()}] }`);

/** As the store hands them out. */
const objects = (...texts: readonly string[]): readonly ObjectChange[] => texts.flatMap((text) => storeOf(text).takeChanges());
const gone = (...texts: readonly string[]): readonly ObjectChange[] =>
  objects(...texts).map(({ ref }) => ({ ref, object: null, origin: null }));

/** Clusters that routes lead to and that are not there. */
function lacking({ records: { clusters, virtualHosts } }: Snapshot): string[] {
  const named = [...virtualHosts.values()].flatMap(({ routes }) => routes.flatMap((route) => clustersOf(route)));
  return [...new Set(named)].filter((id) => !clusters.has(id));
}

class World {
  readonly clock = new ManualClock();
  readonly compiler = new Compiler(OPTIONS);
  /** Of a kind whose watch is broken; null: all are followed. */
  behind: string | null = null;
  readonly held = new HeldChanges(this.compiler, this.clock, {
    isBehind: ({ kind }) => kind === this.behind,
    onDue: () => this.give([]),
  });
  readonly #now = new Map<string, StoreChange['before']>();

  constructor(...texts: readonly string[]) {
    this.give(objects(...texts));
  }

  /** @param more how long a slice is. */
  give(changes: readonly ObjectChange[], more: () => boolean = () => true): void {
    const told = changes.map((change) => ({ ...change, before: this.#now.get(refKey(change.ref)) ?? null }));
    this.held.take(told.filter(({ object, before }) => object !== before));
    for (const { ref, object } of changes) this.#now.set(refKey(ref), object);
    while (!this.held.settle(more));
    const { faults } = this.compiler.commit();
    if (faults[0] !== undefined) throw faults[0].error;
  }

  /** Where requests for `a` go, without the names of its host and port. */
  get routes(): string[] {
    const hosts = [...this.compiler.snapshot.records.virtualHosts.values()].filter(({ name }) => name.startsWith('a.default'));
    return hosts.flatMap(({ routes }) => routes.flatMap((route) => clustersOf(route))).map((id) => id.split('|')[2] ?? '');
  }
}

t.test('a subset goes with the rule that names it, whichever is deleted first', async (t) => {
  const [v1, rule] = [subsets('v1'), to('v1')];
  for (const order of [
    [v1, rule],
    [rule, v1],
  ]) {
    const world = new World(service('a'), v1, rule);
    t.strictSame(world.routes, ['v1']);
    for (const text of order) {
      world.give(gone(text));
      t.strictSame(lacking(world.compiler.snapshot), []);
      world.clock.advance(SHORT_MS);
    }
    t.strictSame(world.routes, ['']);
    t.equal(world.held.size, 0);
    t.equal(world.clock.pending, 0);
  }
});

t.test('a rule comes with what it names, in whatever order', async (t) => {
  const world = new World(service('b'), to('', 'b'));
  for (const text of [to('v1'), service('a')]) {
    world.give(objects(text));
    world.clock.advance(SHORT_MS);
    t.strictSame(lacking(world.compiler.snapshot), []);
  }
  t.equal(world.held.size, 1, 'a service is there before the rule for it');
  world.give(objects(subsets('v1')));
  t.strictSame(world.routes, ['v1']);
  t.equal(world.held.size, 0);
});

t.test('a subset gets another name', async (t) => {
  for (const isRuleFirst of [true, false]) {
    const world = new World(service('a'), subsets('v1'), to('v1'));
    const [first, second] = isRuleFirst ? [to('v2'), subsets('v2')] : [subsets('v2'), to('v2')];
    world.give(objects(first));
    t.strictSame(world.routes, ['v1']);
    t.strictSame(lacking(world.compiler.snapshot), []);
    world.give(objects(second));
    t.strictSame(world.routes, ['v2']);
  }
});

t.test('what is held takes effect in the end, and what it lacks is told', async (t) => {
  const world = new World(service('a'), subsets('v1'), to('v1'));
  world.give(gone(subsets('v1')));
  world.clock.advance(SHORT_MS);
  world.give(objects(pod('other', '10.0.0.3', 'app: other')));
  t.strictSame(lacking(world.compiler.snapshot), []);
  t.strictSame(world.compiler.problems(), []);
  world.clock.advance(LONG_MS);
  t.strictSame(lacking(world.compiler.snapshot), ['outbound|80|v1|a.default.svc.cluster.local']);
  t.match(world.compiler.problems(), [{ message: /no DestinationRule gives/ }]);
  world.give(objects(to('v1')));
  t.equal(world.held.size, 0, 'a rule that lacks what it lacked is not held');
});

t.test('while a change is held, others take effect, and however many come, it is not held for ever', async (t) => {
  const world = new World(service('a'), service('b'), subsets('v1'), to('v1'));
  world.give(gone(subsets('v1')));
  const other = (port: number): string => service('b', `[{ name: http, port: ${port} }]`);
  let changes = 0;
  for (let elapsed = 0; elapsed < LONG_MS - SHORT_MS; elapsed += SHORT_MS) {
    world.give(objects(other(1000 + ++changes)));
    t.ok(world.compiler.snapshot.records.clusters.has(`outbound|${1000 + changes}||b.default.svc.cluster.local`));
    t.equal(world.held.size, 1);
    world.clock.advance(SHORT_MS);
  }
  world.give(objects(other(80)));
  world.clock.advance(SHORT_MS);
  t.equal(world.held.size, 0);
  t.equal(world.clock.pending, 0);
});

t.test('while the watch of what may go with it is broken, a change is held for longer, and not for ever', async (t) => {
  const lackingAt = (world: World): number => lacking(world.compiler.snapshot).length;
  const [v1, rule] = [subsets('v1'), to('v1')];
  const world = new World(service('a'), v1, rule);
  world.behind = 'VirtualService';
  world.give(gone(v1));
  world.clock.advance(LONG_MS);
  t.equal(world.held.size, 1);
  world.behind = null;
  world.clock.advance(SHORT_MS);
  t.equal(world.held.size, 1, 'what was missed has some time to come when the watch is open');
  world.give(gone(rule));
  t.strictSame([world.held.size, lackingAt(world), world.clock.pending], [0, 0, 0]);

  world.give(objects(v1, rule));
  world.give(gone(v1));
  world.clock.advance(SHORT_MS);
  world.behind = 'VirtualService';
  world.clock.advance(SHORT_MS);
  t.equal(world.held.size, 1, 'it broke after the change had come');
  world.clock.advance(LONGEST_BEHIND_MS - 2 * SHORT_MS - 1);
  t.equal(world.held.size, 1);
  world.clock.advance(1);
  t.strictSame([world.held.size, lackingAt(world), world.clock.pending], [0, 1, 0]);

  world.give(objects(v1));
  world.behind = 'Pod';
  world.give(gone(v1));
  world.clock.advance(LONG_MS);
  t.equal(world.held.size, 0, 'pods name nothing');
});

t.test('a deleted service that is held lets go of its address for another one', async (t) => {
  const address = 'clusterIP: 10.96.0.9';
  const world = new World(service('a'), service('b', undefined, address), to('', 'b'));
  world.give(gone(service('b')));
  t.equal(world.held.size, 1);
  world.give(objects(service('c', undefined, address)));
  t.equal(world.held.size, 0);
});

t.test('a Gateway and a delegate go with the rule that names them', async (t) => {
  const gateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: g, namespace: default }
spec: { selector: { istio: ingressgateway }, servers: [{ hosts: ['*'], port: { number: 80, name: http, protocol: HTTP } }] }
`;
  const leaf = virtualService('[{ route: [{ destination: { host: a } }] }]', '', 'name: leaf, namespace: default');
  const root = virtualService('[{ delegate: { name: leaf } }]', 'hosts: [a]\n  gateways: [g]');
  const world = new World(service('a'), gateway, leaf, root);
  const { records } = world.compiler.snapshot;
  world.give(gone(gateway, leaf));
  t.equal(world.held.size, 2);
  t.equal(records.gateways.size, 1);
  world.give(gone(root));
  t.equal(world.held.size, 0);
  t.equal(records.gateways.size, 0);
});

t.test('rules for connections are held as well', async (t) => {
  const rule = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: tcp, namespace: default }
spec: { hosts: [a], tcp: [{ route: [{ destination: { host: a, subset: v1 } }] }] }
`;
  const world = new World(service('a', '[{ name: tcp, port: 80 }]'), subsets('v1'), rule);
  world.give(gone(subsets('v1')));
  t.equal(world.held.size, 1);
  world.give(gone(rule));
  t.equal(world.held.size, 0);
});

t.test('what lacks for another reason holds up nothing', async (t) => {
  const world = new World(service('a'), subsets('v1'), to('v1'));
  world.give(gone(subsets('v1')));
  world.clock.advance(LONG_MS);
  world.give(objects(subsets('v2')));
  t.equal(world.held.size, 0);
});

const VERSIONS: readonly ObjectChange[] = objects(
  ...[service('a'), subsets('v1'), subsets('v2'), subsets('v1', 'v2'), to('v1'), to('v2'), to('', 'b'), to('v1', 'b')],
);
const change = fc.tuple(fc.nat(VERSIONS.length - 1), fc.integer({ min: 0, max: 2 })).map(([index, fate]): ObjectChange => {
  const version = VERSIONS[index] as ObjectChange;
  return fate === 0 ? { ref: version.ref, object: null, origin: null } : version;
});

t.test('no route comes to lack its cluster before the time is over, and then all is as the objects say', async () => {
  const batch = fc.uniqueArray(change, { minLength: 1, maxLength: 4, selector: ({ ref }) => refKey(ref) });
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 12 }), fc.infiniteStream(fc.boolean()), (batches, random) => {
      const world = new World(service('b'));
      const now = new Map<string, ObjectChange>(objects(service('b')).map((one) => [refKey(one.ref), one]));
      for (const changes of batches) {
        const before = new Set(lacking(world.compiler.snapshot));
        world.give(changes, () => random.next().value as boolean);
        for (const one of changes) now.set(refKey(one.ref), one);
        assert.deepEqual(
          lacking(world.compiler.snapshot).filter((id) => !before.has(id)),
          [],
        );
      }
      world.clock.advance(LONG_MS);
      assert.equal(world.held.size + world.clock.pending, 0);
      const scratch = new Compiler(OPTIONS);
      scratch.apply([...now.values()].filter(({ object }) => object !== null));
      assert.deepEqual(
        [
          new Map(world.compiler.snapshot.records.clusters),
          new Map(world.compiler.snapshot.records.virtualHosts),
          world.compiler.problems(),
        ],
        [new Map(scratch.snapshot.records.clusters), new Map(scratch.snapshot.records.virtualHosts), scratch.problems()],
      );
    }),
    { numRuns: 300 },
  );
});

/** A configuration of what an API server has, with what its routes have lacked so far. */
async function openConfiguration(t: Test): Promise<{ rig: Rig; configuration: Configuration; lacked: string[]; outcomes: () => number }> {
  const api = await openDouble(t);
  const rig = new Rig(api, { server: api.url, options: async () => ({ headers: {} }), renew: () => {} });
  const propagation = new Propagation(rig.clock);
  const lacked: string[] = [];
  let outcomes = 0;
  const configuration = new Configuration({
    ...{ sources: [rig.source], options: OPTIONS, clock: rig.clock, log: pino({ enabled: false }), served: () => new Set<string>() },
    propagation,
    onOutcome: ({ snapshot }) => {
      outcomes++;
      propagation.inEffect(snapshot.version);
      lacked.push(...lacking(snapshot));
    },
  });
  t.teardown(() => configuration.stop());
  api.put(SERVICES, serviceObject('s'));
  return { rig, configuration, lacked, outcomes: () => outcomes };
}

const metadata = { name: 'r', namespace: 'a' };
const ruleTo = (subset: string): ApiObject => ({
  ...{ metadata, spec: { hosts: ['s'], http: [{ route: [{ destination: { host: 's', subset } }] }] } },
});
const policy = (subset: string): ApiObject => ({ metadata, spec: { host: 's', subsets: [{ name: subset, labels: { app: subset } }] } });

t.test('at an API server, where each kind has its own watch', async (t) => {
  const { rig, configuration, lacked, outcomes } = await openConfiguration(t);
  const { api } = rig;
  const kinds = (): string[] => configuration.objects().map(({ kind }) => kind);
  /** The server is told of the one, and when that is held, of the other. Time stands still, but for what must lie between two compilations. */
  const both = async (...changes: readonly (() => void)[]): Promise<void> => {
    for (const [index, change] of changes.entries()) {
      const before = outcomes();
      const held = index < changes.length - 1 ? index + 1 : 0;
      rig.clock.advance(10);
      change();
      await rig.until(`${held} are held`, () => outcomes() > before && configuration.propagation().pending === held);
    }
  };
  await configuration.start();
  await rig.untilLater('all is watched', () => [RULES, POLICIES, SERVICES].every((path) => api.watches(path) > 0));
  await both(
    () => api.put(RULES, ruleTo('v1')),
    () => api.put(POLICIES, policy('v1')),
  );
  t.strictSame(kinds(), ['VirtualService', 'DestinationRule']);
  await both(
    () => api.put(POLICIES, policy('v2')),
    () => api.put(RULES, ruleTo('v2')),
  );
  await both(
    () => api.delete(POLICIES, 'r'),
    () => api.delete(RULES, 'r'),
  );
  t.strictSame(kinds(), []);
  t.strictSame(lacked, []);
});

t.test('at an API server that comes back, and tells of one kind seconds after the other', async (t) => {
  const { rig, configuration, lacked } = await openConfiguration(t);
  const { api } = rig;
  const pending = (): number => configuration.propagation().pending;
  /** Slowly, so that what is due has happened before time goes on. */
  const pass = async (what: string, isOver: () => boolean): Promise<void> => {
    for (let steps = 0; !isOver(); steps++) {
      if (steps > 1000) throw new Error(`waited in vain until ${what}`);
      rig.clock.advance(250);
      await delay(10);
    }
  };
  api.put(RULES, ruleTo('v1'));
  api.put(POLICIES, policy('v1'));
  await configuration.start();
  await rig.untilLater('all is watched', () => [RULES, POLICIES, SERVICES].every((path) => api.watches(path) > 0));
  await api.close();
  await pass('its absence is told', () => configuration.problems().length > 0);
  api.delete(POLICIES, 'r');
  api.delete(RULES, 'r');
  api.fault = ({ path }) => (path === RULES ? { code: 503 } : null);
  await api.open();
  await pass('the first of them is held', () => pending() === 1);
  const since = rig.clock.now();
  await pass('more time is over than without', () => rig.clock.now() - since > LONG_MS);
  t.equal(pending(), 1);
  api.fault = () => null;
  await pass('both are in effect', () => pending() === 0);
  t.strictSame(configuration.objects(), []);
  t.strictSame(lacked, []);
});
