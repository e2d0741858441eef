/** Words, numbers, addresses and orders of the console. */
import t from 'tap';
import { merged, type ToldRequest } from '../../console/feed/answers.ts';
import { bytes, milliseconds, percent, plural, rate, span } from '../../console/parts/format.ts';
import { inOrderOf, ordered } from '../../console/parts/row-order.ts';
import { meaningsOf, pathToShow, phasesOf } from '../../console/requests/story.ts';
import { hashOf, locationOf } from '../../console/shell/location.ts';

const REQUEST = { sentAfterMs: 2, answeredAfterMs: 30, durationMs: 31, attempts: 1 } as ToldRequest;

t.test('numbers never look like another one', async (t) => {
  t.strictSame([0, 0.01, 0.05, 12.34, 12_345.6].map(rate), ['0.0', '<0.1', '0.1', '12.3', '12,345.6']);
  t.strictSame([0, 0.0001, 0.021, 0.99999, 1].map(percent), ['0.0 %', '<0.1 %', '2.1 %', '>99.9 %', '100.0 %']);
  t.strictSame([0.34, 99.94, 350, 12_345].map(milliseconds), ['0.3 ms', '99.9 ms', '350 ms', '12.3 s']);
  t.strictSame([0, 999, 1000, 1_234_567].map(bytes), ['0 B', '999 B', '1.0 kB', '1.2 MB']);
  t.strictSame([5, 119, 120, 7200, 172_800].map(span), ['5 s', '119 s', '2 min', '2 h', '2 d']);
  t.strictSame([plural(1, 'pod'), plural(2, 'pod')], ['1 pod', '2 pods']);
});

t.test('a request’s time is told in parts that make up the whole', async (t) => {
  const parts = (more: Partial<ToldRequest>) => phasesOf({ ...REQUEST, ...more }).map(({ beganMs, endedMs }) => [beganMs, endedMs]);
  t.strictSame(parts({}), [
    [0, 2],
    [2, 30],
    [30, 31],
  ]);
  t.strictSame(parts({ sentAfterMs: null, answeredAfterMs: null }), [[0, 31]], 'refused without an attempt');
  t.strictSame(parts({ answeredAfterMs: null }), [
    [0, 2],
    [2, 31],
  ]);
  t.match(phasesOf({ ...REQUEST, attempts: 3 })[0]?.name, /earlier attempts/u);
});

t.test('flags are explained, and values of queries are not shown', async (t) => {
  t.strictSame(meaningsOf('-'), []);
  t.strictSame(
    meaningsOf('UF,URX').map(({ flag }) => flag),
    ['UF', 'URX'],
  );
  t.match(meaningsOf('XX')[0]?.meaning, /Envoy/u);
  t.equal(pathToShow('/a/b?token=s3cr=et&x&y=1?2'), '/a/b?token=…&x&y=…');
  t.equal(pathToShow('/a'), '/a');
});

t.test('a request that failed late is told once', async (t) => {
  const at = (at: number, requestId: string) => ({ ...REQUEST, at, requestId }) as ToldRequest;
  const all = merged([at(1, 'a'), at(2, 'b')], [at(2, 'b'), at(3, 'c')]);
  t.strictSame(
    all.map(({ requestId, slow, failed }) => [requestId, slow, failed]),
    [
      ['a', true, false],
      ['b', true, true],
      ['c', false, true],
    ],
  );
});

t.test('an address leads back to where it was made, and a bad one to the graph', async (t) => {
  const hash = hashOf('workloads', 'a b/c?d#e', { search: 'x&y', empty: '' });
  const { view, subject, query } = locationOf(hash);
  t.strictSame([view, subject, query.get('search'), query.has('empty')], ['workloads', 'a b/c?d#e', 'x&y', false]);
  for (const bad of ['', '#', '#/nowhere', '#/graph/%E0%A4%A']) t.equal(locationOf(bad).view, 'graph', bad);
});

t.test('rows are ordered by a column, and kept as they were while somebody reads', async (t) => {
  const rows = ['b10', 'b9', 'a'];
  const id = (row: string): string => row;
  t.strictSame(ordered(rows, id, false, id), ['a', 'b9', 'b10']);
  t.strictSame(
    ordered(rows, () => 0, true, id),
    ['a', 'b9', 'b10'],
    'equal ones by their keys, whichever way',
  );
  t.strictSame(
    ordered(rows, (row) => row.length, true, id),
    ['b10', 'b9', 'a'],
  );
  t.strictSame(inOrderOf(['x', 'b9', 'a'], rows, id), ['b9', 'a', 'b10'], 'new ones come last');
});
