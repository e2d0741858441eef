import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { Fact, Ledger, Resource } from '../../../src/l7/upstream/ledger.ts';

const RESOURCES = Object.values(Resource);

t.test('threads that take at once never exceed the limit together, and leave no count behind', async (t) => {
  const memory = Ledger.memory(3, 256);
  const limit = 4;
  const threads = [0, 1, 2].map(
    (me) => new Worker(new URL('./ledger-worker.ts', import.meta.url), { workerData: { memory, me, limit, rounds: 20_000 } }),
  );
  const said = await Promise.all(threads.map(async (thread) => ((await once(thread, 'message')) as [{ most: number; held: number }])[0]));
  const held = said.reduce((sum, one) => sum + one.held, 0);
  t.ok(
    said.every(({ most }) => most <= limit),
    `at most ${said.map(({ most }) => most).join()}`,
  );
  const control = new Ledger(memory, -1);
  const row = new Ledger(memory, 0).attach('shared');
  t.equal(control.total(row, Resource.Connections), held);
  for (const me of [0, 1, 2]) control.forget(me);
  t.equal(control.total(row, Resource.Connections), 0);
});

t.test('rows against a model: keys, counts by worker, workers that are gone', async () => {
  const worker = fc.nat(2);
  const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const resource = fc.constantFrom(...RESOURCES);
  const step = fc.oneof(
    fc.record({ kind: fc.constantFrom('attach' as const, 'detach' as const), worker, key }),
    fc.record({ kind: fc.constantFrom('take' as const, 'force' as const, 'give' as const), worker, key, resource }),
    fc.record({ kind: fc.constant('forget' as const), worker }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const memory = Ledger.memory(3, 4);
      const ledgers = [0, 1, 2].map((me) => new Ledger(memory, me));
      const control = new Ledger(memory, -1);
      const rows = new Map<string, number>();
      const uses = new Map<string, Map<number, number[]>>();
      const total = (of: string, what: Resource): number =>
        [...(uses.get(of)?.values() ?? [])].reduce((sum, counts) => sum + (counts[what] as number), 0);
      const leave = (of: string, who: number): void => {
        uses.get(of)?.delete(who);
        if (uses.get(of)?.size !== 0) return;
        uses.delete(of);
        rows.delete(of);
      };
      for (const one of steps) {
        if (one.kind === 'forget') {
          control.forget(one.worker);
          for (const of of [...uses.keys()]) leave(of, one.worker);
        } else {
          const ledger = ledgers[one.worker] as Ledger;
          const counts = uses.get(one.key)?.get(one.worker);
          const row = rows.get(one.key) ?? -1;
          if (one.kind === 'attach') {
            const got = ledger.attach(one.key);
            const full = rows.size >= 4 && row < 0;
            if (got < 0 !== full) throw new Error(`${one.key} at ${got} of ${rows.size}`);
            if (row >= 0 && got !== row) throw new Error('a key has two rows');
            if (got >= 0 && [...rows].some(([other, at]) => at === got && other !== one.key)) throw new Error('a row has two keys');
            if (full) continue;
            rows.set(one.key, got);
            const known = uses.get(one.key) ?? new Map<number, number[]>();
            uses.set(one.key, known.set(one.worker, counts ?? [0, 0, 0, 0]));
          } else if (counts === undefined) continue;
          else if (one.kind === 'detach') {
            ledger.detach(row);
            leave(one.key, one.worker);
          } else if ('resource' in one) {
            const { resource: what } = one;
            if (one.kind === 'take') {
              if (ledger.take(row, what, 3) !== total(one.key, what) < 3) throw new Error('taken beyond the limit, or not below it');
              else if (total(one.key, what) < 3) counts[what] = (counts[what] as number) + 1;
            } else if (one.kind === 'force') {
              ledger.force(row, what);
              counts[what] = (counts[what] as number) + 1;
            } else if ((counts[what] as number) > 0) {
              ledger.give(row, what);
              counts[what] = (counts[what] as number) - 1;
            }
          }
        }
        for (const [of, row] of rows) {
          for (const what of RESOURCES)
            if (control.total(row, what) !== total(of, what)) throw new Error(`${of}: ${control.total(row, what)}`);
        }
      }
    }),
    { numRuns: 300 },
  );
});

t.test('a row that is used again begins anew', async (t) => {
  const ledger = new Ledger(Ledger.memory(1, 1), 0);
  const row = ledger.attach('one');
  ledger.force(row, Resource.Retries);
  ledger.setFact(row, Fact.Errors, 7);
  ledger.setFront(row, 5);
  t.equal(ledger.attach('two'), -1, 'there is no room');
  ledger.detach(row);
  t.equal(ledger.attach('two'), row);
  t.same([ledger.total(row, Resource.Retries), ledger.fact(row, Fact.Errors), ledger.front(row, 0)], [0, 0, 0]);
});

t.test('a lock of a worker that is gone is broken', async (t) => {
  const memory = Ledger.memory(2, 4);
  const cells = new Int32Array(memory.memory);
  Atomics.store(cells, 0, 1);
  new Ledger(memory, -1).forget(0);
  t.ok(new Ledger(memory, 1).attach('x') >= 0);
});

t.test('who waits longest, also when tickets begin again', async (t) => {
  const memory = Ledger.memory(3, 4);
  const [a, b, c] = [0, 1, 2].map((me) => new Ledger(memory, me)) as [Ledger, Ledger, Ledger];
  const row = a.attach('x');
  t.equal(a.frontWorker(row), -1);
  b.setFront(row, 9);
  c.setFront(row, 7);
  t.equal(a.frontWorker(row), 2);
  b.setFront(row, 2 ** 31 - 2);
  c.setFront(row, -(2 ** 31) + 3);
  t.equal(a.frontWorker(row), 1);
});

t.test('a bell is heard, also while it is listened to for the first time', async (t) => {
  const memory = Ledger.memory(2, 4);
  const [a, b] = [0, 1].map((me) => new Ledger(memory, me)) as [Ledger, Ledger];
  let heard = 0;
  let next = Promise.withResolvers<void>();
  const listening = b.listen(
    () => {
      heard++;
      next.resolve();
    },
    () => heard >= 2,
  );
  a.ring(1);
  await next.promise;
  next = Promise.withResolvers<void>();
  a.ring(1);
  await next.promise;
  t.equal(heard, 2);
  a.ring(1);
  await listening;
});
