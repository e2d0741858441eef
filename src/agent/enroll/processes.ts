/** Finds processes by what /proc says of them. Everything here races with processes that end: one that is gone is passed over. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { podUidOf, unifiedPathOf } from './cgroup.ts';

/** One process of each of these pods that has one, by pod UID. Costs a read of a small file for each process of the node. */
export function findPodProcesses(uids: ReadonlySet<string>, proc = '/proc'): Map<string, number> {
  const found = new Map<string, number>();
  for (const pid of processIds(proc)) {
    if (found.size === uids.size) break;
    const uid = podUidOf(readOrEmpty(join(proc, String(pid), 'cgroup')));
    if (uid !== null && uids.has(uid) && !found.has(uid)) found.set(uid, pid);
  }
  return found;
}

/** Path of the kubelet's cgroup in the v2 hierarchy, from its process; null: no kubelet, or no v2 hierarchy. */
export function findKubeletCgroup(proc = '/proc'): string | null {
  for (const pid of processIds(proc)) {
    if (readOrEmpty(join(proc, String(pid), 'comm')).trim() !== 'kubelet') continue;
    const path = unifiedPathOf(readOrEmpty(join(proc, String(pid), 'cgroup')));
    // In the root cgroup are many others, whose traffic must not pass for probes.
    if (path !== null && path !== '/') return path;
  }
  return null;
}

function processIds(proc: string): number[] {
  return readdirSync(proc)
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // ended since the directory was read
  }
}

/** Path of the network namespace of each of these pods that has a process, by pod UID. */
export function findPodNamespaces(uids: ReadonlySet<string>): Map<string, string> {
  return new Map([...findPodProcesses(uids)].map(([uid, pid]) => [uid, `/proc/${pid}/ns/net`]));
}
