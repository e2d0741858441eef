/** What a process has used, and uses. */
import { readFileSync } from 'node:fs';

/** Of a second, as /proc counts processor time (USER_HZ). */
const TICKS = 100;

/** User and system. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

export function residentMb(pid: number): number {
  return megabytesOf(pid, 'Rss');
}

/** Of what is resident, what is the process's alone: the rest is files, as its program and libraries. */
export function anonymousMb(pid: number): number {
  return megabytesOf(pid, 'Anonymous');
}

function megabytesOf(pid: number, field: string): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(rollup)?.[1] ?? 0) / 1024;
}
