import t from 'tap';
import { MOST_TAPS, RequestLog } from '../../../src/agent/requests/request-log.ts';
import { LineRing } from '../../../src/base/line-ring.ts';
import type { TapFilter } from '../../../src/l7/tap/tap-filter.ts';
import { ManualClock } from '../../base/manual-clock.ts';

function bench() {
  const filters: (readonly TapFilter[])[] = [];
  const clock = new ManualClock();
  const log = new RequestLog({ clock, onFilters: (now) => filters.push(now) });
  const ring = new LineRing();
  const worker = {};
  log.rings.attach(worker, '', ring.memory);
  const tell = (marks: string, path: string): void => {
    const text = JSON.stringify({ path, source: { pod: 'a/b' }, destination: { pod: 'c/d' } });
    const line = Buffer.from(`${marks} ${text}\n`);
    ring.write(line, line.length);
  };
  return { log, clock, ring, worker, tell, filters };
}

const paths = (told: readonly { readonly path: string }[]): string[] => told.map(({ path }) => path);

t.test('the newest come first, of each kind a bounded number', (t) => {
  const { log, tell } = bench();
  tell('s', '/slow');
  tell('sf', '/both');
  tell('t', '/tapped');
  t.strictSame(paths(log.recent('slow')), ['/both', '/slow']);
  t.strictSame(paths(log.recent('failed')), ['/both']);
  for (let i = 0; i < 300; i++) tell('f', `/${i}`);
  t.equal(log.recent('failed').length, 256);
  t.strictSame(paths(log.recent('failed', 2)), ['/299', '/298']);
  t.end();
});

t.test('what a worker told before it ended is kept, and what it dropped stays counted', (t) => {
  const { log, tell, ring, worker } = bench();
  tell('f', '/last');
  ring.drop();
  log.rings.retire(worker);
  t.strictSame(paths(log.recent('failed')), ['/last']);
  t.equal(log.report().droppedByWorkers, 1);
  t.end();
});

t.test('a tap gets what fits it as it comes, and its filter is withdrawn with it', async (t) => {
  const { log, clock, tell, filters } = bench();
  const tap = log.tap({ path: '/a' });
  t.strictSame(filters, [[{ path: '/a' }]]);
  const reader = tap![Symbol.asyncIterator]();
  const first = reader.next();
  tell('t', '/a/1');
  tell('t', '/b');
  clock.advance(50);
  t.match(String((await first).value), /^\{"path":"\/a\/1".*\}\n$/);
  const end = reader.next();
  tap!.close();
  t.equal((await end).done, true);
  t.strictSame(filters.at(-1), []);
  t.equal(log.report().taps, 0);
});

t.test('a tap that is not read loses requests, says how many, and holds up nobody', async (t) => {
  const { log, tell } = bench();
  const tap = log.tap({});
  for (let i = 0; i < 1100; i++) {
    tell('t', `/${i}`);
    if (i % 100 === 99) log.rings.read();
  }
  t.equal(log.report().droppedByTaps, 100);
  const { value } = await tap![Symbol.asyncIterator]().next();
  const lines = String(value).trim().split('\n');
  t.equal(lines.length, 1001);
  t.equal(lines.at(-1), '{"dropped":100}');
  log.close();
  t.equal(log.report().droppedByTaps, 100, 'also afterwards');
});

t.test('there are only so many taps', (t) => {
  const { log } = bench();
  for (let i = 0; i < MOST_TAPS; i++) t.not(log.tap({}), null);
  t.equal(log.tap({}), null);
  t.end();
});
