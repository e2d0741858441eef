/** Which network namespace a path leads to, or a descriptor holds. */
import { fstatSync, statSync } from 'node:fs';

/** Device and inode of its nsfs file. No other namespace gets them while a descriptor holds this one. */
export interface NamespaceIdentity {
  readonly device: number;
  readonly inode: number;
}

export interface NamespaceFiles {
  /** Null: nothing is there, or it cannot be told now. */
  at(path: string): NamespaceIdentity | null;
  behind(fd: number): NamespaceIdentity;
}

export const OWN_NAMESPACE = '/proc/self/ns/net';

export const namespaceFiles: NamespaceFiles = {
  at: (path) => {
    try {
      const { dev, ino } = statSync(path);
      return { device: dev, inode: ino };
    } catch {
      return null; // of a process that ends, the kernel says EACCES as well as ENOENT
    }
  },
  behind: (fd) => {
    const { dev, ino } = fstatSync(fd);
    return { device: dev, inode: ino };
  },
};

export function sameNamespace(a: NamespaceIdentity, b: NamespaceIdentity | null): boolean {
  return b !== null && a.device === b.device && a.inode === b.inode;
}
