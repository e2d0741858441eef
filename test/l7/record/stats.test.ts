import t from 'tap';
import { BUCKETS, type SeriesDefinition, Stats } from '../../../src/l7/record/stats.ts';

const HISTOGRAM = BUCKETS.length + 2;

function rig(cells: number) {
  const published: SeriesDefinition[] = [];
  const ended: number[] = [];
  const stats = new Stats({ added: (series) => published.push(series), ended: (more) => ended.push(...more) }, cells);
  return { stats, published, ended };
}

t.test('a full table counts what is new under overflow, for every name that was there before', async (t) => {
  const { stats, published } = rig(40 * HISTOGRAM);
  const names = ['request_bytes', 'response_bytes', 'request_duration_milliseconds', 'another'];
  for (const name of names) stats.histogram(name, { peer: 'first' });
  stats.counter('requests_total', { peer: 'first' });
  for (let i = 0; i < 1000; i++) {
    for (const name of names) stats.observe(stats.histogram(name, { peer: String(i) }), 3);
    stats.add(stats.counter('requests_total', { peer: String(i) }), 1);
  }
  const overflowing = published.filter(({ labels }) => labels['peer'] === 'overflow');
  t.same(
    overflowing.map(({ name }) => name).toSorted((a, b) => (a < b ? -1 : 1)),
    [...names, 'requests_total'].toSorted((a, b) => (a < b ? -1 : 1)),
  );
  for (const { cell, kind } of published) t.ok(cell + (kind === 'histogram' ? HISTOGRAM : 1) <= stats.cells.length);
  const taken = published.flatMap(({ cell, kind }) => Array.from({ length: kind === 'histogram' ? HISTOGRAM : 1 }, (_, i) => cell + i));
  t.equal(new Set(taken).size, taken.length, 'no two series share a cell');
  let counted = 0;
  for (const { name, cell } of published) if (name === 'requests_total') counted += stats.cells[cell] as number;
  t.equal(counted, 1000, 'nothing is lost');
});

t.test('a name for which there is no room at all is counted nowhere, and nobody fails', async (t) => {
  const { stats, published } = rig(3 * HISTOGRAM);
  for (let i = 0; i < 100; i++) stats.histogram('first', { i: String(i) });
  const before = published.length;
  for (const name of ['a', 'b', 'c']) stats.observe(stats.histogram(name, {}), 1);
  for (let i = 0; i < 100; i++) stats.add(stats.counter(`counter-${i}`, {}), 1);
  t.ok(published.length <= before + HISTOGRAM, 'the last cells go to whoever comes first');
  t.ok(published.every(({ cell }) => cell < stats.cells.length));
});

t.test('released cells keep their values until the next sweep, and begin from zero afterwards', async (t) => {
  const { stats, published, ended } = rig(10 * HISTOGRAM);
  const first = stats.histogram('time', { peer: 'a' });
  stats.observe(first, 3);
  stats.release([[first, 'histogram']]);
  t.same(ended, [first]);
  t.equal(stats.cells[first + HISTOGRAM - 1], 3);
  t.not(stats.histogram('time', { peer: 'b' }), first, 'it rests');
  stats.reuse();
  t.equal(stats.histogram('time', { peer: 'c' }), first);
  t.same(
    [...stats.cells.subarray(first, first + HISTOGRAM)],
    Array.from({ length: HISTOGRAM }, () => 0),
  );
  t.same(
    published.map(({ labels }) => labels['peer']),
    ['a', 'b', 'c'],
  );
});

t.test('cells that count an overflow are never given back', async (t) => {
  const { stats, ended } = rig(4 * HISTOGRAM);
  const cells = Array.from({ length: 5 }, (_, i) => stats.histogram('time', { peer: String(i) }));
  t.equal(cells[3], cells[4], 'they share the overflow');
  stats.release(cells.map((cell) => [cell, 'histogram'] as const));
  t.same(
    ended,
    [...new Set(cells)].filter((cell) => cell !== cells[4]),
  );
});
