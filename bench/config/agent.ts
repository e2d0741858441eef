/** The agent of a build, started as scripts/nodeway of that build starts it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { memory } from '../accounting.ts';
import type { Build } from '../build.ts';
import { freePort } from '../process.ts';
import type { ManifestFile } from './world.ts';

const INSTANCE = 'nwb-config';
const DIRECTORY_PREFIX = 'nwb-agent-';
const READY_POLL_MS = 5;
const METRICS_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 10_000;

export interface AgentOptions {
  readonly workers: number;
  readonly cgroup: string;
  readonly priority: boolean;
}

export class AgentUnderTest {
  readonly #build: Build;
  readonly #options: AgentOptions;
  readonly #directory = mkdtempSync(join(tmpdir(), DIRECTORY_PREFIX));
  readonly #manifests = join(this.#directory, 'manifests');
  readonly #log = join(this.#directory, 'log');
  #child: ChildProcess | null = null;
  #metricsPort = 0;

  constructor(build: Build, options: AgentOptions) {
    this.#build = build;
    this.#options = options;
    mkdirSync(this.#manifests);
    writeFileSync(this.#log, '');
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get running(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get residentMb(): number {
    return memory(this.pid).residentMb;
  }

  /** Errors and warnings among its last lines. */
  get complaints(): string[] {
    const lines = readFileSync(this.#log, 'utf8').trim().split('\n');
    return lines.filter((line) => /"level":"?([456]0|warn|error|fatal)/.test(line)).slice(-3);
  }

  /** Milliseconds from the start of the process to its readiness, or null when that took longer than the limit. */
  async start(limitMs: number): Promise<number | null> {
    this.#metricsPort = await freePort();
    const endpoints = ['--admin-address', 'none', '--metrics-address', `127.0.0.1:${this.#metricsPort}`, '--gateway-address', '127.0.0.1'];
    const place = [
      '--instance',
      INSTANCE,
      '--cgroup',
      this.#options.cgroup,
      '--node-name',
      'bench',
      '--workers',
      String(this.#options.workers),
    ];
    const flags = ['agent', '--manifests', this.#manifests, ...endpoints, ...place, '--log-file', this.#log, '--log-level', 'warn'];
    const began = performance.now();
    this.#child = spawn(
      '/bin/sh',
      ['-c', 'echo $$ >"$0" && exec "$@"', join(this.#options.cgroup, 'cgroup.procs'), ...this.#build.command, ...flags],
      {
        env: { PATH: process.env['PATH'] },
        stdio: ['ignore', 'inherit', 'inherit'],
        // In a session of its own: that is what the scheduler gives a weight.
        detached: true,
      },
    );
    if (this.#options.priority) writeFileSync(`/proc/${this.pid}/autogroup`, '-20');
    while (this.running && performance.now() - began < limitMs) {
      if ((await this.#get('/readyz', limitMs)) !== null) return performance.now() - began;
      await sleep(READY_POLL_MS);
    }
    return null;
  }

  /** Renames it into place, and returns when that was, in milliseconds of the monotonic clock. */
  write({ name, text }: ManifestFile): number {
    const part = join(this.#directory, 'part');
    writeFileSync(part, text);
    const now = Number(process.hrtime.bigint()) / 1e6;
    renameSync(part, join(this.#manifests, name));
    return now;
  }

  /** All samples of a metric; none while it does not answer. */
  async metric(name: string): Promise<number[]> {
    const text = (await this.#get('/metrics', METRICS_LIMIT_MS)) ?? '';
    const samples = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    return samples.map((line) => Number(line.split(' ').at(-1)));
  }

  /** Workers that were replaced; null when it does not answer. */
  async restarts(): Promise<number | null> {
    const values = await this.metric('nodeway_worker_restarts_total');
    return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0);
  }

  /** Ends it, and removes what it left on the machine. */
  async remove(): Promise<void> {
    if (this.running) {
      const child = this.#child as ChildProcess;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      const killing = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
      await gone;
      clearTimeout(killing);
    }
    cleanUp(this.#build);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Null: not listening yet, not ready, or too busy to answer. */
  async #get(path: string, timeoutMs: number): Promise<string | null> {
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      const response = await fetch(`http://127.0.0.1:${this.#metricsPort}${path}`, { headers: { connection: 'close' }, signal });
      const text = await response.text();
      return response.ok ? text : null;
    } catch {
      // The caller asks again or goes without.
      return null;
    }
  }
}

/** Pins and files of an agent of this suite, also of a run that crashed. The agent itself must have ended. */
export function cleanUp(build: Build): void {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(DIRECTORY_PREFIX))) {
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
  if (!existsSync('/sys/fs/bpf')) return;
  const [program, ...words] = [...build.command, 'cleanup', '--instance', INSTANCE];
  execFileSync(program, words, { stdio: 'ignore' });
}
