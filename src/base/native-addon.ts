/** Loads the compiled addons. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { findUpwards } from './find-upwards.ts';

/** The addon was not built for this checkout, or does not load here. */
export class AddonMissing extends Error {}

/** @throws AddonMissing with what to do. */
export function loadAddon(name: 'transport' | 'datapath'): unknown {
  const path = findUpwards(join('build', 'Release', `${name}.node`));
  if (path === null) throw new AddonMissing(`the native ${name} addon is not built; run scripts/build`);
  try {
    return createRequire(import.meta.url)(path);
  } catch (cause) {
    throw new AddonMissing(`the native ${name} addon at ${path} does not load: ${(cause as Error).message}`, { cause });
  }
}
