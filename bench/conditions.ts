/** On what the numbers were measured. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import type { Clock } from '../src/base/clock.ts';
import { findProgram } from './proxies/proxy.ts';

export interface Conditions {
  readonly at: string;
  readonly commit: string;
  readonly kernel: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryMb: number;
  readonly loadAverage: string;
  readonly node: string;
  readonly haproxy: string;
  readonly nginx: string;
}

export function describeMachine(clock: Clock): Conditions {
  const processors = cpus();
  return {
    at: new Date(clock.now()).toISOString(),
    commit: firstLine('git', 'describe', '--always', '--dirty'),
    kernel: release(),
    processor: processors[0]?.model ?? '',
    cores: processors.length,
    memoryMb: Math.round(totalmem() / 2 ** 20),
    loadAverage: readFileSync('/proc/loadavg', 'utf8').trim(),
    node: process.version,
    haproxy: firstLine(findProgram('haproxy') ?? '', '-v'),
    nginx: firstLine(findProgram('nginx') ?? '', '-v'),
  };
}

function firstLine(program: string, ...args: string[]): string {
  if (program === '') return '';
  try {
    // nginx tells its version on stderr.
    return execFileSync('sh', ['-c', 'exec "$0" "$@" 2>&1', program, ...args], { encoding: 'utf8' }).split('\n')[0] ?? '';
  } catch {
    return '';
  }
}
