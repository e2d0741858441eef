import { join } from 'node:path';
import t from 'tap';
import { findKubelet, kubeletDirectory } from '../../../src/agent/enroll/kubelet.ts';

const process = (comm: string, cgroup: string) => ({ comm: `${comm}\n`, cgroup });

t.test('the process', async (t) => {
  for (const program of ['kubelet', 'k3s-server', 'k3s-agent', 'kubelite']) {
    const proc = t.testdir({ 1: process('init', '0::/\n'), 7: process(program, '1:cpu:/a\n0::/system.slice/x.service\n') });
    t.strictSame(findKubelet(proc), { pid: 7, cgroup: '/system.slice/x.service' }, program);
  }
  t.equal(findKubelet(t.testdir({ 7: process('kubelet', '0::/\n') })), null, 'the root cgroup has the processes of others');
  t.equal(findKubelet(t.testdir({ 7: process('kubelet', '0::/../../..\n') })), null, 'seen from another cgroup namespace, too');
  t.equal(findKubelet(t.testdir({ 7: process('kubelet', '1:cpu:/a\n') })), null, 'only v1 is mounted');
  t.equal(findKubelet(t.testdir({ 7: process('kubeletd', '0::/a\n') })), null);
});

t.test('the directory of its cgroup', async (t) => {
  const service = () => ({ 'cgroup.procs': '6\n7\n' });
  const root = t.testdir({
    'system.slice': { 'kubelet.service': service(), 'other.service': { 'cgroup.procs': '77\n' } },
    'user.slice': {},
    'kubelet.slice': { 'kubelet.service': service(), pods: { a: {} } },
  });
  const at = (cgroup: string, up: number, pid = 7): string | null => kubeletDirectory({ pid, cgroup }, root, up);
  t.equal(at('/system.slice/kubelet.service', 0), join(root, 'system.slice/kubelet.service'), 'on a node');
  t.equal(at('/../../../system.slice/kubelet.service', 3), join(root, 'system.slice/kubelet.service'), 'in a cgroup namespace');
  t.equal(at('/../../kubelet.service', 3, 6), join(root, 'kubelet.slice/kubelet.service'), 'which shares the first component with it');
  t.equal(at('/system.slice/other.service', 0), null, 'the cgroup of another process');
  t.equal(at('/system.slice/gone.service', 0), null);
  t.equal(at('/../../../../system.slice/kubelet.service', 3), null, 'above the mount');
});
