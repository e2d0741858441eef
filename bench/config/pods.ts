/** The program bench/load/pods.c: all client pods and their backends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { BenchNetwork } from './network.ts';
import { BACKEND_PORT } from './world.ts';

const PROGRAM = fileURLToPath(new URL('../../build/bench/pods', import.meta.url));

export interface Latencies {
  readonly count: number;
  readonly failed: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly longest: number;
}

export interface TrafficReport {
  readonly background: Latencies;
  /** By number of connection. */
  readonly probes: Readonly<Record<string, Latencies>>;
  /** How late the measuring end itself woke up, at worst. */
  readonly latestWakeUs: number;
}

export interface Answer {
  readonly us: number;
  readonly status: number;
  readonly servedBy: string;
  readonly rule: string;
}

/** A connection in a pod, by number; which of them are used for what is their users' affair. */
export interface Target {
  readonly pod: number;
  readonly address: string;
  readonly port: number;
  readonly host: string;
}

export class Pods {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<string, (words: readonly string[]) => void>();
  lost = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    createInterface({ input: child.stdout! }).on('line', (line) => this.#heard(line));
  }

  static async start({ cgroup, backends, clients }: BenchNetwork): Promise<Pods> {
    const namespaces = [backends, ...clients.map(({ netns }) => `/run/netns/${netns}`)];
    // Ahead of the agent, so that what is measured is the agent's time and not the measuring end's.
    const command = ['chrt', '-f', '1', PROGRAM, String(BACKEND_PORT), ...namespaces];
    const child = spawn('/bin/sh', ['-c', 'echo $$ >"$0" && exec "$@"', `${cgroup}/cgroup.procs`, ...command], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    });
    const pods = new Pods(child);
    await pods.#reply('ready', 10_000);
    return pods;
  }

  open(connection: number, { pod, address, port, host }: Target): void {
    this.#send(`open ${connection} ${pod} ${address} ${port} ${host}`);
  }

  /** Null when there was no answer. */
  async ask(connection: number, timeoutMs: number): Promise<Answer | null> {
    const answer = this.#reply(`answer ${connection}`, timeoutMs);
    const failed = this.#reply(`failed ${connection}`, timeoutMs);
    this.#send(`ask ${connection}`);
    const words = await Promise.race([answer, failed]);
    this.#waiting.delete(`answer ${connection}`);
    this.#waiting.delete(`failed ${connection}`);
    if (words === null || words[0] !== 'answer') return null;
    return { us: Number(words[2]), status: Number(words[3]), servedBy: words[4] ?? '', rule: words[5] ?? '' };
  }

  async burst(connection: number, count: number, timeoutMs: number): Promise<boolean> {
    const done = this.#reply(`burst ${connection}`, timeoutMs);
    this.#send(`burst ${connection} ${count}`);
    return (await done) !== null;
  }

  probe(connection: number): void {
    this.#send(`probe ${connection}`);
  }

  rest(connection: number): void {
    this.#send(`rest ${connection}`);
  }

  background(rate: number, from: number, to: number, hosts: readonly string[]): void {
    if (hosts.length > 0) this.#send(`hosts ${hosts.join(' ')}`);
    this.#send(`background ${rate} ${from} ${to}`);
  }

  /** When, by the monotonic clock in milliseconds, the connection saw an answer by that rule or from these addresses; null: never. */
  async watch(
    connection: number,
    host: string,
    wish: { rule: string } | { addresses: readonly string[] },
    timeoutMs: number,
  ): Promise<number | null> {
    const seen = this.#reply(`seen ${connection}`, timeoutMs);
    this.#send(`host ${connection} ${host}`);
    this.#send('rule' in wish ? `watch ${connection} rule ${wish.rule}` : `watch ${connection} address ${wish.addresses.join(',')}`);
    const words = await seen;
    if (words === null) this.rest(connection);
    return words === null ? null : Number(words[2]) / 1e6;
  }

  async report(): Promise<TrafficReport> {
    const reply = this.#reply('report', 10_000);
    this.#send('report');
    const words = await reply;
    if (words === null) throw new Error('the client pods do not report');
    return JSON.parse(words.slice(1).join(' ')) as TrafficReport;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  #send(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }

  async #reply(what: string, timeoutMs: number): Promise<readonly string[] | null> {
    const over = new AbortController();
    const reply = new Promise<readonly string[]>((resolve) => this.#waiting.set(what, resolve));
    const timeout = sleep(timeoutMs, null, { signal: over.signal, ref: false }).catch(() => null);
    const words = await Promise.race([reply, timeout]);
    over.abort();
    return words;
  }

  #heard(line: string): void {
    const words = line.split(' ');
    const what = words[0] === 'ready' || words[0] === 'report' ? words[0] : words.slice(0, 2).join(' ');
    if (words[0] === 'lost') this.lost++;
    if (words[0] === 'unknown') throw new Error(`the client pods do not know: ${line}`);
    this.#waiting.get(what)?.(words);
    this.#waiting.delete(what);
  }
}
