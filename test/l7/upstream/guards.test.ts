/** Guards and the rows of the ledger that they use. */
import t from 'tap';
import { Epoch } from '../../../src/base/epoch.ts';
import { UNKNOWN_IDENTITY } from '../../../src/l7/config/identity.ts';
import { Cluster, NOBODY } from '../../../src/l7/upstream/cluster.ts';
import { Endpoint } from '../../../src/l7/upstream/endpoint.ts';
import { Guards } from '../../../src/l7/upstream/guards.ts';
import { Ledger } from '../../../src/l7/upstream/ledger.ts';
import { MemoryTransport } from '../../../src/l7/transport/memory.ts';
import { clusterOf } from '../engine/rig.ts';

const UNUSED_MS = 10 * 60_000;
const endpoint = (): Endpoint => new Endpoint({ address: '10.0.0.1', port: 80, weight: 1, identity: UNKNOWN_IDENTITY, local: null });

t.test('an endpoint that goes and comes back is counted where it was, and its row is given back once', async (t) => {
  const { timers } = MemoryTransport.create({ clock: 'manual' });
  const ledger = new Ledger(Ledger.memory(1), 0);
  const guards = new Guards(ledger, { timers, random: () => 0, overflowed: () => {}, ejection: () => {} });
  const config = clusterOf('a', { pool: { maxConnections: 1 } });
  const cluster = new Cluster({ config, hash: null, endpoints: [], preferred: NOBODY, other: null }, new Epoch());
  const guard = guards.of(cluster, 'client', 0);
  if (guard === null) return t.fail('no guard');
  const [old, again] = [endpoint(), endpoint()];
  const account = guard.account(old);
  t.equal(guard.account(again), account);
  old.remove();
  guard.sweep();
  const other = ledger.attach('somebody else');
  guard.account(again).addConnection();
  t.equal(ledger.isCounting(other), false, 'the row of an address is kept while an endpoint has it');
  guard.account(again).giveConnection();
  guards.sweep(UNUSED_MS + 1);
  const [first, second] = [ledger.attach('x'), ledger.attach('y')];
  t.not(first, second, 'a row that is free is given to one');
});
