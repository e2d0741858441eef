/** The agent under test: a process in a network namespace of its own, which stands for the node, with the addresses of all gateways. */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanup } from '../../src/datapath/datapath.ts';
import { end, type Pod, type PodNetwork, until } from '../node/pod-network.ts';
import type { Doc, SetPod } from './cluster.ts';
import { Client } from './processes.ts';

const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));
const READY_PORT = 15020;

export class Agent {
  readonly #network: PodNetwork;
  readonly #node: Pod;
  readonly #directory: string;
  readonly #instance: string;
  #child: ChildProcess | null = null;

  constructor(network: PodNetwork, node: Pod) {
    this.#network = network;
    this.#node = node;
    this.#instance = `nwt-${network.name}`;
    this.#directory = mkdtempSync(join(tmpdir(), `${this.#instance}-`));
    mkdirSync(join(this.#directory, 'manifests'));
    cleanup({ instance: this.#instance });
  }

  get log(): string {
    return readFileSync(join(this.#directory, 'log'), 'utf8');
  }

  /** Resolves when it serves all of it. */
  async start(docs: readonly Doc[], gateways: readonly SetPod[]): Promise<void> {
    for (const [index, doc] of docs.entries()) {
      writeFileSync(join(this.#directory, 'manifests', `${String(index).padStart(4, '0')}.json`), JSON.stringify(doc));
    }
    const labels = [
      ...new Set(
        gateways.map(({ labels: all }) =>
          Object.entries(all)
            .map(([key, value]) => `${key}=${value}`)
            .join(),
        ),
      ),
    ];
    const place = ['--instance', this.#instance, '--cgroup', this.#network.cgroup, '--node-name', 'node1', '--heartbeat-timeout', '60s'];
    const files = ['--manifests', join(this.#directory, 'manifests'), '--log-file', join(this.#directory, 'log')];
    const command = [process.execPath, '--disable-warning=ExperimentalWarning', MAIN, 'agent', ...files, ...place, '--workers', '1'];
    const flags = labels.flatMap((one) => ['--gateway-labels', one]);
    const child = this.#network.start(this.#node, [...command, ...flags], { stdio: ['ignore', 'inherit', 'inherit'] });
    this.#child = child;
    const asking = new Client(this.#node);
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`the agent ended with exit code ${child.exitCode}: ${this.log}`);
      const [seen] = await asking.ask({ name: 'ready', ip: '127.0.0.1', dialled: READY_PORT, path: '/readyz' });
      return seen?.status === 200;
    }, 'the agent is ready');
    await asking.end();
  }

  async close(): Promise<void> {
    if (this.#child !== null) await end(this.#child);
    cleanup({ instance: this.#instance });
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
