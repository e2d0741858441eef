/**
 * Runs the commands of the manual that are for a cluster: KUBECONFIG=FILE IMAGE=NAME node test/e2e/manual.ts
 *
 * The nodes have the agent's image by that name, and nodeway-sentiment:1. Installation comes first; the other pages take back what they
 * do. `kubectl` is that of PATH.
 */
import { scriptsOf } from '../manual/blocks.ts';
import { runScripts } from '../manual/run.ts';

/** The pages in the order in which a reader meets them. */
const ORDER = ['docs/install.md', 'docs/first-rules.md'];

/** @param environment with PATH, KUBECONFIG and IMAGE. @returns pages of which a command failed. */
export function runManual(environment: Readonly<Record<string, string | undefined>>): string[] {
  const all = scriptsOf('cluster');
  const pages = [...ORDER, ...[...all.keys()].filter((page) => !ORDER.includes(page))];
  const scripts = new Map(pages.flatMap((page) => (all.has(page) ? [[page, all.get(page) as string] as const] : [])));
  return runScripts(scripts, { command: ['bash', '-c'], environment });
}

if (import.meta.main) {
  for (const name of ['KUBECONFIG', 'IMAGE']) if (process.env[name] === undefined) throw new Error(`${name} is not set`);
  const failed = runManual(process.env);
  console.log(failed.length === 0 ? 'All commands of the manual worked.' : `Failed: ${failed.join(', ')}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}
