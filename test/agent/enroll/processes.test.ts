/** Processes of pods, in trees of files as /proc and cgroup file systems have them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { podProcesses } from '../../../src/agent/enroll/processes.ts';

const UID = '0a1b2c3d-0000-4000-8000-000000000001';

t.test('by a search, and by the cgroup of a container', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'nwt-proc-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const write = (path: string, text: string): void => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  write('proc/7/cgroup', `0::/kubepods/burstable/pod${UID}/sandbox\n`);
  write('proc/8/cgroup', '0::/system.slice/other.service\n');
  write('proc/self/cgroup', '0::/\n');
  // Of a process that this one cannot name there is a zero (cgroups(7)).
  write('cgroup/sandbox/cgroup.procs', '7\n0\n');
  const processes = podProcesses(join(root, 'proc'));
  t.strictSame(processes.find(new Set([UID, 'none'])), new Map([[UID, [7]], ['none', []]])); // prettier-ignore
  t.ok(processes.belongs(7, UID));
  t.notOk(processes.belongs(8, UID));
  t.notOk(processes.belongs(9, UID), 'it has ended');
  t.strictSame(processes.inCgroup(join(root, 'cgroup/sandbox')), [7]);
  t.strictSame(processes.inCgroup(join(root, 'cgroup/gone')), []);
});
