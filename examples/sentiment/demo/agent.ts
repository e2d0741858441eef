/** The agent under demonstration, run as its user would run it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { exitOf, output } from './command.ts';
import { sendOne } from './traffic.ts';

export const INSTANCE = 'demo';
/** Where an agent of this instance keeps its objects in the kernel. */
export const PINS = `/sys/fs/bpf/nodeway-${INSTANCE}`;

const READY_LIMIT_MS = 120_000;
const STOP_LIMIT_MS = 60_000;
const SETTLE_MS = 200;
const APPLY_LIMIT_MS = 60_000;
const ANSWER_LIMIT_SECONDS = 30;

export interface AgentOptions {
  /** Nodeway's command line. */
  readonly nodeway: string;
  readonly directory: string;
  readonly manifests: string;
  readonly gatewayAddresses: readonly string[];
  readonly metricsPort: number;
  readonly adminPort: number;
}

interface Status {
  readonly pid: number;
  readonly ready: boolean;
  readonly snapshot: number;
  readonly workers: readonly { readonly version: number }[];
  readonly pods: readonly { readonly pod: string; readonly enrolled: boolean; readonly phase: string }[];
  readonly problems: readonly { readonly severity: string; readonly object: string; readonly message: string }[];
}

export class Agent {
  readonly #options: AgentOptions;
  readonly logFile: string;
  #process: ChildProcess | null = null;
  #withdrawn = false;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.logFile = join(options.directory, 'logs', 'agent.jsonl');
  }

  get command(): string {
    return `${this.#options.nodeway} ${this.#arguments().join(' ')}`;
  }

  async start(): Promise<void> {
    if (this.#withdrawn) throw new Error('the demonstration is being removed');
    const log = openSync(this.logFile, 'a');
    const child = spawn(this.#options.nodeway, this.#arguments(), { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    this.#process = child;
    await writeFile(pidFile(this.#options.directory), String(child.pid ?? ''));
    await this.#ready(child);
  }

  /** The agent works by what was applied: every enrolled pod captured, the configuration newer than `before`, at rest, and every worker's. */
  async settled(before: number): Promise<void> {
    const deadline = performance.now() + APPLY_LIMIT_MS;
    let last = -1;
    while (performance.now() < deadline) {
      const { snapshot, workers, pods } = await this.status();
      const captured = pods.every(({ enrolled, phase }) => !enrolled || phase === 'captured');
      const served = workers.every(({ version }) => version === snapshot);
      if (captured && served && snapshot > before && snapshot === last) return;
      last = snapshot;
      await delay(SETTLE_MS);
    }
    throw new Error(`the agent did not take over what was applied within ${APPLY_LIMIT_MS / 1000} s:\n${await this.lastLog(15)}`);
  }

  async status(): Promise<Status> {
    const { status, body, error } = await sendOne({ url: `http://127.0.0.1:${this.#options.adminPort}/status` }, ANSWER_LIMIT_SECONDS);
    if (status !== 200) throw new Error(`the agent's admin endpoint: ${error || status}`);
    return JSON.parse(body) as Status;
  }

  async metrics(): Promise<string> {
    const { body } = await sendOne({ url: `http://127.0.0.1:${this.#options.metricsPort}/metrics` }, ANSWER_LIMIT_SECONDS);
    return body;
  }

  get running(): boolean {
    return this.#process !== null;
  }

  /** What a command says that asks it. */
  async ask(words: readonly string[]): Promise<string> {
    return output([this.#options.nodeway, ...words, '--admin-address', `127.0.0.1:${this.#options.adminPort}`]);
  }

  /** Resolves when the process is gone, with the moment it was. */
  async kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<number> {
    const child = this.#process;
    if (child === null) return performance.timeOrigin + performance.now();
    const gone = exitOf(child);
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await gone;
    clearTimeout(timer);
    this.#process = null;
    return performance.timeOrigin + performance.now();
  }

  async cleanup(): Promise<string> {
    return output([this.#options.nodeway, 'cleanup', '--instance', INSTANCE]);
  }

  /** What it counted up to now, beside the logs. */
  async keepMetrics(): Promise<void> {
    const metrics = this.running ? await this.metrics() : '';
    await appendFile(join(this.#options.directory, 'logs', 'metrics.txt'), `# ${new Date().toISOString()}\n${metrics}\n`);
  }

  /** Stopped and cleaned up for good. */
  async withdraw(): Promise<void> {
    this.#withdrawn = true;
    if (!this.running) return;
    await this.kill('SIGTERM');
    await this.cleanup();
  }

  async lastLog(lines: number): Promise<string> {
    const log = await readFile(this.logFile, 'utf8').catch(() => '(no log)');
    return log.trimEnd().split('\n').slice(-lines).join('\n');
  }

  #arguments(): string[] {
    const { manifests, gatewayAddresses, metricsPort, adminPort } = this.#options;
    const settings = {
      manifests,
      'node-name': 'demo',
      'metrics-address': `127.0.0.1:${metricsPort}`,
      'admin-address': `127.0.0.1:${adminPort}`,
      'gateway-address': gatewayAddresses.join(','),
      instance: INSTANCE,
      // On a busy machine a beat of the usual second may be late; connections then pass the agent, and the steps count them.
      'heartbeat-timeout': '10s',
    };
    return ['agent', ...Object.entries(settings).flatMap(([flag, value]) => [`--${flag}`, value])];
  }

  async #ready(child: ChildProcess): Promise<void> {
    let ended: number | null = null;
    void exitOf(child).then((code) => (ended = code));
    const deadline = performance.now() + READY_LIMIT_MS;
    while (performance.now() < deadline) {
      if (ended !== null) throw new Error(`the agent ended with exit code ${String(ended)}:\n${await this.lastLog(15)}`);
      const { status } = await sendOne({ url: `http://127.0.0.1:${this.#options.metricsPort}/readyz` }, 2);
      if (status === 200) return;
      await delay(100);
    }
    throw new Error(`the agent was not ready after ${READY_LIMIT_MS / 1000} s:\n${await this.lastLog(15)}`);
  }
}

export function pidFile(directory: string): string {
  return join(directory, 'agent.pid');
}
