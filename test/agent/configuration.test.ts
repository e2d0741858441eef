import { pino } from 'pino';
import t, { type Test } from 'tap';
import { Configuration, type Outcome } from '../../src/agent/configuration.ts';
import type { Needs } from '../../src/agent/model/needs.ts';
import { Propagation } from '../../src/agent/propagation.ts';
import { refOf } from '../../src/agent/model/problem.ts';
import type { ObjectSink, ObjectSource, Origin, RawObject } from '../../src/agent/model/sink.ts';
import { ManualClock } from '../base/manual-clock.ts';
import { OPTIONS } from './model/compile/world.ts';
import { lightIds } from '../l7/packed/light-records.ts';

const ORIGIN: Origin = { trusted: true, file: 'f.yaml', line: 3, column: 1, locate: () => ({ line: 4, column: 2 }) };
const pod = (name: string, enroll = true): RawObject =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'a', annotations: { 'nodeway.io/enroll': String(enroll) } },
    spec: { nodeName: OPTIONS.nodeName },
  }) as RawObject;
const service = (name: string, port = 80): RawObject =>
  ({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'a' }, spec: { ports: [{ name: 'http', port }] } }) as RawObject;
const rule = (name: string, host: string): RawObject =>
  ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name, namespace: 'a' },
    spec: { hosts: [name], http: [{ route: [{ destination: { host } }] }] },
  }) as RawObject;

class HandSource implements ObjectSource {
  readonly name: string;
  readonly asked: Needs[] = [];
  /** What it reads on demand; null: it has everything. */
  reading: PromiseWithResolvers<void> | null = null;
  sink: ObjectSink | null = null;
  /** How often it was asked where a field is, for which a file is read again. */
  located = 0;

  constructor(name: string) {
    this.name = name;
  }

  async start(sink: ObjectSink): Promise<void> {
    this.sink = sink;
  }

  async stop(): Promise<void> {}

  require(needs: Needs): Promise<void> | null {
    this.asked.push(needs);
    return this.reading?.promise ?? null;
  }

  give(...objects: readonly RawObject[]): void {
    const locate: Origin['locate'] = (path) => {
      this.located++;
      return ORIGIN.locate(path);
    };
    for (const object of objects) this.sink?.upsert(object, { ...ORIGIN, locate });
  }

  take(object: RawObject): void {
    this.sink?.remove(refOf(object));
  }
}

async function set(t: Test) {
  const lines: { msg: string; level: number; where?: string }[] = [];
  const outcomes: (Outcome & { readonly version: number })[] = [];
  const served = new Set<string>();
  const sources = [new HandSource('first'), new HandSource('second')] as const;
  const clock = new ManualClock();
  const propagation = new Propagation(clock);
  const configuration = new Configuration({
    sources,
    options: OPTIONS,
    clock,
    log: pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number]) }),
    served: () => served,
    propagation,
    onOutcome: (outcome) => outcomes.push({ ...outcome, version: outcome.snapshot.version }),
  });
  await configuration.start();
  t.teardown(() => configuration.stop());
  return { lines, outcomes, served, sources, clock, configuration, propagation };
}

/** What the store has to say is said in the turn after. */
const turn = () => new Promise((next) => setImmediate(next));

t.test('changes of a turn are compiled together, once all sources have told everything', async (t) => {
  const { outcomes, sources, configuration } = await set(t);
  const [first, second] = sources;
  first.give(pod('in'), pod('out', false));
  first.sink?.synced();
  await turn();
  t.equal(outcomes.length, 0, 'one of the sources has not told yet');
  second.give(service('s'));
  second.sink?.synced();
  await turn();
  t.equal(outcomes.length, 1);
  t.strictSame(
    outcomes[0]?.wanted.map(({ key }) => key),
    ['a/in'],
    'only enrolled pods are wanted',
  );
  t.equal(configuration.localPods().length, 2);
  t.same(lightIds('clusters', outcomes[0]?.delta), ['outbound|80||s.a.svc.cluster.local']);
});

t.test('objects are taken in while others are read, and nothing is handed out before all are there', async (t) => {
  const { outcomes, sources, configuration } = await set(t);
  const [first, second] = sources;
  const tell = async (...objects: readonly RawObject[]): Promise<void> => {
    first.sink?.begin();
    first.give(...objects);
    first.sink?.end();
    await turn();
    await turn();
  };
  await tell(service('s'), service('gone'));
  t.match(configuration.propagation(), { pending: 2, total: 2 });
  await tell(service('s', 8080), pod('in'));
  first.sink?.begin();
  first.take(service('gone'));
  first.sink?.end();
  await turn();
  t.equal(outcomes.length, 0);
  first.sink?.synced();
  second.sink?.synced();
  await turn();
  t.equal(outcomes.length, 1);
  t.same(lightIds('clusters', outcomes[0]?.delta), ['outbound|8080||s.a.svc.cluster.local']);
});

t.test('what is wrong with a source is logged before it has told everything', async (t) => {
  const { lines, outcomes, sources } = await set(t);
  const [first] = sources;
  const problem = { severity: 'error', object: null, path: '', message: 'away', file: '', line: 0, column: 0 } as const;
  first.sink?.problem('server', [problem]);
  await turn();
  t.match(lines, [{ msg: 'away', level: 50 }]);
  first.sink?.problem('server', []);
  await turn();
  t.match(lines.at(-1), { msg: 'resolved: away' });
  t.equal(outcomes.length, 0);
});

t.test('a single change is compiled at once, a stream of them once an interval', async (t) => {
  const { outcomes, sources, clock, configuration } = await set(t);
  const [first, second] = sources;
  first.sink?.synced();
  second.sink?.synced();
  await turn();
  clock.advance(1000);
  first.give(service('s'));
  await turn();
  t.equal(outcomes.length, 2, 'no timer had to run');
  for (let i = 0; i < 10; i++) {
    first.give(service(`s${i}`));
    await turn();
  }
  t.equal(outcomes.length, 2);
  clock.advance(1000);
  t.equal(outcomes.length, 3);
  t.equal(lightIds('clusters', outcomes[2]?.delta).length, 10);
  await configuration.stop();
  first.give(service('late'));
  await turn();
  clock.advance(1000);
  t.equal(outcomes.length, 3, 'nothing after the end');
});

t.test('changes count as pending from their receipt, and an error is remembered after it was mended', async (t) => {
  const { outcomes, sources, clock, configuration, propagation } = await set(t);
  const times: number[] = [];
  propagation.listen((seconds) => times.push(seconds));
  for (const source of sources) source.sink?.synced();
  await turn();
  propagation.inEffect(outcomes.at(-1)?.version ?? 0);
  sources[0].give(service('s'));
  await turn();
  sources[0].give(service('t'), service('u'));
  await turn();
  clock.advance(3);
  t.match(configuration.propagation(), { pending: 3, oldestSeconds: 0.003 });
  clock.advance(2);
  t.equal(configuration.propagation().pending, 3, 'compiled, and not in effect');
  clock.advance(10);
  propagation.inEffect(outcomes.at(-1)?.version ?? 0);
  t.match(configuration.propagation(), { pending: 0 });
  t.equal(times.at(-1), 0.015);

  t.equal(configuration.lastError, null);
  sources[0].give({ ...service('s'), spec: { ports: 'none' } } as RawObject);
  await turn();
  clock.advance(10);
  t.match(configuration.lastError, { at: 15, message: /^Service a\/s: / });
  sources[0].give(service('s'));
  await turn();
  clock.advance(10);
  t.strictSame(configuration.problems(), []);
  t.match(configuration.lastError, { at: 15 });
});

t.test('a problem is logged when it appears and when it is gone, with its place', async (t) => {
  const { lines, sources, clock, configuration } = await set(t);
  const [first, second] = sources;
  first.give(service('s'), rule('s', 'none'));
  first.sink?.synced();
  second.sink?.synced();
  await turn();
  first.give(service('other'));
  clock.advance(1000);
  await turn();
  t.match(lines, [{ msg: /^there is no service none/, level: 50, where: 'f.yaml:4:2' }]);
  t.equal(lines.length, 1, 'once');
  t.match(configuration.problems(), [{ severity: 'error', object: 'VirtualService a/s', path: 'spec.http[0].route[0].destination.host' }]);
  first.give(rule('s', 's'));
  clock.advance(1000);
  await turn();
  t.match(lines[1], { msg: /^resolved: there is no service none/, level: 30 });
  t.strictSame(configuration.problems(), []);
});

t.test('what is wrong is looked up when it comes, and not at each change', async (t) => {
  const { lines, sources, clock } = await set(t);
  const [first, second] = sources;
  first.give(...Array.from({ length: 50 }, (_, index) => rule(`s${index}`, 'none')));
  first.sink?.synced();
  second.sink?.synced();
  await turn();
  t.equal(lines.length, 50);
  const { located } = first;
  first.give(service('other'), rule('more', 'none'));
  await turn();
  // Held, as what it names might follow.
  clock.advance(1000);
  await turn();
  t.equal(lines.length, 51);
  t.equal(first.located, located + 1);
  first.give(service('none'));
  clock.advance(1000);
  await turn();
  t.equal(lines.filter(({ msg }) => msg.startsWith('resolved: ')).length, 51);
  t.equal(first.located, located + 1);
});

t.test('pods are the same as before where none has changed', async (t) => {
  const { outcomes, sources, clock } = await set(t);
  const [first, second] = sources;
  first.give(pod('in'), pod('out', false));
  first.sink?.synced();
  second.sink?.synced();
  await turn();
  first.give(service('s'));
  clock.advance(1000);
  await turn();
  t.equal(outcomes.length, 2);
  t.equal(outcomes[1]?.wanted, outcomes[0]?.wanted);
  first.give(pod('out'));
  clock.advance(1000);
  await turn();
  t.equal(outcomes[2]?.wanted.length, 2);
});

t.test('a pod that leaves stays known until it is no longer served', async (t) => {
  const { outcomes, served, sources, clock, configuration } = await set(t);
  const [first, second] = sources;
  first.give(pod('p'), pod('q'), service('s'));
  first.sink?.synced();
  second.sink?.synced();
  await turn();
  served.add('a/p').add('a/q');
  first.take(pod('p'));
  first.give(pod('q', false));
  clock.advance(1000);
  await turn();
  t.strictSame(outcomes.at(-1)?.wanted, []);
  const { records } = outcomes.at(-1)?.snapshot ?? {};
  t.strictSame([...(records?.workloads.keys() ?? [])].sort(), ['a/p', 'a/q']);
  t.ok(records?.scopes.has('a'), 'and what they see of the mesh');
  const before = outcomes.length;
  configuration.releaseLeft();
  t.equal(outcomes.length, before, 'nothing to do yet');
  served.delete('a/p');
  configuration.releaseLeft();
  t.strictSame([...(records?.workloads.keys() ?? [])], ['a/q']);
  t.strictSame(outcomes.at(-1)?.delta?.records.workloads?.remove, ['a/p']);
  first.give(pod('q'));
  clock.advance(1000);
  await turn();
  served.clear();
  configuration.releaseLeft();
  t.strictSame([...(records?.workloads.keys() ?? [])], ['a/q'], 'a pod that came back stays');
  first.take(pod('q'));
  clock.advance(1000);
  await turn();
  t.equal(records?.workloads.size, 0);
  t.equal(records?.scopes.size, 0);
});

t.test('a commit waits for objects that have become necessary, and not for ever', async (t) => {
  const { outcomes, sources, clock, configuration } = await set(t);
  const [first, second] = sources;
  const owned = (name: string): RawObject => {
    const made = pod(name);
    const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'u', controller: true }];
    return { ...made, metadata: { ...made.metadata, annotations: {}, ownerReferences } } as RawObject;
  };
  const statefulSet = { ...pod('db'), apiVersion: 'apps/v1', kind: 'StatefulSet' };
  first.reading = Promise.withResolvers();
  first.give(owned('db-0'));
  first.sink?.synced();
  second.sink?.synced();
  await turn();
  t.strictSame(first.asked.at(-1)?.owners, [{ kind: 'StatefulSet', namespace: 'a' }]);
  t.equal(outcomes.length, 0);
  first.give(statefulSet);
  await turn();
  t.equal(outcomes.length, 0, 'not before everything was read');
  first.reading.resolve();
  first.reading = null;
  await turn();
  t.equal(outcomes.length, 1);
  t.strictSame(
    outcomes[0]?.wanted.map(({ key }) => key),
    ['a/db-0'],
    'with what was read meanwhile',
  );
  first.reading = Promise.withResolvers();
  first.give(service('late'));
  clock.advance(10);
  await turn();
  t.equal(outcomes.length, 1);
  clock.advance(4900);
  await turn();
  t.equal(outcomes.length, 1);
  clock.advance(100);
  await turn();
  t.equal(outcomes.length, 2, 'an API server that is away holds up nothing');
  first.give(service('later'));
  clock.advance(10);
  await configuration.stop();
  first.reading.resolve();
  clock.advance(10_000);
  await turn();
  t.equal(outcomes.length, 2);
});
