/** Processes pinned to a core: the proxies to one, the load to the other. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export const PROXY_CORE = 0;
export const LOAD_CORE = 1;

export interface LaunchOptions {
  readonly core: number;
  /** Gets stdout and stderr; without it stdout and stdin are pipes. */
  readonly logFile?: string;
}

/** Those that were started and have to be gone at the end. */
export class ProcessGroup {
  readonly #running = new Set<PinnedProcess>();
  readonly #priority: boolean;

  /** With priority: ahead of whatever else runs on this machine; needs root. */
  constructor(priority: boolean) {
    this.#priority = priority;
  }

  launch(command: readonly string[], options: LaunchOptions): PinnedProcess {
    const log = options.logFile === undefined ? null : openSync(options.logFile, 'a');
    // In a session of its own: that is what the scheduler gives a weight.
    const child = spawn('taskset', ['-c', String(options.core), ...command], {
      detached: true,
      stdio: log === null ? ['pipe', 'pipe', 'inherit'] : ['ignore', log, log],
    });
    if (log !== null) closeSync(log);
    if (this.#priority && child.pid !== undefined) writeFileSync(`/proc/${child.pid}/autogroup`, '-20');
    const process = new PinnedProcess(child);
    this.#running.add(process);
    void process.exited.then(() => this.#running.delete(process));
    return process;
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running].map((process) => process.stop()));
  }
}

export class PinnedProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<unknown>;

  constructor(child: ChildProcess) {
    this.child = child;
    // Also when it could not even be started.
    this.exited = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
  }

  /** taskset becomes the program: the process is the same. */
  get pid(): number {
    return this.child.pid ?? 0;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  async stop(): Promise<void> {
    if (!this.running) return;
    this.child.kill('SIGTERM');
    const killing = setTimeout(() => this.child.kill('SIGKILL'), 8000);
    await this.exited;
    clearTimeout(killing);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Whether the process came to listen there. */
export async function listens(process: PinnedProcess, port: number, timeoutMs: number): Promise<boolean> {
  for (const end = performance.now() + timeoutMs; performance.now() < end && process.running; await sleep(50)) {
    if (await accepts(port)) return true;
  }
  return false;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
