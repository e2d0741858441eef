/** One demonstration at a time, and nothing of one that crashed. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { INSTANCE, PINS, pidFile } from './agent.ts';
import { DIRECTORIES } from './cluster.ts';
import { output } from './command.ts';
import { demoNamespaces, removeNamespace, removeNodeLink } from './network.ts';

export const DIRECTORY = '/run/nodeway-demo';

const OWN_PID = join(DIRECTORY, 'demo.pid');
/** The demonstration, and the checks that run its application. */
const OWNERS = ['sentiment/demo/main.ts', 'test/peers/'];
const END_LIMIT_MS = 5000;
const END_POLL_MS = 50;
const SWEEPS = 10;
const SWEEP_PAUSE_MS = 200;

/** Takes the place, or says who has it. */
export async function claim(): Promise<number | null> {
  const owner = await processOf(OWN_PID, OWNERS);
  if (owner !== null) return owner;
  await mkdir(DIRECTORY, { recursive: true });
  await writeFile(OWN_PID, String(process.pid));
  return null;
}

/** Ends and removes what an earlier run left behind; says what it was. */
export async function sweep(nodeway: string): Promise<string[]> {
  const found: string[] = [];
  const agent = await processOf(pidFile(DIRECTORY), [`--instance\0${INSTANCE}`]);
  if (agent !== null) {
    found.push(`agent ${agent}`);
    await end(agent);
  }
  if (existsSync(PINS)) {
    found.push(PINS);
    await output([nodeway, 'cleanup', '--instance', INSTANCE]);
  }
  const namespaces = await demoNamespaces();
  if (namespaces.length > 0) found.push(`${namespaces.length} namespaces`);
  for (const netns of namespaces) await removeNamespace(netns);
  await removeNodeLink();
  for (const part of DIRECTORIES) await rm(join(DIRECTORY, part), { recursive: true, force: true });
  return found;
}

/** Until nothing is found: an interrupted set-up may still be adding. */
export async function sweepAll(nodeway: string): Promise<void> {
  for (let round = 0; round < SWEEPS; round++) {
    if ((await sweep(nodeway)).length === 0) return;
    await delay(SWEEP_PAUSE_MS);
  }
}

export async function removeDirectory(): Promise<void> {
  await rm(DIRECTORY, { recursive: true, force: true });
}

/** The process of a PID file, provided that its command line still is what it should be: numbers are used again. */
async function processOf(file: string, commandParts: readonly string[]): Promise<number | null> {
  const pid = Number(await readFile(file, 'utf8').catch(() => ''));
  if (!(pid > 1) || pid === process.pid) return null;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return commandParts.some((part) => command.includes(part)) ? pid : null;
}

/** At once: its pods, whose connections it could drain, are gone or about to be. */
async function end(pid: number): Promise<void> {
  for (let waited = 0; waited < END_LIMIT_MS && signal(pid, 'SIGKILL'); waited += END_POLL_MS) await delay(END_POLL_MS);
}

/** False when there is no such process any more. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
