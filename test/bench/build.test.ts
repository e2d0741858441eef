/** What is measured is started as users start it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { nodeFlags } from '../../bench/build.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

t.test("Node's flags are those of the start script", (t) => {
  const flags = nodeFlags(ROOT);
  t.ok(flags.length > 0);
  t.match(readFileSync(`${ROOT}/scripts/nodeway`, 'utf8'), `" ${flags.join(' ')} "`);
  t.end();
});

t.test('a start script of another form is refused, since its flags are not known', (t) => {
  const directory = t.testdir({ scripts: { nodeway: 'exec node --max-semi-space-size=1 main.js\n' } });
  t.throws(() => nodeFlags(directory), { message: /scripts\/nodeway: no line that starts Node\.js/ });
  t.end();
});
