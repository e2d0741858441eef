/** What is drawn of a mesh, and where. */
import t from 'tap';
import { layoutOf, type Sizes } from '../../console/graph/layout.ts';
import { type Call, linksOf, meshOf, toneOf } from '../../console/graph/model.ts';
import { MOST_AT_ONCE, select } from '../../console/graph/selection.ts';
import { largeMesh } from './synthetic-mesh.ts';

const call = (from: string, to: string, more: Partial<Call> = {}): Call => {
  return { from, to, protocol: 'http', perSecond: 1, bytesPerSecond: 10, errorShare: 0, p50: 1, p99: 2, ...more };
};
const SIZES: Sizes = { width: 100, height: 40, label: null };
const WHOLE = { focus: '', depth: 1, all: false };

t.test('a service sums what it gets, and connections have no errors', async (t) => {
  const mesh = meshOf([
    call('a/x', 'a/z', { perSecond: 9 }),
    call('a/y', 'a/z', { perSecond: 1, errorShare: 1 }),
    call('a/y', 'a/z', { protocol: 'tcp', perSecond: 0, p50: null, p99: null }),
    call('unknown/unknown', 'a/x'),
  ]);
  t.strictSame(mesh.services.get('a/z'), {
    ...{ id: 'a/z', namespace: 'a', name: 'z', isOutside: false, perSecond: 10, errorShare: 0.1, isCalled: true, bytesPerSecond: 10 },
  });
  t.match(mesh.services.get('unknown/unknown'), { isOutside: true, isCalled: false });
  t.strictSame(
    linksOf(mesh.calls).map(({ from, to, calls, perSecond }) => [from, to, calls.length, perSecond]),
    [
      ['a/x', 'a/z', 1, 9],
      ['a/y', 'a/z', 2, 1],
      ['unknown/unknown', 'a/x', 1, 1],
    ],
  );
  t.strictSame([0, 0.004, 0.005, 0.05, 1].map(toneOf), ['good', 'good', 'warn', 'bad', 'bad']);
});

t.test('the same services and calls have the same places, in whatever order they come', async (t) => {
  const { calls } = largeMesh(60);
  const mesh = meshOf(calls);
  const links = linksOf(mesh.calls);
  const first = layoutOf(mesh.services.keys(), links, SIZES);
  const second = layoutOf([...mesh.services.keys()].toReversed(), links.toReversed(), SIZES);
  t.strictSame(second, first);
});

t.test('a caller stands left of whom it calls, nothing overlaps, and circles and calls to oneself are drawn', async (t) => {
  const calls = [call('a/a', 'a/b'), call('a/b', 'a/c'), call('a/a', 'a/c'), call('a/c', 'a/a'), call('a/b', 'a/b')];
  const mesh = meshOf(calls);
  const { places, ways } = layoutOf(mesh.services.keys(), linksOf(calls), SIZES);
  t.ok((places.get('a/a')?.x ?? 0) < (places.get('a/b')?.x ?? 0));
  t.ok((places.get('a/b')?.x ?? 0) < (places.get('a/c')?.x ?? 0));
  t.equal(ways.size, calls.length);
  for (const { path } of ways.values()) t.notMatch(path, /NaN|undefined/u);
  const large = meshOf(largeMesh(120).calls);
  const layout = layoutOf(large.services.keys(), linksOf(large.calls), SIZES);
  const all = [...layout.places.values()];
  const overlaps = all.flatMap((a, i) =>
    all.slice(i + 1).filter((b) => Math.abs(a.x - b.x) < SIZES.width && Math.abs(a.y - b.y) < SIZES.height),
  );
  t.strictSame(overlaps, []);
  t.ok(all.every(({ x, y }) => x > 0 && y > 0 && x < layout.width && y < layout.height));
});

t.test('a small mesh is drawn whole, a large one where there is trouble', async (t) => {
  const small = meshOf(largeMesh(MOST_AT_ONCE).calls);
  t.equal(select(small, linksOf(small.calls), WHOLE, new Set()).size, small.services.size);
  const quiet = largeMesh(200).calls.map((each) => ({ ...each, errorShare: 0 }));
  const [bad] = quiet as [Call];
  const large = meshOf(quiet.map((each) => (each === bad ? { ...each, errorShare: 0.5, perSecond: 0.1 } : each)));
  const links = linksOf(large.calls);
  const chosen = select(large, links, WHOLE, new Set());
  t.ok(chosen.has(bad.from) && chosen.has(bad.to));
  t.ok(chosen.size <= MOST_AT_ONCE && chosen.size > 10);
  t.equal(select(large, links, { ...WHOLE, all: true }, new Set()).size, large.services.size);
});

t.test('what is drawn does not change by itself: only new trouble comes in', async (t) => {
  const { calls } = largeMesh(200);
  const quiet = meshOf(calls.map((each) => ({ ...each, errorShare: 0 })));
  const before = select(quiet, linksOf(quiet.calls), WHOLE, new Set());
  const busier = meshOf(calls.map((each, index) => ({ ...each, errorShare: 0, perSecond: index })));
  t.strictSame(select(busier, linksOf(busier.calls), WHOLE, before), before);
  const elsewhere = calls.find(({ from, to }) => !before.has(from) && !before.has(to)) as Call;
  const troubled = meshOf(calls.map((each) => ({ ...each, errorShare: each === elsewhere ? 0.9 : 0 })));
  const after = select(troubled, linksOf(troubled.calls), WHOLE, before);
  t.strictSame(after, new Set([...before, elsewhere.from, elsewhere.to]));
});

t.test('around a service are its callers and callees, and one call further theirs', async (t) => {
  const mesh = meshOf([call('a/a', 'a/b'), call('a/b', 'a/c'), call('a/c', 'a/d'), call('a/x', 'a/y')]);
  const links = linksOf(mesh.calls);
  t.strictSame(select(mesh, links, { focus: 'a/b', depth: 1, all: false }, new Set()), new Set(['a/b', 'a/a', 'a/c']));
  t.strictSame(select(mesh, links, { focus: 'a/b', depth: 2, all: false }, new Set()), new Set(['a/b', 'a/a', 'a/c', 'a/d']));
});
