import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import t from 'tap';
import { StuckWatch, waitedForProcessor } from '../../../src/agent/worker-pool/stuck-watch.ts';

const CHECK_MS = 250;

/** Counts after so many checks of a thread that has beaten once, and waits so much of each check's time. */
function countOf(checks: number, waitedShare: number | null): number {
  let now = 0;
  const watch = new StuckWatch(() => (waitedShare === null ? null : now * waitedShare));
  watch.check(1, now);
  let count = 0;
  for (let i = 0; i < checks; i++) count = watch.check(1, (now += CHECK_MS));
  return count;
}

t.test('a thread that could have run is stuck', async (t) => {
  t.equal(countOf(12, 0), 12);
  t.equal(countOf(12, null), 12, 'where the kernel does not tell, every check counts');
});

t.test('one that waited for a processor is late, and stuck only when it has had its time', async (t) => {
  t.equal(countOf(100, 1), 1, 'what came before the first silent check is not known');
  t.equal(countOf(11, 0.5), 6);
  t.ok(countOf(200, 0.9) > 12, 'one that hangs is found on a busy machine too');
});

t.test('a beat ends the silence', async (t) => {
  const watch = new StuckWatch(() => 0);
  watch.check(1, 0);
  watch.check(1, 250);
  t.equal(watch.check(1, 500), 2);
  t.equal(watch.check(2, 750), 0);
  t.equal(watch.check(2, 1000), 1);
});

t.test('the kernel tells how long a thread of this process has waited', { skip: process.platform !== 'linux' }, async (t) => {
  const worker = new Worker('require("node:worker_threads").parentPort.postMessage("");for (;;);', { eval: true, name: 'waits' });
  await once(worker, 'message');
  const waited = waitedForProcessor('waits');
  t.ok(waited !== null && waited >= 0, String(waited));
  await worker.terminate();
  t.equal(waitedForProcessor('waits'), null);
});
