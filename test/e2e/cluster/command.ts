/** Short programs of the machine, as `ip` and `mount`. */
import { execFileSync } from 'node:child_process';

/** Resolves with what it printed. @throws with what it said when it fails. */
export function command(program: string, ...words: readonly string[]): string {
  return execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 * 1024 * 1024 });
}

/** Of what may not be there. */
export function attempt(program: string, ...words: readonly string[]): void {
  try {
    command(program, ...words);
  } catch {
    // Not there: what was wanted.
  }
}
