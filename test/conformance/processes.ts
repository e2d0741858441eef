/** The processes of a pod: its application and its client. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { end, type Pod } from '../node/pod-network.ts';
import type { SetPod } from './cluster.ts';
import type { Arrival, Asked, Seen } from './exchange.ts';

const program = (name: string): string[] => [
  process.execPath,
  '--disable-warning=ExperimentalWarning',
  fileURLToPath(new URL(name, import.meta.url)),
];

/** Serves all ports of a pod. */
export class Application {
  readonly arrivals: Arrival[] = [];
  readonly #child: ChildProcess;
  readonly #ready: Promise<void>;

  constructor(pod: Pod, { name, labels, serves }: SetPod) {
    const ports = [...serves].map(([port, kind]) => `${port}:${kind}`);
    this.#child = pod.start([...program('echo.ts'), name, JSON.stringify(labels), ...ports], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#ready = new Promise((resolve, reject) => {
      this.#child.once('exit', () => reject(new Error(`the application of ${name} ended`)));
      createInterface({ input: this.#child.stdout! }).on('line', (line) => {
        const told = JSON.parse(line) as Arrival & { readonly ready?: boolean };
        if (told.ready === true) resolve();
        else this.arrivals.push(told);
      });
    });
    // Its end later on is no news.
    this.#ready.catch(() => {});
  }

  ready(): Promise<void> {
    return this.#ready;
  }
}

/** Sends requests from a pod, a group at a time. */
export class Client {
  readonly #child: ChildProcess;
  #seen: Seen[] = [];
  #done: ((seen: Seen[]) => void) | null = null;

  constructor(pod: Pod) {
    this.#child = pod.start(program('client.ts'), { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#tell(JSON.parse(line) as Seen & { readonly done?: string }));
  }

  ask(group: Asked): Promise<Seen[]> {
    return new Promise((resolve) => {
      this.#done = resolve;
      this.#child.stdin!.write(`${JSON.stringify(group)}\n`);
    });
  }

  end(): Promise<void> {
    return end(this.#child);
  }

  #tell(told: Seen & { readonly done?: string }): void {
    if (told.done === undefined) {
      this.#seen.push(told);
      return;
    }
    this.#done?.(this.#seen);
    this.#seen = [];
  }
}
