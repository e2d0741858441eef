/** What is in effect while good and bad versions come and go. */
import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { unpack } from '../../../src/agent/model/packed.ts';
import { refOf } from '../../../src/agent/model/problem.ts';
import { ObjectStore } from '../../../src/agent/model/store.ts';
import type { Origin, RawObject } from '../../../src/agent/model/sink.ts';
import { parseManifest } from '../../../src/agent/sources/file-text.ts';

const REF = { group: 'networking.istio.io', kind: 'VirtualService', namespace: 'default', name: 'a' };
const version = (weight: string) =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n  hosts: [b]\n  http:\n` +
  `  - route:\n    - destination: {host: b}\n      weight: ${weight}\n`;

function setUp() {
  let now = Date.parse('2026-01-01T00:00:00Z');
  let changes = 0;
  const store = new ObjectStore(() => changes++, { now: () => now });
  const sink = store.contribute('test');
  const put = (text: string) => {
    for (const entry of parseManifest('f.yaml', text).objects) sink.upsert(entry.object!, entry);
  };
  const weights = () =>
    (store.list('VirtualService') as unknown as { spec: { http: { route: { weight: number }[] }[] } }[]).map(
      ({ spec }) => spec.http[0]?.route[0]?.weight,
    );
  return { store, sink, put, weights, later: (ms: number) => (now += ms), changes: () => changes };
}

t.test('a bad version leaves the last good one in effect, until there is a better one', async (t) => {
  const { store, put, weights, later } = setUp();
  put(version('1'));
  t.match(store.status(REF), { state: 'accepted' });
  later(1000);
  put(version('many'));
  later(1000);
  put(version('more'));
  t.same(weights(), [1]);
  t.same(store.status(REF), { ref: REF, state: 'previous-in-force', since: Date.parse('2026-01-01T00:00:01Z') });
  t.match(store.problems(), [
    { severity: 'error', path: '', message: 'refused since 2026-01-01T00:00:01.000Z; the version before it stays in effect', line: 1 },
    { severity: 'error', path: 'spec.http[0].route[0].weight', line: 9 },
  ]);
  put(version('2'));
  t.same(weights(), [2]);
  t.same(store.problems(), []);
});

t.test('an object that was never good is refused, and forgotten when it goes', async (t) => {
  const { store, sink, put, weights } = setUp();
  put(version('many'));
  t.same(weights(), []);
  t.match(store.problems()[0], { message: 'refused since 2026-01-01T00:00:00.000Z; nothing of it is in effect' });
  sink.remove(REF);
  t.same([store.problems(), store.status(REF)], [[], null]);
});

t.test('changes of one turn are told once, after the source has told everything', async (t) => {
  const { sink, put, changes } = setUp();
  put(version('1'));
  await setImmediate();
  t.equal(changes(), 0);
  sink.synced();
  put(version('2'));
  await setImmediate();
  t.equal(changes(), 1);
});

t.test('an object that goes and comes back in one turn is one change', async (t) => {
  const store = new ObjectStore();
  const sink = store.contribute('one');
  const object = (team: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a', labels: { team } } });
  const origin = { trusted: true, locate: () => null };
  sink.upsert(object('first'), origin);
  store.takeChanges();
  const ref = refOf(object('first'));
  sink.remove(ref);
  sink.upsert(object('second'), origin);
  t.match(
    store.takeChanges().map(({ object }) => object && unpack(object)),
    [{ metadata: { labels: { team: 'second' } } }],
  );
  t.match(store.list('Namespace'), [{ metadata: { labels: { team: 'second' } } }]);
  sink.remove(ref);
  t.match(store.takeChanges(), [{ ref, object: null }]);
  t.same(store.list('Namespace'), []);
  sink.upsert(object('third'), origin);
  sink.remove(ref);
  t.same(store.takeChanges(), []);
});

t.test('problems of a file that are told again are no change', async (t) => {
  const { store, sink, changes } = setUp();
  sink.synced();
  await setImmediate();
  const broken = () => sink.problem('f', [{ severity: 'error', object: null, path: '', message: 'm', file: 'f', line: 1, column: 1 }]);
  for (const tell of [broken, broken, broken]) {
    tell();
    await setImmediate();
  }
  t.equal(changes(), 2);
  sink.problem('f', []);
  await setImmediate();
  t.same([changes(), store.problems()], [3, []]);
});

const ORIGIN: Origin = { trusted: false, locate: () => null };
const object = (apiVersion: string, kind: string, name: string, more: object = {}): RawObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'default' },
  ...more,
});

t.test('objects of one kind and name in two API groups are two objects', async (t) => {
  const { store, sink } = setUp();
  const spec = { servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }] };
  sink.upsert(object('networking.istio.io/v1', 'Gateway', 'web', { spec }), ORIGIN);
  sink.upsert(object('gateway.networking.k8s.io/v1', 'Gateway', 'web', { spec: {} }), ORIGIN);
  sink.upsert(object('v1', 'Service', 'shop', { spec: { ports: [{ port: 80 }] } }), ORIGIN);
  sink.upsert(object('serving.knative.dev/v1', 'Service', 'shop', { spec: {} }), ORIGIN);
  t.match([store.list('Gateway'), store.list('Service')], [[{ spec }], [{ apiVersion: 'v1' }]]);
  sink.remove({ group: 'serving.knative.dev', kind: 'Service', namespace: 'default', name: 'shop' });
  t.equal(store.list('Service').length, 1);
});

t.test('of two sources with one object the first has it, until it takes it back', async (t) => {
  const { store, sink } = setUp();
  const second = store.contribute('second');
  t.throws(() => store.contribute('second'), RangeError);
  const from = (name: string): RawObject => ({ ...object('v1', 'ConfigMap', 'a'), data: { from: name } }) as RawObject;
  const inForce = (): unknown => store.list('ConfigMap')[0]?.data;
  second.upsert(from('second'), ORIGIN);
  t.same([inForce(), store.problems()], [{ from: 'second' }, []]);
  sink.upsert({ ...from('first'), data: 1 } as RawObject, ORIGIN);
  t.same(inForce(), { from: 'second' }, 'a version that was never good takes nothing out of force');
  sink.upsert(from('first'), ORIGIN);
  t.same(inForce(), { from: 'first' });
  t.match(store.problems(), [{ severity: 'warning', message: 'given by test too, whose version is in effect' }]);
  sink.remove({ group: '', kind: 'ConfigMap', namespace: 'default', name: 'a' });
  t.same([inForce(), store.problems()], [{ from: 'second' }, []]);
});

t.test('changes are told when every source has told everything once', async (t) => {
  const { store, sink, put, changes } = setUp();
  const second = store.contribute('second');
  put(version('1'));
  sink.synced();
  await setImmediate();
  t.same([changes(), store.synced], [0, false]);
  second.synced();
  await setImmediate();
  t.same([changes(), store.synced], [1, true]);
});

t.test('a list takes away what it does not have when it is complete', async (t) => {
  const { store, sink } = setUp();
  const namespaces = { group: '', kind: 'Namespace' };
  const names = (): string[] => store.list('Namespace').map(({ metadata }) => metadata.name);
  for (const name of ['a', 'b']) sink.upsert(object('v1', 'Namespace', name), ORIGIN);
  sink.upsert(object('v1', 'Node', 'a'), ORIGIN);
  store.takeChanges();
  sink.relist(namespaces);
  sink.upsert(object('v1', 'Namespace', 'b'), ORIGIN);
  t.same(names(), ['a', 'b']);
  sink.listed(namespaces);
  t.same([names(), store.list('Node').length], [['b'], 1]);
});

t.test('a version that is told again is no change', async (t) => {
  const { store, sink } = setUp();
  const pod = (resourceVersion: string, more: object): RawObject => ({
    ...object('v1', 'Pod', 'a', more),
    metadata: { name: 'a', namespace: 'default', uid: 'u', resourceVersion },
  });
  sink.upsert(pod('1', {}), ORIGIN);
  t.equal(store.takeChanges().length, 1);
  sink.upsert(pod('1', {}), ORIGIN);
  t.same(store.takeChanges(), []);
  sink.upsert(pod('2', {}), ORIGIN);
  t.same(store.takeChanges(), [], 'nothing that anybody reads is different');
  sink.upsert(pod('3', { spec: { nodeName: 'n' } }), ORIGIN);
  t.equal(store.takeChanges().length, 1);
  sink.upsert(pod('4', { spec: { nodeName: 'n' } }), { ...ORIGIN, trusted: true });
  t.equal(store.takeChanges().length, 1, 'its author may say more');
});

t.test('what an API server printed may be edited in a file, which does not change its version', async (t) => {
  const { put, weights } = setUp();
  const printed = (weight: string): string => version(weight).replace('{name: a}', '{name: a, resourceVersion: "7"}');
  put(printed('1'));
  put(printed('2'));
  t.same(weights(), [2]);
});

t.test('of a pod of another node the metadata is enough', async (t) => {
  const { store, sink } = setUp();
  const metadata = { name: 'a', namespace: 'default', labels: { app: 'a' } };
  const known = (kind: string, apiVersion: string): RawObject => ({ apiVersion, kind, metadata });
  sink.upsert(known('Pod', 'v1'), { ...ORIGIN, metadataOnly: true });
  t.match(store.list('Pod'), [{ metadata }]);
  t.same(store.problems(), []);
  t.match(store.takeChanges(), [{ ref: { kind: 'Pod' }, origin: { metadataOnly: true } }]);
  sink.upsert(known('VirtualService', 'networking.istio.io/v1'), { ...ORIGIN, metadataOnly: true });
  t.match(store.problems().at(-1), { severity: 'error', message: 'only the metadata is known' });
  t.same(store.list('VirtualService'), []);
});

t.test('a part of a source lists and removes only what came by it', async (t) => {
  const { store, sink } = setUp();
  const map = (from: string, name = 'a'): RawObject => ({ ...object('v1', 'ConfigMap', name), data: { from } }) as RawObject;
  const inForce = (): unknown =>
    store
      .list('ConfigMap')
      .map(({ metadata, data }) => `${metadata.name} ${data?.['from']}`)
      .sort();
  const [left, right] = [sink.part('left'), sink.part('right')];
  t.throws(() => sink.part('left'), RangeError);
  left.upsert(map('left'), ORIGIN);
  left.upsert(map('left', 'b'), ORIGIN);
  right.upsert(map('right'), ORIGIN);
  t.same(inForce(), ['a left', 'b left']);
  sink.upsert(map('source'), ORIGIN);
  t.same([inForce(), store.problems()], [['a source', 'b left'], []], 'no other source has given it');
  const type = { group: '', kind: 'ConfigMap' };
  right.relist(type);
  right.listed(type);
  t.same(inForce(), ['a source', 'b left']);
  left.problem('p', [{ severity: 'error', object: null, path: '', message: 'm', file: '', line: 0, column: 0 }]);
  t.equal(store.problems().length, 1);
  left.close();
  t.same([inForce(), store.problems()], [['a source'], []]);
  sink.remove({ ...type, namespace: 'default', name: 'a' });
  t.same(inForce(), []);
  sink.part('left').upsert(map('again'), ORIGIN);
  t.same(inForce(), ['a again'], 'its name is free again');
});
