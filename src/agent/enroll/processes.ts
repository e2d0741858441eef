/** Finds processes in /proc. Processes end meanwhile: one that is gone is passed over. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { podUidOf } from './cgroup.ts';
import type { PodProcesses } from './pod-homes.ts';

/** Processes of pods, by the cgroups that the kubelet makes. A search costs a read of a small file for each process of the node. */
export function podProcesses(proc = '/proc'): PodProcesses {
  const podOf = (pid: number): string | null => podUidOf(readOrEmpty(join(proc, String(pid), 'cgroup')));
  return {
    find: (uids) => {
      const found = new Map<string, number[]>([...uids].map((uid) => [uid, []]));
      for (const pid of processIds(proc)) found.get(podOf(pid) ?? '')?.push(pid);
      return found;
    },
    inCgroup: (directory) => readOrEmpty(join(directory, 'cgroup.procs')).split('\n').map(Number).filter(Boolean),
    belongs: (pid, uid) => podOf(pid) === uid,
  };
}

export function processIds(proc: string): number[] {
  try {
    return readdirSync(proc)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return []; // out of descriptors for now; who looks, looks again
  }
}

export function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // ended since the directory was read, or out of descriptors for now
  }
}
