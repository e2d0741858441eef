/** Requests that began within the last interval, over all workers. */
import t from 'tap';
import { Ledger } from '../../../src/l7/upstream/ledger.ts';
import { RecentRequests } from '../../../src/l7/upstream/recent-requests.ts';

const INTERVAL = 1000;

t.test('of the present interval all, of the one before what is left of it', async (t) => {
  const memory = Ledger.memory(2, 16);
  let now = 5000;
  const workers = [0, 1].map((me) => {
    const ledger = new Ledger(memory, me);
    return new RecentRequests(ledger, ledger.attach('cluster'), () => now);
  }) as [RecentRequests, RecentRequests];
  const counts = (): number[] => workers.map((recent) => recent.count(INTERVAL));
  for (let i = 0; i < 8; i++) workers[i % 2]?.begun(INTERVAL);
  t.same(counts(), [8, 8]);
  now = 6250;
  t.same(counts(), [6, 6]);
  workers[0].begun(INTERVAL);
  t.same(counts(), [7, 7]);
  now = 7000;
  t.same(counts(), [1, 1]);
  now = 9000;
  t.same(counts(), [0, 0], 'two intervals on nothing is left');
});
