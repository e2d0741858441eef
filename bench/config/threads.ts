/** What the scheduler has on record about the threads of a process. */
import { readFileSync, readdirSync } from 'node:fs';

/** The thread that the process began with: the agent's control thread. */
export function mainThreadMs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}

/** How long threads that could have run waited for a core: others were in the way. */
export function waitedMs(pid: number): number {
  const waits = tasks(pid).map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[1]));
  return waits.reduce((sum, wait) => sum + wait / 1e6, 0);
}

/** How often each thread went to sleep by itself. */
export function sleeps(pid: number): Map<number, number> {
  return new Map(tasks(pid).map((task) => [task, Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status(pid, task))?.[1] ?? 0)]));
}

/** The one thread that slept at least so often since then, if there is only one; the main thread does not count. */
export function busiest(pid: number, before: ReadonlyMap<number, number>, atLeast: number): number | null {
  const counts = [...sleeps(pid)].map(([task, count]) => ({ task, more: count - (before.get(task) ?? 0) }));
  const [first, second] = counts.filter(({ task }) => task !== pid).sort((a, b) => b.more - a.more);
  if (first === undefined || first.more < atLeast) return null;
  return second !== undefined && second.more * 2 > first.more ? null : first.task;
}

function tasks(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).map(Number);
}

function status(pid: number, task: number): string {
  try {
    return readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8');
  } catch {
    // It ended meanwhile.
    return '';
  }
}
