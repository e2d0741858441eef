/** Finds and loads the compiled addons, from a checkout (`src/`) as well as from a build (`dist/src/`). */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The addon was not built for this checkout, or does not load here. */
export class AddonMissing extends Error {}

/** @throws AddonMissing with what to do. */
export function loadAddon(name: 'transport' | 'datapath'): unknown {
  const path = findUpwards(dirname(fileURLToPath(import.meta.url)), join('build', 'Release', `${name}.node`));
  if (path === null) throw new AddonMissing(`the native ${name} addon is not built; run scripts/build`);
  try {
    return createRequire(import.meta.url)(path);
  } catch (cause) {
    throw new AddonMissing(`the native ${name} addon at ${path} does not load: ${(cause as Error).message}`, { cause });
  }
}

function findUpwards(from: string, relative: string): string | null {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, relative);
    if (existsSync(candidate)) return candidate;
    if (folder === dirname(folder)) return null;
  }
}
