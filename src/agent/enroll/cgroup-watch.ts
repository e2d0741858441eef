/**
 * Tells of pods that are about to have their first process, twice: when the kubelet has made the pod's cgroup, and when the runtime has
 * made the first one in it, the sandbox's. On a busy machine seconds lie between the two, and only milliseconds between the second and
 * the process. The application's process follows after the images are there and each container was set up. inotify tells of new
 * directories of cgroup file systems too.
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

/** @param container the cgroup of the pod's first container; null: there is none yet. */
export type OnPod = (uid: string, container: string | null) => void;

/** @returns ends it. */
export function watchPodCgroups(root: string, clock: Clock, onPod: OnPod): Cancel {
  const watches = new DirectoryWatches();
  const followPod = (directory: string, uid: string): void => {
    // One is enough, and it may have been made before it could be told of.
    const tell = (container: string): void => {
      watches.forget(directory);
      onPod(uid, join(directory, container));
    };
    watches.follow(directory, (name) => isDirectory(join(directory, name)) && tell(name));
    const [container] = childrenOf(directory) ?? [];
    if (container !== undefined) tell(container);
  };
  const follow = (directory: string): void =>
    watches.follow(directory, (name) => {
      const uid = podUidOf(`0::/${name}`);
      if (uid === null) return;
      onPod(uid, null);
      followPod(join(directory, name), uid);
    });
  const look = (): void => {
    watches.sweep();
    for (const pods of podsBelow(root, DEEPEST)) {
      follow(pods);
      for (const name of childrenOf(pods) ?? []) if (PODS_OF_CLASS.test(name)) follow(join(pods, name));
    }
  };
  look();
  const stop = clock.every(LOOK_MS, look);
  return () => {
    stop();
    watches.close();
  };
}

/** What is told of the directories that are followed: names of what comes into them and what goes. */
class DirectoryWatches {
  readonly #watched = new Map<string, FSWatcher>();

  follow(directory: string, onName: (name: string) => void): void {
    if (this.#watched.has(directory)) return;
    try {
      const watcher = watch(directory, (_, name) => name !== null && onName(name));
      watcher.on('error', () => this.forget(directory));
      this.#watched.set(directory, watcher);
    } catch {
      // Gone since it was listed, or there are no more watches to be had: the regular look remains.
    }
  }

  forget(directory: string): void {
    this.#watched.get(directory)?.close();
    this.#watched.delete(directory);
  }

  /** Those that are gone. */
  sweep(): void {
    for (const directory of this.#watched.keys()) if (childrenOf(directory) === null) this.forget(directory);
  }

  close(): void {
    for (const directory of this.#watched.keys()) this.forget(directory);
  }
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

function isDirectory(path: string): boolean {
  return childrenOf(path) !== null;
}
