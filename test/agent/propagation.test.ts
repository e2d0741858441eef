import t from 'tap';
import { Propagation } from '../../src/agent/propagation.ts';
import { ManualClock } from '../base/manual-clock.ts';

function rig() {
  const clock = new ManualClock();
  const propagation = new Propagation(clock);
  const times: number[] = [];
  propagation.listen((seconds) => times.push(seconds));
  return { clock, propagation, times };
}

t.test('a change is pending until all workers have it in effect', async (t) => {
  const { clock, propagation, times } = rig();
  propagation.received();
  t.strictSame(propagation.report(2), { pending: 2, total: 2, oldestSeconds: 0 });
  clock.advance(3);
  propagation.taken(2);
  propagation.compiled(7);
  clock.advance(4);
  t.strictSame(propagation.report(0), { pending: 2, total: 2, oldestSeconds: 0.007 });
  propagation.inEffect(6);
  t.strictSame(times, []);
  propagation.inEffect(7);
  propagation.inEffect(7);
  t.strictSame(times, [0.007]);
  t.strictSame(propagation.report(0), { pending: 0, total: 2, oldestSeconds: 0 });
});

t.test('changes that are compiled together count from the first of them, and each version counts', async (t) => {
  const { clock, propagation, times } = rig();
  propagation.received();
  clock.advance(5);
  propagation.taken(1);
  propagation.received();
  propagation.taken(3);
  propagation.compiled(1);
  clock.advance(10);
  propagation.taken(1);
  propagation.compiled(2);
  clock.advance(10);
  t.strictSame(propagation.report(0), { pending: 5, total: 5, oldestSeconds: 0.025 });
  propagation.inEffect(2);
  t.strictSame(times, [0.025, 0.01]);
});

t.test('what alters nothing for workers is over when it is compiled', async (t) => {
  const { clock, propagation, times } = rig();
  propagation.taken(1);
  clock.advance(5);
  propagation.compiled(null);
  propagation.inEffect(9);
  t.strictSame(times, []);
  t.strictSame(propagation.report(0), { pending: 0, total: 1, oldestSeconds: 0 });
});

t.test('what is held is pending, holds up no version, and counts from when it came', async (t) => {
  const { clock, propagation, times } = rig();
  propagation.taken(3);
  propagation.holding(2);
  propagation.compiled(1);
  propagation.inEffect(1);
  t.strictSame(propagation.report(0), { pending: 2, total: 3, oldestSeconds: 0 });
  clock.advance(10);
  propagation.taken(1);
  clock.advance(10);
  propagation.holding(2);
  propagation.compiled(2);
  propagation.inEffect(2);
  t.strictSame(propagation.report(0), { pending: 2, total: 4, oldestSeconds: 0.02 });
  propagation.taken(1);
  propagation.holding(0);
  propagation.compiled(3);
  t.strictSame(propagation.report(0), { pending: 3, total: 5, oldestSeconds: 0.02 });
  propagation.inEffect(3);
  t.strictSame(times, [0, 0.01, 0.02]);
});
