import t from 'tap';
import { SpareMemory } from '../../src/agent/spare-memory.ts';
import { ManualClock } from '../base/manual-clock.ts';

t.test('memory is given back after the start, and once for changes that follow each other', async (t) => {
  const clock = new ManualClock();
  let starts = 0;
  let times = 0;
  const spare = new SpareMemory(clock, { ofStart: () => starts++, ofChanges: () => times++ });
  spare.changed();
  spare.started();
  clock.advance(1000);
  t.strictSame([starts, times], [1, 0], 'the start does not wait for what changed before');
  clock.advance(60_000);
  t.strictSame([starts, times], [1, 0], 'nothing is done while nothing changes');
  for (let change = 0; change < 25; change++) {
    spare.changed();
    clock.advance(1000);
  }
  t.equal(times, 2, 'each ten seconds while there are changes');
  clock.advance(60_000);
  t.equal(times, 3, 'and once after the last');
  spare.changed();
  spare.stop();
  clock.advance(60_000);
  t.strictSame([starts, times], [1, 3], 'never after the end');
});
