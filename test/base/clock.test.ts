import assert from 'node:assert/strict';
import * as fc from './fast-check.ts';
import t from 'tap';
import { systemClock } from '../../src/base/clock.ts';
import { ManualClock } from './manual-clock.ts';

t.test('the system clock runs a task once after its delay, and not before', async (t) => {
  const clock = systemClock();
  const from = clock.monotonic();
  await new Promise<void>((done) => clock.after(20, done));
  // Node rounds the time at which a timer is armed down to a millisecond.
  t.ok(clock.monotonic() - from >= 19);
});

t.test('the system clock repeats a task until it is taken back, even by the task itself', async (t) => {
  const clock = systemClock();
  let runs = 0;
  await new Promise<void>((done) => {
    const stop = clock.every(1, () => {
      if (++runs < 3) return;
      stop();
      clock.after(10, done);
    });
  });
  t.equal(runs, 3);
});

t.test('what was taken back does not run, on either clock', async (t) => {
  const manual = new ManualClock();
  const system = systemClock();
  for (const clock of [manual, system]) {
    const cancel = clock.after(1, () => t.fail('it was taken back'));
    cancel();
    cancel();
  }
  manual.advance(10);
  await new Promise<void>((done) => system.after(10, done));
  t.equal(manual.pending, 0);
});

t.test('the manual clock runs tasks at their own times, in order, and those that they plan', async (t) => {
  const clock = new ManualClock(1000);
  const seen: string[] = [];
  const say = (what: string) => () => void seen.push(`${what} ${clock.monotonic()}`);
  clock.after(30, say('late'));
  clock.after(10, () => {
    say('early')();
    clock.after(5, say('planned meanwhile'));
  });
  const stop = clock.every(20, say('again'));
  clock.advance(40);
  stop();
  clock.advance(40);
  t.same(seen, ['early 10', 'planned meanwhile 15', 'again 20', 'late 30', 'again 40']);
  t.equal(clock.now(), 1080);
});

t.test('however time passes on the manual clock, each task runs exactly when it is due', async () => {
  const delays = fc.array(fc.nat(100), { maxLength: 20 });
  const steps = fc.array(fc.nat(30), { maxLength: 20 });
  fc.assert(
    fc.property(delays, steps, (delays, steps) => {
      const clock = new ManualClock();
      const ran: number[] = [];
      for (const delay of delays) clock.after(delay, () => void ran.push(clock.monotonic()));
      for (const step of steps) clock.advance(step);
      const due = delays.filter((delay) => delay <= clock.monotonic() && steps.length > 0).sort((a, b) => a - b);
      assert.deepEqual(ran, due);
    }),
  );
});
