/** A program that runs until it is stopped. Its output goes to a file, and it ends with this process, whatever ends that. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** How much of a log an error quotes. */
const QUOTED_LINES = 15;

export interface DaemonOptions {
  /** The file `cgroup.procs` of the cgroup to run in. */
  readonly cgroup?: string;
  /** Beside PATH. */
  readonly env?: Readonly<Record<string, string>>;
}

export class Daemon {
  readonly name: string;
  readonly logFile: string;
  readonly #command: readonly string[];
  readonly #options: DaemonOptions;
  #child: ChildProcess | null = null;

  constructor(name: string, logFile: string, command: readonly string[], options: DaemonOptions = {}) {
    this.name = name;
    this.logFile = logFile;
    this.#command = command;
    this.#options = options;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get running(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  start(): void {
    if (this.running) return;
    const log = openSync(this.logFile, 'a');
    // The kernel ends it when the thread that started it ends. Each of these becomes the next, so its pid is the program's.
    const { cgroup, env } = this.#options;
    const entered = cgroup === undefined ? [] : ['sh', '-c', 'echo $$ >"$0" && exec "$@"', cgroup];
    const command = ['--pdeathsig', 'KILL', '--', ...entered, ...this.#command];
    const environment = { PATH: process.env['PATH'], HOME: '/nonexistent', ...env };
    this.#child = spawn('setpriv', command, { stdio: ['ignore', log, log], env: environment });
    closeSync(log);
  }

  /** @throws with the end of its log when it has ended by itself. */
  assertRunning(): void {
    if (!this.running) throw new Error(`${this.name} has ended:\n${this.quote()}`);
  }

  /** SIGTERM, and SIGKILL for one that takes longer than this. */
  async stop(patienceMs = 5000): Promise<void> {
    if (!this.running) return;
    const child = this.#child as ChildProcess;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await Promise.race([gone, delay(patienceMs, null, { ref: false })]);
    child.kill('SIGKILL');
    await gone;
  }

  /** SIGKILL, SIGSTOP, SIGCONT. */
  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  quote(): string {
    return readFileSync(this.logFile, 'utf8').split('\n').slice(-QUOTED_LINES).join('\n');
  }
}
