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
  /** Ahead of whatever else runs on this machine; needs root. */
  readonly priority: boolean;
}

export class PinnedProcess {
  static readonly #running = new Set<PinnedProcess>();
  readonly child: ChildProcess;
  readonly exited: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.child = child;
    this.exited = once(child, 'exit');
    PinnedProcess.#running.add(this);
    void this.exited.then(() => PinnedProcess.#running.delete(this));
  }

  static launch(command: readonly string[], options: LaunchOptions): PinnedProcess {
    const log = options.logFile === undefined ? null : openSync(options.logFile, 'a');
    // Of a session of its own: the scheduler weighs sessions against each other, not single processes.
    const child = spawn('taskset', ['-c', String(options.core), ...command], {
      detached: true,
      stdio: log === null ? ['pipe', 'pipe', 'inherit'] : ['ignore', log, log],
    });
    if (log !== null) closeSync(log);
    if (options.priority && child.pid !== undefined) writeFileSync(`/proc/${child.pid}/autogroup`, '-20');
    return new PinnedProcess(child);
  }

  static async stopAll(): Promise<void> {
    await Promise.all([...PinnedProcess.#running].map((process) => process.stop()));
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
