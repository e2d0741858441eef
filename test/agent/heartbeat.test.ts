import t from 'tap';
import { startHeartbeat } from '../../src/agent/heartbeat.ts';
import { ManualClock } from '../base/manual-clock.ts';

t.test('the kernel hears of the agent several times within its timeout, while every worker answers', async (t) => {
  const clock = new ManualClock();
  const beats: number[] = [];
  let well = true;
  const stop = startHeartbeat({ clock, timeoutMs: 1000, beat: () => void beats.push(clock.monotonic()), responsive: () => well });
  clock.advance(400);
  well = false;
  clock.advance(1000);
  well = true;
  clock.advance(200);
  stop();
  clock.advance(5000);
  t.same(beats, [0, 200, 400, 1600]);
  t.equal(clock.pending, 0);
});
