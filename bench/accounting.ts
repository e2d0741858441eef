/** What the kernel has on record about processes and cores. */
import { readFileSync, readdirSync } from 'node:fs';

/** The kernel's unit for times in /proc/stat, fixed for user space at 1/100 s. */
const TICK_US = 10_000;

export interface Usage {
  /** Time on a core, of all threads, to the nanosecond. */
  readonly runUs: number;
  /** The same, split; coarse. */
  readonly userUs: number;
  readonly systemUs: number;
}

export interface Memory {
  readonly residentMb: number;
  /** Without pages of files, which other processes may share. */
  readonly anonymousMb: number;
}

export interface CoreTimes {
  readonly busyUs: number;
  readonly stolenUs: number;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** A process and all that descend from it: nginx works in a child. */
function processTree(pid: number): number[] {
  const children = list(`/proc/${pid}/task`).flatMap((task) => read(`/proc/${pid}/task/${task}/children`).trim().split(' '));
  return [pid, ...children.filter((child) => child !== '').flatMap((child) => processTree(Number(child)))];
}

export function usage(pid: number): Usage {
  let runUs = 0;
  let userUs = 0;
  let systemUs = 0;
  for (const process of processTree(pid)) {
    for (const task of list(`/proc/${process}/task`)) {
      runUs += Number(read(`/proc/${process}/task/${task}/schedstat`).split(' ')[0]) / 1000;
    }
    // The name, in parentheses, may hold spaces.
    const fields = read(`/proc/${process}/stat`).split(') ').at(-1)?.split(' ') ?? [];
    userUs += Number(fields[11] ?? 0) * TICK_US;
    systemUs += Number(fields[12] ?? 0) * TICK_US;
  }
  return { runUs, userUs, systemUs };
}

export function memory(pid: number): Memory {
  let resident = 0;
  let anonymous = 0;
  for (const process of processTree(pid)) {
    const status = read(`/proc/${process}/status`);
    resident += Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    anonymous += Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  }
  return { residentMb: resident / 1024, anonymousMb: anonymous / 1024 };
}

/** Of all cores together. */
export function coreTimes(): CoreTimes {
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, softInterrupts = 0, stolen = 0] = (read('/proc/stat').split('\n')[0] ?? '')
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return { busyUs: (user + nice + system + interrupts + softInterrupts) * TICK_US, stolenUs: stolen * TICK_US };
}
