import t from 'tap';
import { hookLine, kernelLine, priorityLine, rightsLine } from '../../src/datapath/check-node.ts';

t.test('kernel', async (t) => {
  for (const version of ['5.15.0-91-generic', '6.1.0', '6.18.44-x', '10.0']) t.ok(kernelLine(version).ok, version);
  for (const version of ['5.14.21', '5.4.0', '4.19']) t.match(kernelLine(version), { ok: false, detail: version, advice: /5\.15/ });
});

t.test('rights', async (t) => {
  const NET_ADMIN = 1n << 12n;
  const SYS_PTRACE = 1n << 19n;
  const SYS_ADMIN = 1n << 21n;
  const BPF = 1n << 39n;
  t.match(rightsLine(NET_ADMIN | SYS_PTRACE | SYS_ADMIN | BPF), { ok: true, advice: '' });
  t.match(rightsLine(NET_ADMIN | SYS_PTRACE | SYS_ADMIN), { ok: true }, 'CAP_SYS_ADMIN includes CAP_BPF');
  t.match(rightsLine(NET_ADMIN | SYS_PTRACE | BPF), { ok: false, detail: 'without CAP_SYS_ADMIN' });
  t.match(rightsLine(0n), { ok: false, detail: 'without CAP_NET_ADMIN, CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_BPF' });
});

t.test('priority', async (t) => {
  t.match(priorityLine(1n << 23n), { ok: true, detail: 'threads that serve come first' });
  t.match(priorityLine((1n << 21n) | (1n << 39n)), { ok: true, detail: /^without CAP_SYS_NICE/, advice: '' });
});

t.test('hooks', async (t) => {
  const own = { id: 7, name: 'nw_connect4' };
  const cilium = { id: 3, name: 'cil_sock4_conne' };
  const hook = { hook: 'nw_connect4', programs: [], exclusive: false, error: '' };
  t.match(hookLine(hook, 0), { name: 'hook connect4', ok: true, detail: 'free', advice: '' });
  t.match(hookLine({ ...hook, programs: [own] }, 7), { ok: true, detail: "nodeway's alone", advice: '' });
  t.match(hookLine({ ...hook, programs: [own] }, 0), { ok: true, detail: /another nodeway \(id 7\); nodeway would come last/, advice: '' });
  t.match(hookLine({ ...hook, programs: [cilium, own] }, 7), {
    ok: true,
    detail: 'cil_sock4_conne (id 3), then nodeway',
    advice: /Cilium/,
  });
  t.match(hookLine({ ...hook, programs: [own, cilium] }, 7), { detail: 'nodeway, then cil_sock4_conne (id 3)', advice: '' });
  t.match(hookLine({ ...hook, programs: [cilium] }, 0), { detail: 'cil_sock4_conne (id 3); nodeway would come last', advice: /Cilium/ });
  t.match(hookLine({ ...hook, hook: 'nw_sockops', programs: [cilium] }, 0), { name: 'hook sockops', ok: true, advice: '' });
  t.match(hookLine({ ...hook, programs: [cilium], exclusive: true }, 0), { ok: false, advice: /detach/ });
  t.match(hookLine({ ...hook, error: 'Operation not permitted' }, 0), { ok: false, detail: 'Operation not permitted' });
});
