/** Finds what belongs to this installation, from a checkout (`src/`) as well as from a build (`dist/src/`). */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** @param relative a file or directory below a directory above this file. Null: there is none. */
export function findUpwards(relative: string): string | null {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const candidate = join(folder, relative);
    if (existsSync(candidate)) return candidate;
    if (folder === dirname(folder)) return null;
  }
}
