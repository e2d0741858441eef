/** The programs pass the verifier, one agent holds the node, and cleanup leaves nothing. Root. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { checkNode, cleanup, Datapath } from '../../../src/datapath/datapath.ts';
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

t.test('a path that is no cgroup v2 is refused with the root of one, before anything is made', async (t) => {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  const v1 = mounts.find((line) => line.split(' ')[2] === 'cgroup')?.split(' ')[1];
  for (const path of [tmpdir(), ...(v1 === undefined ? [] : [v1]), '/nowhere']) {
    const message = new RegExp(`${path}.*--cgroup names its root, which is ${mount?.split(' ')[1]}`);
    t.throws(() => Datapath.open({ instance, cgroup: path }), { code: 'NO_CGROUP2', message });
    t.match(checkNode({ instance, cgroup: path })[2], { name: 'cgroup v2', ok: false, detail: new RegExp(path) });
  }
  t.notOk(existsSync(pinRoot(instance)));
});

t.test('the programs load while a profiler interrupts the thread thousands of times a second', (t) => {
  const module = new URL('../../../src/datapath/datapath.ts', import.meta.url).href;
  const load = `import { cleanup, Datapath } from ${JSON.stringify(module)};
    Datapath.open(${JSON.stringify({ instance, cgroup })}).close();
    cleanup(${JSON.stringify({ instance })});`;
  const directory = mkdtempSync(join(tmpdir(), 'nwt-load-'));
  const profile = ['--cpu-prof', '--cpu-prof-interval', '100', '--cpu-prof-dir', directory];
  const { status, stderr } = spawnSync(process.execPath, [...process.execArgv, ...profile, '--input-type=module', '-e', load], {
    encoding: 'utf8',
  });
  t.equal(status, 0, stderr);
  t.equal(readdirSync(directory).length, 1, 'it was profiled');
  rmSync(directory, { recursive: true });
  t.end();
});
