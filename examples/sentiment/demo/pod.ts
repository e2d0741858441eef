/** A pod: a process in a network namespace of its own, and the object that describes it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { LogEntry } from '../services/service.ts';
import { exitOf } from './command.ts';
import type { KubeObject } from './manifests.ts';
import { removeNamespace } from './network.ts';
import type { Program } from './programs.ts';

export interface PodPlace {
  readonly name: string;
  readonly namespace: string;
  readonly netns: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: readonly { readonly name?: string; readonly containerPort: number }[];
  /** Null for a pod that nobody manages. */
  readonly deployment: string | null;
}

const START_LIMIT_MS = 120_000;

export class Pod {
  readonly place: PodPlace;
  /** What the service logged so far. */
  readonly log: LogEntry[] = [];
  readonly #process: ChildProcess | null;
  readonly #file: WriteStream | null = null;

  /** Without a program: a pod that people enter by `ip netns exec`. */
  private constructor(place: PodPlace, program: Program | null, logFile: string) {
    this.place = place;
    this.#process = null;
    if (program === null) return;
    this.#file = createWriteStream(logFile);
    const command = ['netns', 'exec', place.netns, process.execPath, ...program.args];
    // Its own session: an interrupt from the keyboard is for the demonstration, which then stops its pods in order.
    this.#process = spawn('ip', command, {
      env: { PATH: process.env['PATH'], ...program.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#process.stderr?.pipe(this.#file, { end: false });
    this.#collect(this.#process);
  }

  static async start(place: PodPlace, program: Program | null, logFile: string): Promise<Pod> {
    const pod = new Pod(place, program, logFile);
    if (program !== null) await pod.#listening();
    return pod;
  }

  received(path: string): number {
    return this.log.filter((entry) => entry.event === 'received' && entry.url.startsWith(path)).length;
  }

  toObject(): KubeObject {
    const { name, namespace, netns, address, labels, ports, deployment } = this.place;
    const owner =
      deployment === null
        ? {}
        : { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${deployment}-1`, controller: true }] };
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels, annotations: { 'nodeway.io/netns': `/run/netns/${netns}` }, ...owner },
      spec: { containers: [{ name: labels['app'] ?? name, image: 'example', ports }] },
      status: { phase: 'Running', podIP: address, podIPs: [{ ip: address }], conditions: [{ type: 'Ready', status: 'True' }] },
    };
  }

  async stop(): Promise<void> {
    if (this.#process !== null) {
      const gone = exitOf(this.#process);
      this.#process.kill('SIGTERM');
      const timer = setTimeout(() => this.#process?.kill('SIGKILL'), 3000);
      await gone;
      clearTimeout(timer);
      this.#file?.end();
    }
    await removeNamespace(this.place.netns);
  }

  #collect(child: ChildProcess): void {
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#file?.write(`${line}\n`);
      this.log.push(JSON.parse(line) as LogEntry);
      child.emit('logged');
    });
  }

  async #listening(): Promise<void> {
    const child = this.#process as ChildProcess;
    const limit = AbortSignal.timeout(START_LIMIT_MS);
    const ended = exitOf(child).then((code) => {
      throw new Error(`pod ${this.place.name} ended with exit code ${code} instead of listening`);
    });
    ended.catch(() => {}); // its end later on is no news
    while (!this.log.some(({ event }) => event === 'listening')) await Promise.race([once(child, 'logged', { signal: limit }), ended]);
  }
}
