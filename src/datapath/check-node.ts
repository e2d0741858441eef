/** What the datapath needs of the node, one line each. */
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { mountPoint } from './pins.ts';

export interface CheckLine {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly advice: string;
}

const CAPABILITIES = [
  ['CAP_NET_ADMIN', 12n],
  ['CAP_SYS_ADMIN', 21n],
] as const;

export function checkNode(_o: { instance?: string; cgroup?: string } = {}): CheckLine[] {
  const line = (name: string, ok: boolean, detail: string, advice: string): CheckLine => ({ name, ok, detail, advice: ok ? '' : advice });
  const [major = 0, minor = 0] = release().split('.').map(Number);
  const cgroup = mountPoint('cgroup2');
  const bpffs = mountPoint('bpf');
  const held = BigInt(`0x${/CapEff:\s*(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`);
  const lacking = CAPABILITIES.filter(([, bit]) => (held & (1n << bit)) === 0n).map(([name]) => name);
  return [
    line('kernel', major > 5 || (major === 5 && minor >= 15), release(), 'use Linux 5.15 or later'),
    line('BTF', existsSync('/sys/kernel/btf/vmlinux'), '/sys/kernel/btf/vmlinux', 'use a kernel with CONFIG_DEBUG_INFO_BTF'),
    line('cgroup v2', cgroup !== null, cgroup ?? 'not mounted', 'mount -t cgroup2 none /sys/fs/cgroup'),
    line('rights', lacking.length === 0, lacking.join(', ') || 'all', 'run as root or grant these capabilities'),
    line('bpffs', true, bpffs ?? 'not mounted; the agent mounts it', ''),
  ];
}
