/** The programs pass the verifier, one agent holds the node, and cleanup leaves nothing. Root. */
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { cleanup, Datapath } from '../../../src/datapath/datapath.ts';
import { pinRoot } from '../../../src/datapath/pins.ts';

const mount = readFileSync('/proc/mounts', 'utf8')
  .split('\n')
  .find((line) => line.split(' ')[2] === 'cgroup2');
const cgroup = join(mount?.split(' ')[1] ?? '', 'nwt-load');
const instance = 'nwt-load';

t.before(() => {
  cleanup({ instance });
  mkdirSync(cgroup, { recursive: true });
});
t.teardown(() => rmdirSync(cgroup));

t.test('load, refuse a second agent, adopt, clean up', async (t) => {
  const first = Datapath.open({ instance, cgroup });
  t.throws(() => Datapath.open({ instance, cgroup }), { code: 'AGENT_RUNNING', message: new RegExp(`pid ${process.pid}`) });
  t.throws(() => cleanup({ instance }), { code: 'AGENT_RUNNING' });
  first.close();
  const second = Datapath.open({ instance, cgroup });
  t.same(second.enrolled(), []);
  second.close();
  t.ok(cleanup({ instance }).removed.length > 0);
  t.notOk(existsSync(pinRoot(instance)));
});
