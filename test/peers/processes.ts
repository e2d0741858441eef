/** Child processes of these tests: all end with them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Outcome, outcomeOf } from '../node/pod-network.ts';

/** Of a program that starts on a busy machine. */
const PATIENCE_MS = 120_000;
const children = new Set<ChildProcess>();

export function stopAll(): void {
  for (const child of children) child.kill('SIGKILL');
}

/** Starts a program that goes on; its errors are shown. @param env beside this process's. */
export function start(command: string, words: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  const child = spawn(command, words, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...env } });
  children.add(child);
  child.on('exit', () => children.delete(child));
  return child;
}

export async function startGateway(port: number, upstream: number, wire: 'http1' | 'http2'): Promise<void> {
  const script = fileURLToPath(new URL('gateway.ts', import.meta.url));
  start(process.execPath, ['--disable-warning=ExperimentalWarning', script, String(port), String(upstream), wire]);
  await listening(port);
}

/** Until something takes connections there. */
export async function listening(port: number): Promise<void> {
  for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline;) {
    const socket = connect(port, '127.0.0.1');
    const open = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'close').then(() => false)]).catch(() => false);
    socket.destroy();
    if (open) return;
    await delay(100);
  }
  throw new Error(`nobody listens at port ${port}`);
}

/** Runs a program to its end. */
export function run(command: string, words: readonly string[]): Promise<Outcome> {
  return outcomeOf(spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'] }));
}
