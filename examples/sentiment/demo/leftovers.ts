/** One demonstration at a time, and nothing of one that crashed. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { INSTANCE, pidFile } from './agent.ts';
import { demoNamespaces, removeNamespace, removeNodeLink } from './network.ts';

export const DIRECTORY = '/run/nodeway-demo';

const OWN_PID = join(DIRECTORY, 'demo.pid');
const GRACE_MS = 1000;
const SWEEPS = 10;
const SWEEP_PAUSE_MS = 200;

/** Takes the place, or says who has it. */
export async function claim(): Promise<number | null> {
  const owner = await processOf(OWN_PID, 'sentiment/demo/main.ts');
  if (owner !== null) return owner;
  await mkdir(DIRECTORY, { recursive: true });
  await writeFile(OWN_PID, String(process.pid));
  return null;
}

/** Ends and removes what an earlier run left behind; says what it was. */
export async function sweep(): Promise<string[]> {
  const found: string[] = [];
  const agent = await processOf(pidFile(DIRECTORY), `--instance\0${INSTANCE}`);
  if (agent !== null) {
    found.push(`agent ${agent}`);
    await end(agent);
  }
  for (const netns of await demoNamespaces()) {
    found.push(`namespace ${netns}`);
    await removeNamespace(netns);
  }
  await removeNodeLink();
  return found;
}

/** Until nothing is found: an interrupted set-up may still be adding. */
export async function sweepAll(): Promise<void> {
  for (let round = 0; round < SWEEPS; round++) {
    if ((await sweep()).length === 0) return;
    await delay(SWEEP_PAUSE_MS);
  }
}

export async function removeDirectory(): Promise<void> {
  await rm(DIRECTORY, { recursive: true, force: true });
}

/** The process of a PID file, provided that its command line still is what it should be: numbers are used again. */
async function processOf(file: string, commandPart: string): Promise<number | null> {
  const pid = Number(await readFile(file, 'utf8').catch(() => ''));
  if (!(pid > 1) || pid === process.pid) return null;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return command.includes(commandPart) ? pid : null;
}

async function end(pid: number): Promise<void> {
  if (!signal(pid, 'SIGTERM')) return;
  await delay(GRACE_MS);
  signal(pid, 'SIGKILL');
}

/** False when there is no such process any more. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
