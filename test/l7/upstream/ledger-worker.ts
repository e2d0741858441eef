/** A thread that takes and gives within a limit for a while, and says how much it has seen counted at most. */
import { parentPort, workerData } from 'node:worker_threads';
import { Ledger, type LedgerMemory, Resource } from '../../../src/l7/upstream/ledger.ts';
import { seededRandom } from './seeded-random.ts';

const { memory, me, limit, rounds } = workerData as {
  readonly memory: LedgerMemory;
  readonly me: number;
  readonly limit: number;
  readonly rounds: number;
};
const ledger = new Ledger(memory, me);
const random = seededRandom(me + 1);
let most = 0;
let held = 0;
let refused = 0;
for (let round = 0; round < rounds; round++) {
  const row = ledger.attach('shared');
  if (random() % 2 === 0 && ledger.take(row, Resource.Connections, limit)) held++;
  else if (held > 0) {
    ledger.give(row, Resource.Connections);
    held--;
  } else refused++;
  most = Math.max(most, ledger.total(row, Resource.Connections));
  // Others come and go beside it.
  ledger.detach(ledger.attach(`own ${random() % 50}`));
}
parentPort?.postMessage({ most, held, refused });
