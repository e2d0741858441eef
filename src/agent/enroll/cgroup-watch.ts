/**
 * Tells of pods whose cgroup the kubelet has just made: their first process follows within milliseconds, and their application's only
 * after the images are there and each container was set up. inotify tells of new directories of cgroup file systems too.
 *
 * Only a hint: what it misses is found a moment later by the regular look.
 */
import { type FSWatcher, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { Cancel, Clock } from '../../base/clock.ts';
import { podUidOf } from './cgroup.ts';

/** The kubelet may come later than the agent, and kubelets in containers have theirs further down. */
const LOOK_MS = 10_000;
const DEEPEST = 3;
const PODS_OF_NODE = /^(?:.*-)?kubepods(?:\.slice)?$/;
const PODS_OF_CLASS = /^(?:.*-)?(?:kubepods-)?(?:burstable|besteffort)(?:\.slice)?$/;

export function watchPodCgroups(root: string, clock: Clock, onPod: (uid: string) => void): Cancel {
  const watched = new Map<string, FSWatcher>();
  const follow = (directory: string): void => {
    if (watched.has(directory)) return;
    try {
      const watcher = watch(directory, (_, name) => {
        const uid = name === null ? null : podUidOf(`0::/${name}`);
        if (uid !== null) onPod(uid);
      });
      const forget = (): void => {
        watcher.close();
        watched.delete(directory);
      };
      watcher.on('error', forget);
      watched.set(directory, watcher);
    } catch {
      // Gone since it was listed, or there are no more watches to be had: the regular look remains.
    }
  };
  const look = (): void => {
    for (const [directory, watcher] of watched) {
      if (childrenOf(directory) !== null) continue;
      watcher.close();
      watched.delete(directory);
    }
    for (const pods of podsBelow(root, DEEPEST)) {
      follow(pods);
      for (const name of childrenOf(pods) ?? []) if (PODS_OF_CLASS.test(name)) follow(join(pods, name));
    }
  };
  look();
  const stop = clock.every(LOOK_MS, look);
  return () => {
    stop();
    for (const watcher of watched.values()) watcher.close();
  };
}

function podsBelow(directory: string, depth: number): string[] {
  const names = childrenOf(directory) ?? [];
  const here = names.filter((name) => PODS_OF_NODE.test(name)).map((name) => join(directory, name));
  if (here.length > 0 || depth === 0) return here;
  return names.flatMap((name) => podsBelow(join(directory, name), depth - 1));
}

/** Directories; null: it is gone. */
function childrenOf(directory: string): string[] | null {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch {
    return null;
  }
}
