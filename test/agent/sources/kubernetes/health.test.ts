import t from 'tap';
import { ServerHealth } from '../../../../src/agent/sources/kubernetes/health.ts';
import { Pace } from '../../../../src/agent/sources/kubernetes/pace.ts';
import { ManualClock } from '../../../base/manual-clock.ts';

t.test('told once, taken back once, and the first that finds the server calls the others', async (t) => {
  const told: (string | null)[] = [];
  const health = new ServerHealth({ problem: (_, problems) => void told.push(problems[0]?.message ?? null) }, 'https://api');
  const clock = new ManualClock();
  health.works('pods');
  health.failed('pods', 'refused');
  health.failed('services', 'reset');
  health.failed('pods', 'reset');
  t.strictSame(told, ['https://api: refused; what it said last stays in effect']);
  const waiting = new Pace(clock, () => 1).wait(health.back);
  health.works('namespaces');
  t.equal(clock.pending, 1, 'who did not fail has found nothing');
  health.works('pods');
  await waiting;
  t.equal(clock.pending, 0);
  t.equal(told.length, 1);
  t.equal(health.back.aborted, false, 'who fails from now on waits');
  health.works('services');
  t.equal(told.at(-1), null);
  health.failed('services', 'gone');
  t.equal(told.length, 3);
});
