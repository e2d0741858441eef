/**
 * Reports when something below a directory may have changed. There is one inotify watch per directory, not per file: a watch on a file stays
 * with the inode that a rename has replaced, which is why Node's own recursive watch misses edits after a rename.
 */
import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';

/** `rename`: an entry has come or gone. `change`: what it leads to was written to. */
export type WatchEvent = 'rename' | 'change';

export class DirectoryWatch {
  readonly #changed: (path: string | null, event: WatchEvent) => void;
  readonly #watchers = new Map<string, FSWatcher>();

  /** @param changed gets what it happened to, where the kernel says so. */
  constructor(changed: (path: string | null, event: WatchEvent) => void) {
    this.#changed = changed;
  }

  /** Watches exactly these directories from now on. One that cannot be watched (no inotify watches left, gone) is left out. */
  follow(directories: Iterable<string>): void {
    const wanted = new Set(directories);
    for (const [directory, watcher] of this.#watchers) if (!wanted.has(directory)) this.#drop(directory, watcher);
    for (const directory of wanted) if (!this.#watchers.has(directory)) this.#add(directory);
  }

  close(): void {
    this.follow([]);
  }

  #add(directory: string): void {
    try {
      const watcher = watch(directory, (event, name) => {
        // The directory itself was moved or removed: whatever stands there now has another inode.
        if (event === 'rename' && name !== null && directory.endsWith(`/${name}`)) this.#drop(directory, watcher);
        this.#changed(name === null ? null : join(directory, name), event);
      });
      watcher.on('error', () => this.#drop(directory, watcher));
      this.#watchers.set(directory, watcher);
    } catch {
      // The periodic scan carries on without this watch.
    }
  }

  #drop(directory: string, watcher: FSWatcher): void {
    watcher.close();
    if (this.#watchers.get(directory) === watcher) this.#watchers.delete(directory);
  }
}
