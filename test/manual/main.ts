/** Every block of the manual says how it is checked; those for this machine are run, in a network of their own. */
import { blocksOf, manualPages, scriptsOf } from './blocks.ts';
import { runScripts } from './run.ts';

const found = manualPages().map((page) => blocksOf(page));
const unmarked = found.flatMap((page) => page.unmarked);
for (const line of unmarked) console.log(line);
const scripts = scriptsOf('local');
// Ports that the manual names may be in use here.
const alone = ['unshare', '--net', ...(process.getuid?.() === 0 ? [] : ['--map-root-user'])] as const;
const command = [...alone, 'bash', '-c', 'ip link set lo up; exec bash -c "$0"'] as const;
const failed = runScripts(scripts, { command, environment: process.env });
const count = (check: string): number => found.flatMap(({ blocks }) => blocks).filter((block) => block.check === check).length;
console.log(`${count('local')} blocks run, ${count('cluster')} for a cluster, ${count('none')} not run`);
process.exitCode = unmarked.length + failed.length === 0 ? 0 : 1;
