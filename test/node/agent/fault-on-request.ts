/** Workers that throw when a test says so. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** `preload` is for `--import`; the worker that is first to take the file `trigger` away throws. */
export function faultOnRequest(directory: string): { readonly trigger: string; readonly preload: string } {
  const trigger = join(directory, 'trigger');
  const preload = join(directory, 'preload.mjs');
  // `rmSync` says of a file that another took that it succeeded.
  writeFileSync(
    preload,
    `import { unlinkSync } from 'node:fs';
import { threadName } from 'node:worker_threads';
if (threadName.startsWith('worker ')) setInterval(() => {
  try { unlinkSync(${JSON.stringify(trigger)}); } catch { return; }
  throw new Error('broken on purpose');
}, 10).unref();`,
  );
  return { trigger, preload };
}
