/** Runs scripts of the manual, each in a shell of its own, and says which failed. What they print goes to stderr: stdout may be a test's. */
import { spawnSync } from 'node:child_process';

export interface Shell {
  /** The program and its arguments, to which the script is given. */
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Of the scripts that failed, the pages. */
export function runScripts(scripts: ReadonlyMap<string, string>, { command: [program, ...args], environment }: Shell): string[] {
  return [...scripts].flatMap(([page, script]) => {
    const { status, error } = spawnSync(program, [...args, script], { stdio: ['ignore', 2, 2], env: environment });
    if (error === undefined && status === 0) return [];
    console.log(`${page}: ${error?.message ?? `a command failed (exit code ${status})`}`);
    return [page];
  });
}
