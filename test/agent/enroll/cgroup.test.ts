import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { podUidOf, unifiedPathOf } from '../../../src/agent/enroll/cgroup.ts';
import { findKubelet } from '../../../src/agent/enroll/kubelet.ts';
import { podProcesses } from '../../../src/agent/enroll/processes.ts';

const UID = '0a1b2c3d-4e5f-6789-abcd-ef0123456789';
const UNDERSCORED = UID.replaceAll('-', '_');
const CONTAINER = 'f'.repeat(64);

t.test('pod UIDs, for each driver and cgroup version', async (t) => {
  const cases: [string, string, string | null][] = [
    ['v2, cgroupfs, burstable', `0::/kubepods/burstable/pod${UID}/${CONTAINER}\n`, UID],
    ['v2, cgroupfs, guaranteed', `0::/kubepods/pod${UID}/${CONTAINER}\n`, UID],
    [
      'v2, systemd, best effort',
      `0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${UNDERSCORED}.slice/cri-containerd-${CONTAINER}.scope\n`,
      UID,
    ],
    ['v2, systemd, guaranteed', `0::/kubepods.slice/kubepods-pod${UNDERSCORED}.slice/crio-${CONTAINER}.scope\n`, UID],
    ['v2, cgroup below the container', `0::/kubepods/burstable/pod${UID}/${CONTAINER}/init.scope\n`, UID],
    [
      'v2, seen from another cgroup namespace',
      `0::/../../kubepods-burstable-pod${UNDERSCORED}.slice/cri-containerd-${CONTAINER}.scope\n`,
      UID,
    ],
    ['v1', `12:memory:/kubepods/burstable/pod${UID}/${CONTAINER}\n11:cpu,cpuacct:/kubepods/burstable/pod${UID}/${CONTAINER}\n`, UID],
    ['v1, containerd with its own separator', `4:pids:/system.slice/containerd.service/kubepods/pod${UID}/${CONTAINER}\n`, UID],
    [
      'hybrid',
      `3:cpu:/kubepods/pod${UID}/${CONTAINER}\n1:name=systemd:/kubepods/pod${UID}/${CONTAINER}\n0::/system.slice/containerd.service\n`,
      UID,
    ],
    ['a kubelet inside a container', `0::/docker/${CONTAINER}/kubelet/kubepods/burstable/pod${UID}/${CONTAINER}\n`, UID],
    ['a pod inside a pod', `0::/kubepods/pod11111111-2222-3333-4444-555555555555/x/kubepods/pod${UID}/${CONTAINER}\n`, UID],
    ['a static pod', `0::/kubepods/burstable/pod${'a1'.repeat(16)}/${CONTAINER}\n`, 'a1'.repeat(16)],
    ...['burstable', 'besteffort'].map((kind): [string, string, string] => {
      const scope = `kubepods.slice/kubepods-${kind}.slice/kubepods-${kind}-pod${UNDERSCORED}.slice/cri-containerd-${CONTAINER}.scope`;
      const controllers = ['12:memory', '7:cpu,cpuacct', '4:pids', '1:name=systemd'];
      return [`v1, systemd, ${kind}`, controllers.map((line) => `${line}:/${scope}\n`).join(''), UID];
    }),
    [
      'hybrid, systemd: v2 has no pods',
      `5:cpuset:/\n1:name=systemd:/kubepods.slice/kubepods-pod${UNDERSCORED}.slice/crio-${CONTAINER}.scope\n0::/system.slice\n`,
      UID,
    ],
    ['v1, one controller left at the root', `9:rdma:/\n8:memory:/kubepods/besteffort/pod${UID}/${CONTAINER}\n`, UID],
    [
      'a kubelet with systemd, and a containerd without',
      `0::/system.slice/containerd.service/kubepods-burstable-pod${UNDERSCORED}.slice:cri-containerd:${CONTAINER}\n`,
      UID,
    ],
    [
      'CRI-O, v2: a cgroup for the container below its scope',
      `0::/kubepods.slice/kubepods-pod${UNDERSCORED}.slice/crio-${CONTAINER}.scope/container\n`,
      UID,
    ],
    ['k3s, v2, by its own name', `0::/kubepods/besteffort/pod${UID}/${CONTAINER}\n`, UID],
    [
      'a kubelet of kind, v2, systemd',
      `0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod${UNDERSCORED}.slice/cri-containerd-${CONTAINER}.scope\n`,
      UID,
    ],
    ['an ordinary service', '0::/system.slice/ssh.service\n', null],
    ['a name that only looks like it', `0::/user.slice/podman-${UID}.scope\n`, null],
    ['a path with a colon', `0::/a:b/kubepods/pod${UID}/c\n`, UID],
    ['nothing', '', null],
  ];
  for (const [name, file, expected] of cases) t.equal(podUidOf(file), expected, name);
});

t.test('the path in the v2 hierarchy', async (t) => {
  t.equal(unifiedPathOf('1:cpu:/a\n0::/kubelet.slice/kubelet.service\n'), '/kubelet.slice/kubelet.service');
  t.equal(unifiedPathOf('1:cpu:/a\n'), null);
});

t.test('processes in a directory laid out as /proc', async (t) => {
  const proc = t.testdir({ self: {}, uptime: '1' });
  const add = (pid: number, comm: string, cgroup: string): void => {
    mkdirSync(join(proc, String(pid)));
    writeFileSync(join(proc, String(pid), 'comm'), `${comm}\n`);
    writeFileSync(join(proc, String(pid), 'cgroup'), cgroup);
  };
  add(1, 'systemd', '0::/init.scope\n');
  add(20, 'kubelet', '0::/system.slice/kubelet.service\n');
  add(30, 'app', `0::/kubepods/pod${UID}/c\n`);
  mkdirSync(join(proc, '40')); // ended while it was looked at
  add(31, 'helper', `0::/kubepods/pod${UID}/d\n`);
  const processes = podProcesses(proc);
  t.strictSame(
    processes.find(new Set([UID, 'other'])),
    new Map([
      [UID, [30, 31]],
      ['other', []],
    ]),
  );
  t.ok(processes.belongs(31, UID));
  t.notOk(processes.belongs(20, UID), 'the process of another');
  t.notOk(processes.belongs(99, UID), 'no such process');
  t.strictSame(podProcesses(join(proc, 'nowhere')).find(new Set([UID])), new Map([[UID, []]]), 'what cannot be read has none');
  t.match(findKubelet(proc), { cgroup: '/system.slice/kubelet.service' });
});
