import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { Pace } from '../../../../src/agent/sources/kubernetes/pace.ts';
import { ManualClock } from '../../../base/manual-clock.ts';

/** How long it waits, when the dice fall so. */
async function waited(pace: Pace, clock: ManualClock, options = {}): Promise<number> {
  const began = clock.now();
  let isOver = false;
  void pace.wait(new AbortController().signal, options).then(() => (isOver = true));
  for (;;) {
    await setImmediate();
    if (isOver) return clock.now() - began;
    clock.advance(50);
  }
}

t.test('waits grow, and a watch that works ends them', async (t) => {
  const clock = new ManualClock();
  const pace = new Pace(clock, () => 1);
  const waits: number[] = [];
  for (let count = 0; count < 8; count++) waits.push(await waited(pace, clock));
  t.strictSame(waits, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
  t.equal(await waited(pace, clock, { longestMs: 60_000 }), 60_000);
  t.equal(await waited(pace, clock, { leastMs: 5000 }), 35_000, 'after what the server asked for');
  pace.reset();
  t.equal(await waited(pace, clock), 500);
});

t.test('the jitter is full', async (t) => {
  const clock = new ManualClock();
  t.equal(await waited(new Pace(clock, () => 0), clock), 50);
  t.equal(await waited(new Pace(clock, () => 0.5), clock), 300, '275, seen in steps of 50');
});

t.test('who is stopped does not wait', async (t) => {
  const clock = new ManualClock();
  const stop = new AbortController();
  const wait = new Pace(clock, () => 1).wait(stop.signal);
  stop.abort();
  await wait;
  await new Pace(clock, () => 1).wait(stop.signal);
  t.equal(clock.pending, 0);
});
