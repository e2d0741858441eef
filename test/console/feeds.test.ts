/** The feeds by their invariants, with time turned by hand. */
import t from 'tap';
import { Feeds } from '../../console/feed/feeds.ts';
import { ManualClock } from '../base/manual-clock.ts';

const ROUND_MS = 2000;

function rig() {
  const clock = new ManualClock();
  const asked: string[] = [];
  const waiting: { readonly path: string; answer(data: unknown): Promise<void>; fail(message: string): Promise<void> }[] = [];
  const settle = (): Promise<void> => new Promise((done) => setImmediate(done));
  const feeds = new Feeds({
    now: () => clock.now(),
    after: (ms, run) => clock.after(ms, run),
    ask: (path) => {
      asked.push(path);
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      const answer = (data: unknown): Promise<void> => (resolve(data), settle());
      waiting.push({ path, answer, fail: (message) => (reject(new Error(message)), settle()) });
      return promise;
    },
  });
  const turn = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await settle();
  };
  return { clock, feeds, asked, next: () => waiting.shift(), turn };
}

t.test('1: only what is watched is asked for, once at a time', async (t) => {
  const { feeds, asked, next, turn } = rig();
  const leave = feeds.watch('/a', () => {});
  feeds.watch('/a', () => {});
  t.strictSame(asked, ['/a']);
  await turn(5 * ROUND_MS);
  t.strictSame(asked, ['/a'], 'the answer is still awaited');
  await next()?.answer(1);
  await turn(ROUND_MS);
  t.strictSame(asked, ['/a', '/a']);
  await next()?.answer(2);
  t.equal(feeds.reading('/a').data, 2);
  leave();
  const other = feeds.watch('/b', () => {});
  await next()?.answer(3);
  other();
  await turn(ROUND_MS);
  t.strictSame(asked, ['/a', '/a', '/b', '/a'], 'the second watcher of /a is still there');
});

t.test('2: nothing is asked while it rests, and everything at once afterwards', async (t) => {
  for (const rest of ['pause', 'hide'] as const) {
    const { feeds, asked, next, turn } = rig();
    feeds.watch('/a', () => {});
    await next()?.answer(1);
    feeds[rest](true);
    await turn(10 * ROUND_MS);
    t.strictSame(asked, ['/a'], rest);
    feeds[rest](false);
    t.strictSame(asked, ['/a', '/a'], rest);
    await next()?.answer(2);
    await turn(ROUND_MS);
    t.equal(asked.length, 3, rest);
  }
});

t.test('2: a page that opens hidden asks nothing', async (t) => {
  const { feeds, asked, turn } = rig();
  feeds.hide(true);
  feeds.watch('/a', () => {});
  await turn(10 * ROUND_MS);
  t.strictSame(asked, []);
  feeds.hide(false);
  t.strictSame(asked, ['/a']);
});

t.test('3: the last answer stays, and a failure says since when', async (t) => {
  const { clock, feeds, next, turn } = rig();
  let told = 0;
  feeds.watch('/a', () => told++);
  await next()?.answer('good');
  const at = clock.now();
  await turn(ROUND_MS);
  await next()?.fail('no connection');
  const since = clock.now();
  t.strictSame(feeds.reading('/a'), { data: 'good', at, failure: { since, message: 'no connection' } });
  await turn(ROUND_MS);
  await next()?.fail('no answer within 8 s');
  t.strictSame(feeds.reading('/a'), { data: 'good', at, failure: { since, message: 'no answer within 8 s' } });
  await turn(ROUND_MS);
  await next()?.answer('back');
  t.strictSame(feeds.reading('/a'), { data: 'back', at: clock.now(), failure: null });
  t.equal(told, 4);
});

t.test('4: an answer that comes too late changes nothing', async (t) => {
  const { feeds, next } = rig();
  feeds.watch('/a', () => t.fail('nobody listens'))();
  await next()?.answer(1);
  t.strictSame(feeds.reading('/a'), { data: null, at: null, failure: null });
});
