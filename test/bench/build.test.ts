/** What is measured is started as users start it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { nodeEnvironment, nodeFlags } from '../../bench/build.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

t.test("Node's flags and environment are those of the start script", (t) => {
  const script = readFileSync(`${ROOT}/scripts/nodeway`, 'utf8');
  const flags = nodeFlags(ROOT);
  t.ok(flags.length > 0);
  t.match(script, `" ${flags.join(' ')} "`);
  const [env, ...settings] = nodeEnvironment(ROOT);
  t.equal(env, 'env');
  t.equal(settings.length, script.match(/^export /gm)?.length);
  for (const setting of settings) t.match(script, new RegExp(`^export ${setting.replace('=', '="\\$\\{\\w+:-')}\\}"$`, 'm'));
  t.end();
});

t.test('a start script of another form is refused, since its flags are not known', (t) => {
  const directory = t.testdir({ scripts: { nodeway: 'exec node --max-semi-space-size=1 main.js\n' } });
  t.throws(() => nodeFlags(directory), { message: /scripts\/nodeway: no line that starts Node\.js/ });
  t.end();
});
