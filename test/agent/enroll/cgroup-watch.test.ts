/** inotify is the same for directories of any file system. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { watchPodCgroups } from '../../../src/agent/enroll/cgroup-watch.ts';
import { ManualClock } from '../../base/manual-clock.ts';

const PATIENCE_MS = 60_000;
const UID = '0a1b2c3d-0000-4000-8000-00000000000';

function tree(t: Test, ...directories: readonly string[]) {
  const root = mkdtempSync(join(tmpdir(), 'nwt-cgroup-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const make = (path: string): void => void mkdirSync(join(root, path), { recursive: true });
  for (const directory of directories) make(directory);
  const clock = new ManualClock();
  const pods: string[] = [];
  const containers: string[] = [];
  const stop = watchPodCgroups(root, clock, (uid, container) => {
    pods.push(uid);
    if (container !== null) containers.push(container.slice(root.length + 1));
  });
  t.teardown(stop);
  const times = (uid: string): number => pods.filter((told) => told === uid).length;
  /** Ends a test that hangs. */
  const told = async (uid: string, atLeast = 1): Promise<void> => {
    for (const deadline = performance.now() + PATIENCE_MS; times(uid) < atLeast;) {
      if (performance.now() > deadline) throw new Error(`${uid} was told of ${times(uid)} times and not ${atLeast}`);
      await delay(2);
    }
  };
  return { root, make, clock, pods, containers, told, stop };
}

t.test('pods of every class', async (t) => {
  const { make, told, pods } = tree(t, 'kubepods/burstable');
  make(`kubepods/pod${UID}1`);
  await told(`${UID}1`);
  make(`kubepods/burstable/pod${UID}2`);
  await told(`${UID}2`);
  make('kubepods/burstable/other');
  t.strictSame([...new Set(pods)], [`${UID}1`, `${UID}2`]);
});

t.test('a pod, and again its first container', async (t) => {
  const { make, told, pods, containers } = tree(t, 'kubepods/burstable');
  make(`kubepods/burstable/pod${UID}1`);
  await told(`${UID}1`);
  t.strictSame(containers, []);
  const before = pods.length;
  make(`kubepods/burstable/pod${UID}1/sandbox`);
  await told(`${UID}1`, before + 1);
  make(`kubepods/burstable/pod${UID}1/application`);
  make(`kubepods/burstable/pod${UID}2`);
  await told(`${UID}2`);
  t.equal(pods.filter((uid) => uid === `${UID}1`).length, before + 1, 'and no other');
  t.strictSame(containers, [`kubepods/burstable/pod${UID}1/sandbox`]);
});

t.test('a container that is there before its pod could be followed', async (t) => {
  const { make, told } = tree(t, 'kubepods');
  make(`kubepods/pod${UID}1/sandbox`);
  await told(`${UID}1`, 2);
  t.pass('is told of');
});

t.test('a pod that goes', async (t) => {
  const { make, told, root, clock, pods } = tree(t, 'kubepods');
  make(`kubepods/pod${UID}1`);
  await told(`${UID}1`);
  rmSync(join(root, `kubepods/pod${UID}1`), { recursive: true });
  clock.advance(10_000);
  make(`kubepods/pod${UID}1/sandbox`);
  const before = pods.length;
  await told(`${UID}1`, before + 2);
  t.pass('is told of when it comes again');
});

t.test('a kubelet in a container, whose cgroups begin with the name of its own', async (t) => {
  const nested = 'kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice';
  const { make, told } = tree(t, nested);
  make(`${nested}/kubelet-kubepods-besteffort-pod${UID.replaceAll('-', '_')}1.slice`);
  await told(`${UID}1`);
  make(`kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${UID.replaceAll('-', '_')}2.slice`);
  await told(`${UID}2`);
});

t.test('systemd, and a kubelet that comes later', async (t) => {
  const { make, told, clock, root } = tree(t);
  make('kubepods.slice/kubepods-besteffort.slice');
  clock.advance(10_000);
  make(`kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${UID.replaceAll('-', '_')}3.slice`);
  await told(`${UID}3`);
  rmSync(join(root, 'kubepods.slice'), { recursive: true });
  clock.advance(10_000);
  make('kubepods.slice');
  clock.advance(10_000);
  make(`kubepods.slice/kubepods-pod${UID.replaceAll('-', '_')}4.slice`);
  await told(`${UID}4`);
});

t.test('when it is stopped nothing is planned any more', async (t) => {
  const { clock, stop } = tree(t, 'kubepods');
  stop();
  t.equal(clock.pending, 0);
});
