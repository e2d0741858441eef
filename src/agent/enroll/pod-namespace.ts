/** Where an enrolled pod's network namespace is, and whether it still is the same one. */
import { statSync } from 'node:fs';

/** A namespace is known by device and inode of its nsfs file; a path may come to name another one. */
export interface NamespaceIdentity {
  readonly path: string;
  readonly device: number;
  readonly inode: number;
}

/** Null: nothing is there. */
export function identifyNamespace(path: string): NamespaceIdentity | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? null : { path, device: found.dev, inode: found.ino };
}

export function sameNamespace(a: NamespaceIdentity, b: NamespaceIdentity | null): boolean {
  return b !== null && a.device === b.device && a.inode === b.inode;
}
