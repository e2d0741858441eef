/** What the kernel's maps and pins hold of a pod: all of it, or nothing. Root. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, openSync, closeSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { datapathAddon } from '../../../src/datapath/addon.ts';
import { cleanup, Datapath, freeSlot } from '../../../src/datapath/datapath.ts';
import { closeFd, listenIn, namespaceCookie, openNamespace } from '../../../src/datapath/namespaces.ts';
import { cgroupRoot } from '../../../src/datapath/mounts.ts';
import { lockPath, pinRoot } from '../../../src/datapath/pins.ts';
import { until } from '../pod-network.ts';

const instance = 'nwt-enroll';
const needsRoot = process.getuid?.() === 0 ? false : 'needs root';

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function removeNamespace(): void {
  try {
    ip('netns', 'del', instance);
  } catch {
    // There is none: what was wanted.
  }
}

function setUp(t: Test) {
  const cgroup = join(cgroupRoot() ?? '', instance);
  cleanup({ instance });
  removeNamespace();
  mkdirSync(cgroup, { recursive: true });
  ip('netns', 'add', instance);
  ip('-n', instance, 'link', 'set', 'lo', 'up');
  const netns = openNamespace(`/run/netns/${instance}`);
  const inbound4 = listenIn({ netns, address: '0.0.0.0', port: 15006, mark: 1, backlog: 8 });
  const pod = {
    netns,
    cookie: namespaceCookie(netns),
    owner: 'ab'.repeat(16),
    addresses: ['10.0.0.1', 'fd00::1'],
    failClosed: true,
    inbound4,
    inbound6: -1,
  };
  const datapath = Datapath.open({ instance, cgroup });
  t.teardown(() => {
    datapath.close();
    for (const fd of [inbound4, netns]) closeFd(fd);
    cleanup({ instance });
    removeNamespace();
    rmdirSync(cgroup);
  });
  return { datapath, pod, cgroup };
}

function entries(map: string): number {
  const pin = join(pinRoot(instance), datapathAddon().abi, map);
  const dump = JSON.parse(execFileSync('bpftool', ['-j', 'map', 'dump', 'pinned', pin], { encoding: 'utf8' })) as { value: unknown }[];
  return dump.filter(({ value }) => !(value instanceof Object && 'error' in value)).length;
}

/** Of the map of listeners bpftool shows keys without a value: there is none that a process could read. */
function state(): { pods: number; addresses: number; links: number } {
  const links = readdirSync(join(pinRoot(instance), datapathAddon().abi)).filter((name) => name.startsWith('pod_'));
  return { pods: entries('nw_pods'), addresses: entries('nw_addresses'), links: links.length };
}

const NOTHING = { pods: 0, addresses: 0, links: 0 };

t.test('a pod is enrolled, changed and withdrawn', { skip: needsRoot }, async (t) => {
  const { datapath, pod } = setUp(t);
  datapath.enroll(pod);
  t.strictSame(state(), { pods: 1, addresses: 2, links: 1 });
  t.strictSame(datapath.enrolled(), [{ cookie: pod.cookie, owner: pod.owner }]);
  datapath.enroll(pod);
  t.strictSame(state(), { pods: 1, addresses: 2, links: 1 }, 'again');
  datapath.enroll({ ...pod, addresses: ['fd00::1'], failClosed: false });
  t.strictSame(state(), { pods: 1, addresses: 1, links: 1 }, 'an address that it lost is no longer its own');
  datapath.withdraw(pod.cookie);
  t.strictSame(state(), NOTHING);
  datapath.withdraw(pod.cookie);
  t.strictSame(datapath.enrolled(), []);
});

t.test('a pod that cannot be enrolled leaves nothing; one that is enrolled stays so', { skip: needsRoot }, async (t) => {
  const { datapath, pod } = setUp(t);
  const file = openSync('/dev/null', 'r');
  t.teardown(() => closeSync(file));
  t.throws(() => datapath.enroll({ ...pod, netns: file }), { message: /network namespace/ });
  t.strictSame(state(), NOTHING);
  t.throws(() => datapath.enroll({ ...pod, inbound4: file }), { message: /update a map/ });
  t.strictSame(state(), NOTHING);
  const addresses = Array.from({ length: 8193 }, (_, number) => `10.9.${number >> 8}.${number & 255}`);
  t.throws(() => datapath.enroll({ ...pod, addresses }), { code: 'TOO_MANY_ADDRESSES' });
  t.strictSame(state(), NOTHING, 'undone, with the program that was attached by then');
  datapath.enroll(pod);
  t.throws(() => datapath.enroll({ ...pod, addresses: ['10.0.0.9'], inbound4: file }));
  t.strictSame(state(), { pods: 1, addresses: 2, links: 1 }, 'as it was');
});

t.test('what an agent left half enrolled goes when the next one opens', { skip: needsRoot }, async (t) => {
  const { datapath, pod, cgroup } = setUp(t);
  datapath.enroll(pod);
  const directory = join(pinRoot(instance), datapathAddon().abi);
  execFileSync('bpftool', ['map', 'delete', 'pinned', join(directory, 'nw_pods'), 'key', 'hex', ...cookieBytes(pod.cookie)]);
  t.strictSame(state(), { pods: 0, addresses: 2, links: 1 });
  datapath.close();
  const next = Datapath.open({ instance, cgroup });
  t.strictSame(state(), NOTHING);
  next.close();
});

function cookieBytes(cookie: string): string[] {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(cookie));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0'));
}

t.test('links of another cgroup are not adopted', { skip: needsRoot }, async (t) => {
  const { datapath, cgroup } = setUp(t);
  const other = join(cgroup, 'other');
  mkdirSync(other, { recursive: true });
  t.teardown(() => rmdirSync(other));
  const attached = (path: string): number =>
    datapathAddon()
      .queryHooks(path)
      .filter(({ programs }) => programs.some(({ name }) => name.startsWith('nw_'))).length;
  t.equal(attached(cgroup), 7);
  datapath.close();
  const next = Datapath.open({ instance, cgroup: other });
  // The kernel detaches a link whose pin was the last to hold it from a work queue (bpf_link_put), after unlink(2) has returned.
  await until(() => attached(cgroup) === 0, 'the links of the first cgroup are detached');
  t.equal(attached(other), 7);
  next.close();
  cleanup({ instance });
  await until(() => attached(other) === 0, 'the links of the other cgroup are detached');
});

t.test('a lock whose file was removed is none', { skip: needsRoot }, async (t) => {
  const addon = datapathAddon();
  const path = lockPath('nwt-lock');
  const holder = addon.lock(path);
  t.equal(addon.lock(path), -1);
  execFileSync('rm', [path]);
  const heir = addon.lock(path);
  t.ok(heir >= 0, 'the file is a new one');
  closeFd(holder);
  t.equal(addon.lock(path), -1, 'that the first one ended frees nothing');
  execFileSync('rm', [path]);
  closeFd(heir);
});

t.test('slots', async (t) => {
  t.equal(freeSlot(new Set()), 0);
  t.equal(freeSlot(new Set([0, 1, 3])), 2);
  t.equal(freeSlot(new Set(Array.from({ length: 1024 }, (_, slot) => slot))), null);
});
