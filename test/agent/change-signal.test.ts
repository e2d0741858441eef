import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { ChangeSignal } from '../../src/agent/change-signal.ts';

t.test('however often a change is raised, the listener hears of it once, in the next turn', async (t) => {
  const signal = new ChangeSignal();
  let heard = 0;
  signal.listen(() => void heard++);
  signal.raise();
  signal.raise();
  t.equal(heard, 0, 'not while it is raised');
  await turn();
  t.equal(heard, 1);
  await turn();
  t.equal(heard, 1);
});

t.test('what is raised while the listener runs is heard in the turn after', async (t) => {
  const signal = new ChangeSignal();
  let heard = 0;
  signal.listen(() => {
    if (++heard === 1) signal.raise();
  });
  signal.raise();
  await turn();
  t.equal(heard, 1);
  await turn();
  t.equal(heard, 2);
});
