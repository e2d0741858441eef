import t from 'tap';
import { SpareMemory } from '../../src/agent/spare-memory.ts';
import { ManualClock } from '../base/manual-clock.ts';

t.test('memory is given back after the start, and once for changes that follow each other', async (t) => {
  const clock = new ManualClock();
  let times = 0;
  const spare = new SpareMemory(clock, () => times++);
  spare.changed();
  spare.started();
  clock.advance(1000);
  t.equal(times, 1, 'the start does not wait for what changed before');
  clock.advance(60_000);
  t.equal(times, 1, 'nothing is done while nothing changes');
  for (let change = 0; change < 25; change++) {
    spare.changed();
    clock.advance(1000);
  }
  t.equal(times, 3, 'each ten seconds while there are changes');
  clock.advance(60_000);
  t.equal(times, 4, 'and once after the last');
  spare.changed();
  spare.stop();
  clock.advance(60_000);
  t.equal(times, 4, 'never after the end');
});
