/**
 * Which threads of this process come first where processors are short. What setpriority(2) calls a process is a thread on Linux ("C library/kernel
 * differences"), and what it sets weighs only among those of the same cgroup that has a share of the processor: in a container, among the process's own.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { constants, getPriority, setPriority } from 'node:os';
import { effectiveCapabilities } from './capabilities.ts';

/** With a tenth of the weight of others a thread still gets some milliseconds out of each 30, and wakes up behind them. */
const STEPS = 10;
const OWN = 0;

/** Of libuv's pool, by the name that it gives them. They write what workers have logged, and read files and names. */
const POOL_THREAD = 'libuv-worker';
const TASKS = '/proc/self/task';

/** CAP_SYS_NICE of linux/capability.h. */
const SYS_NICE = 1n << 23n;

/**
 * All threads that there are, and those that they start, give way to those that `comeFirst` from now on. Those of libuv's pool do not: what
 * workers log fills their rings within tenths of a second, and is lost when nobody gets to write it. Nothing changes where that could not be
 * undone for a single thread: without CAP_SYS_NICE, which a container has only if it is given.
 *
 * @returns what `comeFirst` takes, or null where everything stays as it was.
 */
export async function giveWay(): Promise<number | null> {
  if (!mayComeFirst(effectiveCapabilities())) return null;
  const first = getPriority(OWN);
  const behind = Math.min(first + STEPS, constants.priority.PRIORITY_LOW);
  // All of them are started with the first thing that they have to do.
  await access(TASKS);
  for (const task of readdirSync(TASKS)) {
    try {
      if (readFileSync(`${TASKS}/${task}/comm`, 'utf8').trimEnd() !== POOL_THREAD) setPriority(Number(task), behind);
    } catch {
      // It has just ended.
    }
  }
  return first;
}

/** The calling thread, which was started by one that gives way. @param first of `giveWay` */
export function comeFirst(first: number | null): void {
  if (first !== null) setPriority(OWN, first);
}

/** @param held capabilities, a bit for each */
export function mayComeFirst(held: bigint): boolean {
  return (held & SYS_NICE) !== 0n;
}
