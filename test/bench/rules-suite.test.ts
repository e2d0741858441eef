/** The suite of rules measures what it says; how fast that is, is nobody's business here. */
import { spawnSync } from 'node:child_process';
import t from 'tap';
import { systemClock } from '../../src/base/clock.ts';
import { measure, SHAPES } from '../../bench/rules/matching.ts';

t.test('every request meets the route that it is for, the first and the last', async (t) => {
  for (const shape of SHAPES) {
    const cost = measure(shape, 20, 1, () => systemClock().monotonic());
    t.match(cost, { shape: shape.name, routes: 20, firstNs: Number, lastNs: Number, buildMs: Number });
  }
});

t.test('wrong options are told', async (t) => {
  const run = (...args: string[]) => spawnSync(process.execPath, ['bench/rules/main.ts', ...args], { encoding: 'utf8' });
  t.equal(run('--sizes', 'many').status, 2);
  t.match(run('--help'), { status: 0, stdout: /--suite rules/ });
});
