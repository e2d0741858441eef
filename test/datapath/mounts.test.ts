import t from 'tap';
import { cgroupMount, cgroupPath, isBelowCgroupRoot, parseMounts } from '../../src/datapath/mounts.ts';

const mountinfo = (...mounts: readonly [type: string, root: string, point: string][]) =>
  parseMounts(mounts.map(([type, root, point]) => `36 35 0:26 ${root} ${point} rw,nosuid shared:9 - ${type} cgroup rw\n`).join(''));

t.test('lines of mountinfo', async (t) => {
  const text = [
    '24 1 0:22 / /proc rw,nosuid,nodev,noexec - proc proc rw',
    String.raw`31 24 0:27 / /a\040b rw master:1 propagate_from:2 - cgroup2 cgroup2 rw`,
    '',
  ].join('\n');
  t.strictSame(parseMounts(text), [
    { type: 'proc', root: '/', point: '/proc' },
    { type: 'cgroup2', root: '/', point: '/a b' },
  ]);
});

t.test('the mount that shows the most', async (t) => {
  const own = ['cgroup2', '/', '/sys/fs/cgroup'] as const;
  t.equal(cgroupMount(mountinfo(['tmpfs', '/', '/'])), null);
  t.strictSame(cgroupMount(mountinfo([...own])), { point: '/sys/fs/cgroup', up: 0 }, 'on a node');
  const inContainer = mountinfo([...own], ['cgroup2', '/../../..', '/host/cgroup']);
  t.strictSame(cgroupMount(inContainer), { point: '/host/cgroup', up: 3 }, 'in a container with a cgroup namespace');
  const shared = mountinfo(['cgroup2', '/kubepods/podx/c', '/sys/fs/cgroup'], ['cgroup2', '/', '/host/cgroup/unified']);
  t.strictSame(cgroupMount(shared), { point: '/host/cgroup/unified', up: 0 }, "in a container in the node's namespace");
});

t.test('whether the node is below it', async (t) => {
  const alone = mountinfo(['cgroup2', '/', '/sys/fs/cgroup']);
  const whole = mountinfo(['cgroup2', '/', '/sys/fs/cgroup'], ['cgroup2', '/../../..', '/host/cgroup']);
  const part = mountinfo(['cgroup2', '/kubepods/podx', '/sys/fs/cgroup']);
  t.ok(isBelowCgroupRoot('/init.scope', alone));
  t.notOk(isBelowCgroupRoot('/../../../init.scope', alone), 'a container that sees its own cgroup only');
  t.ok(isBelowCgroupRoot('/../../../init.scope', whole));
  t.ok(isBelowCgroupRoot('/../../pody/c', whole), 'a neighbour');
  t.notOk(isBelowCgroupRoot('/../../../../x', whole));
  t.notOk(isBelowCgroupRoot('/init.scope', part));
  t.ok(isBelowCgroupRoot('/kubepods/podx/c', part));
  t.notOk(isBelowCgroupRoot('/', []), 'there is no mount');
});

t.test('paths', async (t) => {
  t.strictSame(cgroupPath('/'), { up: 0, down: [] });
  t.strictSame(cgroupPath('/a.slice/b.service'), { up: 0, down: ['a.slice', 'b.service'] });
  t.strictSame(cgroupPath('/../../a.slice'), { up: 2, down: ['a.slice'] });
});
