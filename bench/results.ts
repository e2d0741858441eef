import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Conditions } from './conditions.ts';

const DIRECTORY = fileURLToPath(new URL('results', import.meta.url));

export interface Results {
  readonly conditions: Conditions;
  readonly [part: string]: unknown;
}

/** Returns the file, as seen from the current directory. */
export function saveResults(results: Results): string {
  mkdirSync(DIRECTORY, { recursive: true });
  const file = join(DIRECTORY, `${results.conditions.at.replaceAll(/[:.]/g, '-')}.json`);
  writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
  return relative(process.cwd(), file);
}
