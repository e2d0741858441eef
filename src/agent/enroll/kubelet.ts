/**
 * Finds the cgroup of the kubelet, by which the kernel programs know its health probes.
 *
 * In a container with a cgroup namespace of its own, `/proc/PID/cgroup` names cgroups from the container's: `/../../system.slice/…`.
 * Where the node's hierarchy is mounted says how far up its root is. If the kubelet's path goes up less than that, it shares its first
 * components with the container's cgroup, and they are not told; so they are looked for, and the cgroup that has the process is the one.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupMount, cgroupPath } from '../../datapath/mounts.ts';
import { unifiedPathOf } from './cgroup.ts';
import { processIds, readOrEmpty } from './processes.ts';

/** Programs that have the kubelet in them: itself, k3s, MicroK8s. */
const KUBELETS: ReadonlySet<string> = new Set(['kubelet', 'k3s-server', 'k3s-agent', 'kubelite']);

export interface Kubelet {
  readonly pid: number;
  /** In the v2 hierarchy, as /proc tells it. */
  readonly cgroup: string;
}

/** Its directory; null: there is none on this node, or it is not seen from here. */
export function kubeletCgroup(): string | null {
  const mount = cgroupMount();
  const kubelet = findKubelet();
  return mount === null || kubelet === null ? null : kubeletDirectory(kubelet, mount.point, mount.up);
}

/** Null: no kubelet, or no v2 hierarchy. */
export function findKubelet(proc = '/proc'): Kubelet | null {
  for (const pid of processIds(proc)) {
    if (!KUBELETS.has(readOrEmpty(join(proc, String(pid), 'comm')).trim())) continue;
    const cgroup = unifiedPathOf(readOrEmpty(join(proc, String(pid), 'cgroup')));
    // In the root cgroup are many others, whose traffic must not pass for probes.
    if (cgroup !== null && cgroupPath(cgroup).down.length > 0) return { pid, cgroup };
  }
  return null;
}

/** The directory of the kubelet's cgroup; null: it is not below this one. `up`: how far the hierarchy's root is above our cgroup. */
export function kubeletDirectory({ pid, cgroup }: Kubelet, root: string, up: number): string | null {
  const path = cgroupPath(cgroup);
  for (const ancestor of below(root, up - path.up)) {
    const directory = join(ancestor, ...path.down);
    if (hasProcess(directory, pid)) return directory;
  }
  return null;
}

/** The directories so many levels below this one. */
function* below(directory: string, levels: number): Generator<string> {
  if (levels === 0) yield directory;
  if (levels <= 0) return;
  for (const child of childrenOf(directory)) yield* below(child, levels - 1);
}

function childrenOf(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(directory, name));
  } catch {
    return []; // removed since its name was read
  }
}

function hasProcess(directory: string, pid: number): boolean {
  try {
    return readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n').includes(String(pid));
  } catch {
    return false; // there is no such cgroup
  }
}
