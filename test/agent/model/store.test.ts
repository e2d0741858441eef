/** What is in force while good and bad versions come and go. */
import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { ObjectStore } from '../../../src/agent/model/store.ts';
import { parseManifest } from '../../../src/agent/sources/document.ts';

const REF = { kind: 'VirtualService', namespace: 'default', name: 'a' };
const version = (weight: string) =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n  hosts: [b]\n  http:\n` +
  `  - route:\n    - destination: {host: b}\n      weight: ${weight}\n`;

function setUp() {
  let now = Date.parse('2026-01-01T00:00:00Z');
  let changes = 0;
  const store = new ObjectStore(() => changes++, { now: () => now });
  const put = (text: string) => {
    for (const { object, origin } of parseManifest('f.yaml', text).objects) store.upsert(object, origin);
  };
  const weights = () =>
    (store.list('VirtualService') as unknown as { spec: { http: { route: { weight: number }[] }[] } }[]).map(
      ({ spec }) => spec.http[0]?.route[0]?.weight,
    );
  return { store, put, weights, later: (ms: number) => (now += ms), changes: () => changes };
}

t.test('a bad version leaves the last good one in force, until there is a better one', async (t) => {
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
    { severity: 'error', path: '', message: 'refused since 2026-01-01T00:00:01.000Z; the version before it stays in force', line: 1 },
    { severity: 'error', path: 'spec.http[0].route[0].weight', line: 9 },
  ]);
  put(version('2'));
  t.same(weights(), [2]);
  t.same(store.problems(), []);
});

t.test('an object that was never good is refused, and forgotten when it goes', async (t) => {
  const { store, put, weights } = setUp();
  put(version('many'));
  t.same(weights(), []);
  t.match(store.problems()[0], { message: 'refused since 2026-01-01T00:00:00.000Z; nothing of it is in force' });
  store.remove(REF);
  t.same([store.problems(), store.status(REF)], [[], null]);
});

t.test('changes of one turn are told once, after the source has told everything', async (t) => {
  const { store, put, changes } = setUp();
  put(version('1'));
  await setImmediate();
  t.equal(changes(), 0);
  store.synced();
  put(version('2'));
  await setImmediate();
  t.equal(changes(), 1);
});

t.test('problems of a file that are told again are no change', async (t) => {
  const { store, changes } = setUp();
  store.synced();
  await setImmediate();
  const broken = () => store.problem('f', [{ severity: 'error', object: null, path: '', message: 'm', file: 'f', line: 1, column: 1 }]);
  for (const tell of [broken, broken, broken]) {
    tell();
    await setImmediate();
  }
  t.equal(changes(), 2);
  store.problem('f', []);
  await setImmediate();
  t.same([changes(), store.problems()], [3, []]);
});
