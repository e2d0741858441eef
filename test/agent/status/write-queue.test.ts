import { setImmediate } from 'node:timers/promises';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { ApiFailure } from '../../../src/agent/sources/kubernetes/failure.ts';
import { Pace } from '../../../src/agent/sources/kubernetes/pace.ts';
import { WriteQueue } from '../../../src/agent/status/write-queue.ts';
import { ManualClock } from '../../base/manual-clock.ts';

function open(t: Test) {
  const clock = new ManualClock();
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const queue = new WriteQueue({ clock, log, pace: new Pace(clock, () => 1) });
  t.teardown(() => queue.stop());
  const written: string[] = [];
  const put = (key: string, what = key): void => queue.put(key, async () => void written.push(what));
  /** Everything that can happen without time passing. */
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn++) await setImmediate();
  };
  return { clock, lines, queue, written, put, settle };
}

t.test('the last one counts', async (t) => {
  const { clock, queue, written, put, settle } = open(t);
  put('a', 'a1');
  put('a', 'a2');
  put('b');
  await settle();
  t.strictSame(written, ['a2']);
  put('b', 'b2');
  clock.advance(50);
  await settle();
  t.strictSame(written, ['a2', 'b2']);
  t.equal(queue.waiting, 0);
});

t.test('not too fast', async (t) => {
  const { clock, written, put, settle } = open(t);
  for (let index = 0; index < 100; index++) put(`k${index}`);
  for (let passed = 0; passed < 1000; passed += 50) {
    await settle();
    clock.advance(50);
  }
  await settle();
  t.ok(written.length <= 21, `${written.length} in a second`);
  t.ok(written.length >= 20, `${written.length} in a second`);
});

t.test('what fails for a while is tried again, and holds up no other', async (t) => {
  const { clock, lines, queue, written, put, settle } = open(t);
  let failures = 2;
  queue.put('a', async () => {
    if (failures-- > 0) throw new ApiFailure('unreachable', 'away');
    written.push('a');
  });
  put('b');
  for (let turn = 0; turn < 100 && written.length < 2; turn++) {
    await settle();
    clock.advance(100);
  }
  t.strictSame(written, ['b', 'a']);
  t.strictSame(lines, [], 'that the server is away is told by who reads');
});

t.test('what is refused is told once, and left', async (t) => {
  const { clock, lines, queue, settle } = open(t);
  for (const key of ['a', 'b', 'c']) {
    queue.put(key, async () => {
      throw new ApiFailure('forbidden', `may not write ${key}`);
    });
  }
  for (let turn = 0; turn < 5; turn++) {
    await settle();
    clock.advance(50);
  }
  t.equal(queue.waiting, 0);
  t.equal(lines.length, 1);
  t.match(lines[0], /may not write a/);
});

t.test('bounded', async (t) => {
  const { queue, put } = open(t);
  for (let index = 0; index < 10_005; index++) put(`k${index}`);
  t.equal(queue.waiting, 10_000);
  t.equal(queue.dropped, 5);
  await queue.stop();
  put('late');
  t.equal(queue.waiting, 0);
});
