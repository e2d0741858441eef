import t from 'tap';
import * as fc from './fast-check.ts';
import { Timer, TimerWheel } from '../../src/base/timer-wheel.ts';

t.test('fires at the first advance at or past the deadline, never before', async (test) => {
  const wheel = new TimerWheel(1_000.5);
  let fired = 0;
  const timer = new Timer(() => fired++);
  wheel.arm(timer, 10);
  for (const now of [1_004, 1_008, 1_010.4]) wheel.advance(now);
  test.equal(fired, 0);
  test.ok(timer.armed);
  wheel.advance(1_012);
  test.equal(fired, 1);
  test.notOk(timer.armed);
  wheel.advance(9_000);
  test.equal(fired, 1);
});

t.test('a timer may arm itself again, without starving the others', async (test) => {
  const wheel = new TimerWheel(0);
  let ticks = 0;
  const again: Timer = new Timer(() => (ticks++, wheel.arm(again, 0)));
  wheel.arm(again, 0);
  for (let now = 4; now <= 400; now += 4) wheel.advance(now);
  test.equal(ticks, 100);
});

t.test('disarmed by another of the same tick', async (test) => {
  const wheel = new TimerWheel(0);
  const fired: string[] = [];
  const a: Timer = new Timer(() => (fired.push('a'), wheel.disarm(b)));
  const b: Timer = new Timer(() => (fired.push('b'), wheel.disarm(a)));
  wheel.arm(a, 5);
  wheel.arm(b, 6);
  wheel.advance(100);
  test.equal(fired.length, 1);
  test.equal(wheel.size, 0);
});

t.test('an exception leaves the timers behind it due', async (test) => {
  const wheel = new TimerWheel(0);
  const fired: number[] = [];
  for (const delay of [10, 20, 30]) {
    wheel.arm(
      new Timer(() => {
        fired.push(delay);
        if (delay === 10) throw new Error('a handler');
      }),
      delay,
    );
  }
  test.throws(() => wheel.advance(100), /a handler/);
  wheel.advance(100);
  test.same(fired, [10, 20, 30]);
  test.equal(wheel.size, 0);
});

t.test('far timers do not make it wake up for nothing', async (test) => {
  const wheel = new TimerWheel(0);
  for (let i = 0; i < 2_000; i++) wheel.arm(new Timer(() => undefined), 3_600_000 + i);
  test.equal(wheel.nextDelay(1_000), 1_000);
  const near = new Timer(() => undefined);
  wheel.arm(near, 100);
  test.ok(wheel.nextDelay(1_000) <= 100);
  wheel.disarm(near);
  wheel.advance(3_599_000);
  test.ok(wheel.nextDelay(60_000) <= 1_000);
});

/** Against the simplest thing that could work: a list of deadlines. */
t.test('model: any mix of arming, disarming, observing and advancing', async (test) => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('arm' as const), timer: fc.nat(9), delay: fc.oneof(fc.nat(20), fc.nat(10_000), fc.nat(5_000_000)) }),
    fc.record({ kind: fc.constant('disarm' as const), timer: fc.nat(9) }),
    fc.record({
      kind: fc.constantFrom('advance' as const, 'observe' as const),
      by: fc.oneof(fc.double({ min: 0, max: 9, noNaN: true }), fc.nat(8_000), fc.nat(6_000_000)),
    }),
  );
  const property = fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.array(step, { maxLength: 60 }), (start, steps) => {
    let now = start;
    const wheel = new TimerWheel(start);
    const deadlines = new Map<number, number>();
    const fired: number[] = [];
    const timers = Array.from({ length: 10 }, (_, i) => new Timer(() => fired.push(i)));
    for (const each of steps) {
      if (each.kind === 'arm') {
        wheel.arm(timers[each.timer]!, each.delay);
        deadlines.set(each.timer, now + each.delay);
      } else if (each.kind === 'disarm') {
        wheel.disarm(timers[each.timer]!);
        deadlines.delete(each.timer);
      } else {
        const nearest = Math.min(...deadlines.values());
        const delay = wheel.nextDelay(1_000);
        if (now + delay > Math.max(Math.floor(now / 4) + 1, Math.ceil(nearest / 4)) * 4 + 1e-6) return false;
        now += each.by;
        fired.length = 0;
        if (each.kind === 'observe') {
          wheel.observe(now);
          continue;
        }
        wheel.advance(now);
        for (const index of fired) {
          if (!(deadlines.get(index)! <= now)) return false;
          deadlines.delete(index);
        }
        // Late by a tick at most.
        for (const deadline of deadlines.values()) if (deadline <= now - 4) return false;
      }
    }
    return wheel.size === deadlines.size;
  });
  fc.assert(property, { numRuns: 500 });
  test.pass();
});
