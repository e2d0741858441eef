/** How long a build's readers take for a file: without the agent around them, and with their thread's start. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Readers from '../../src/agent/sources/file-readers.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { Build } from '../build.ts';
import type { ManifestFile } from './world.ts';

/** Milliseconds; null where the build has no such readers. @throws when it cannot read the file. */
export async function readingMs(build: Build, { name, text }: ManifestFile): Promise<number | null> {
  const module = join(build.directory, 'dist/src/agent/sources/file-readers.js');
  if (!existsSync(module)) return null;
  const { FileReaders } = (await import(pathToFileURL(module).href)) as typeof Readers;
  const directory = mkdtempSync(join(tmpdir(), 'nwb-reading-'));
  const readers = new FileReaders(systemClock());
  try {
    const file = join(directory, name);
    writeFileSync(file, text);
    const began = performance.now();
    const { error } = await readers.read(file, [], () => true);
    if (error !== null) throw new Error(error);
    return performance.now() - began;
  } finally {
    await readers.close();
    rmSync(directory, { recursive: true });
  }
}
