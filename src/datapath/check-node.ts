/** What the datapath needs of the node, and the other programs at its hooks: one line each. */
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { effectiveCapabilities } from '../base/capabilities.ts';
import { mayComeFirst } from '../base/priority.ts';
import { type AttachedHook, type DatapathAddon, datapathAddon } from './addon.ts';
import { cgroupRoot, isBelowCgroupRoot, mountPoint, whyNoCgroup } from './mounts.ts';
import { enterOwnNamespace } from './namespaces.ts';
import { BPFFS, pinRoot } from './pins.ts';

export interface CheckLine {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** What to do; empty where there is nothing to be done. */
  readonly advice: string;
}

/** With their numbers in linux/capability.h. */
const CAPABILITIES = [
  ['CAP_NET_ADMIN', 12n],
  ['CAP_SYS_PTRACE', 19n],
  ['CAP_SYS_ADMIN', 21n],
  ['CAP_BPF', 39n],
] as const;

/** Of SK_LOOKUP (5.9), SO_NETNS_COOKIE (5.14) and programs that can be run for tests (5.14), in a kernel that is still maintained. */
const OLDEST = [5, 15] as const;

/** Of the names of our programs. */
const OWN_PREFIX = 'nw_';

const TRANSLATION =
  'a program that runs first may translate service addresses, so that nodeway sees pods in their stead; have it do so in the host namespace only (Cilium: socketLB.hostNamespaceOnly=true; Calico: bpfConnectTimeLoadBalancing: Disabled)';

/** @throws AddonMissing */
export function checkNode(o: { instance?: string; cgroup?: string } = {}): CheckLine[] {
  const addon = datapathAddon();
  const cgroup = o.cgroup || cgroupRoot();
  const held = effectiveCapabilities();
  return [
    kernelLine(release()),
    btfLine(),
    cgroupLine(cgroup, o.cgroup ? null : ofNode()),
    bpffsLine(),
    rightsLine(held),
    priorityLine(held),
    namespacesLine(),
    socketLookupLine(addon),
    ...hookLines(addon, cgroup, join(pinRoot(o.instance ?? ''), addon.abi)),
  ];
}

function line(name: string, ok: boolean, detail: string, advice: string): CheckLine {
  return { name, ok, detail, advice: ok ? '' : advice };
}

export function kernelLine(version: string): CheckLine {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const ok = major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
  return line('kernel', ok, version, `use Linux ${OLDEST.join('.')} or later`);
}

function btfLine(): CheckLine {
  const present = existsSync('/sys/kernel/btf/vmlinux');
  return line('BTF', true, present ? 'present, though not needed' : 'absent, and not needed', '');
}

const MOUNT_CGROUPS = "mount -t cgroup2 none /sys/fs/cgroup/unified; in a container, mount the node's /sys/fs/cgroup into it";

/** `node`: the cgroup of the node's first process, where the mount was found and not given. */
function cgroupLine(cgroup: string | null, node: string | null): CheckLine {
  const name = 'cgroup v2';
  if (cgroup === null) return line(name, false, 'not mounted', MOUNT_CGROUPS);
  const why = whyNoCgroup(cgroup);
  if (why !== '' || node === null || isBelowCgroupRoot(node)) return line(name, why === '', why || cgroup, MOUNT_CGROUPS);
  const advice = "mount the node's /sys/fs/cgroup into the container; pods are in no cgroup below this one";
  return line(name, false, `${cgroup} is this container's alone`, advice);
}

function ofNode(): string | null {
  return /^0::(.*)$/m.exec(readFileSync('/proc/1/cgroup', 'utf8'))?.[1] ?? null;
}

function bpffsLine(): CheckLine {
  const mounted = mountPoint('bpf', BPFFS) !== null;
  return line('bpffs', true, mounted ? BPFFS : `not mounted at ${BPFFS}; the agent mounts it, in a container for itself only`, '');
}

export function rightsLine(held: bigint): CheckLine {
  const has = (bit: bigint): boolean => (held & (1n << bit)) !== 0n;
  // The kernel takes CAP_SYS_ADMIN for CAP_BPF as well.
  const lacking = CAPABILITIES.filter(([name, bit]) => !has(bit) && !(name === 'CAP_BPF' && has(21n))).map(([name]) => name);
  const detail = lacking.length === 0 ? CAPABILITIES.map(([name]) => name).join(', ') : `without ${lacking.join(', ')}`;
  return line('rights', lacking.length === 0, detail, 'run as root, or grant these capabilities');
}

export function priorityLine(held: bigint): CheckLine {
  const detail = mayComeFirst(held) ? 'threads that serve come first' : 'without CAP_SYS_NICE, which is not needed: all threads are alike';
  return line('priority', true, detail, '');
}

/** Enters this process's own namespace, in the way in which those of pods are entered. */
function namespacesLine(): CheckLine {
  try {
    return line('namespaces', true, `can be entered and told apart (this one is ${enterOwnNamespace()})`, '');
  } catch (error) {
    const advice = 'setns(2) needs CAP_SYS_ADMIN and a seccomp profile that allows it; SO_NETNS_COOKIE needs Linux 5.14';
    return line('namespaces', false, (error as Error).message, advice);
  }
}

function socketLookupLine(addon: DatapathAddon): CheckLine {
  const ok = addon.hasSocketLookup();
  const advice = 'use a kernel with CONFIG_BPF_SYSCALL, CONFIG_INET and CONFIG_NET, and allow bpf(2) to this process';
  return line('sk_lookup', ok, ok ? 'programs of this type load' : 'programs of this type do not load', advice);
}

function hookLines(addon: DatapathAddon, cgroup: string | null, pins: string): CheckLine[] {
  if (cgroup === null) return [];
  try {
    return addon.queryHooks(cgroup).map((hook) => hookLine(hook, addon.pinnedProgram(join(pins, `link_${hook.hook}`))));
  } catch (error) {
    return [line('hooks', false, (error as Error).message, 'the path must be that of a cgroup v2')];
  }
}

/** `own`: the identifier of this agent's program; 0: it is not attached. */
export function hookLine({ hook, programs, exclusive, error }: AttachedHook, own: number): CheckLine {
  const name = `hook ${hook.slice(OWN_PREFIX.length)}`;
  if (error !== '') return line(name, false, error, 'run as root, or grant CAP_NET_ADMIN and CAP_BPF');
  const others = programs.filter(({ id }) => id !== own);
  if (others.length === 0) return line(name, true, own === 0 || programs.length === 0 ? 'free' : "nodeway's alone", '');
  const order = programs.map((program) => (program.id === own ? 'nodeway' : nameOf(program)));
  const detail = own === 0 ? `${order.join(', then ')}; nodeway would come last` : order.join(', then ');
  if (exclusive && own === 0)
    return { name, ok: false, detail, advice: 'it lets no other program in: detach it, or attach it with the flag multi' };
  const foreign = programs.findIndex((program) => !program.name.startsWith(OWN_PREFIX));
  const ours = programs.findIndex(({ id }) => id === own);
  const translates = hook.includes('connect') && foreign >= 0 && (ours < 0 || foreign < ours);
  return { name, ok: true, detail, advice: translates ? TRANSLATION : '' };
}

function nameOf({ id, name }: AttachedHook['programs'][number]): string {
  return `${name.startsWith(OWN_PREFIX) ? 'another nodeway' : name || 'a program'} (id ${id})`;
}
