/** An agent on this machine that reads an API server and captures nothing, in a process of its own. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentStatus } from '../../src/agent/admin/status.ts';
import { freePorts } from '../base/free-ports.ts';
import { until } from './until.ts';
import { Daemon } from './daemon.ts';

export interface LocalAgentOptions {
  readonly nodeName: string;
  readonly kubeconfig: string;
  /** For its log. */
  readonly directory: string;
  /** Further ones. */
  readonly flags?: readonly string[];
  /** Beside PATH. */
  readonly env?: Readonly<Record<string, string>>;
}

export class LocalAgent {
  readonly daemon: Daemon;
  readonly #node: string;
  readonly #admin: string;

  private constructor(daemon: Daemon, node: string, admin: string) {
    this.daemon = daemon;
    this.#node = node;
    this.#admin = admin;
  }

  /** Resolves when it is ready. */
  static async start({ nodeName, kubeconfig, directory, flags = [], env = {} }: LocalAgentOptions): Promise<LocalAgent> {
    const [node, admin] = (await freePorts(2)).map((port) => `127.0.0.1:${port}`) as [string, string];
    const place = ['--kubeconfig', kubeconfig, '--node-name', nodeName, '--no-capture', '--gateway-address', '127.0.0.1'];
    const words = [...place, '--workers', '1', '--metrics-address', node, '--admin-address', admin, '--log-level', 'warn', ...flags];
    const log = join(mkdtempSync(join(directory, 'log-')), 'agent.log');
    const agent = new LocalAgent(
      new Daemon('the agent', log, [process.execPath, 'dist/src/main.js', 'agent', ...words], { env }),
      node,
      admin,
    );
    agent.daemon.start();
    await agent.ready();
    return agent;
  }

  async ready(): Promise<void> {
    await this.until('the agent is ready', async () => {
      this.daemon.assertRunning();
      const answer = await fetch(`http://${this.#node}/readyz`).catch(() => null);
      await answer?.text();
      return answer?.status === 200;
    });
  }

  async status(): Promise<AgentStatus> {
    return (await this.#ask('/status')) as AgentStatus;
  }

  /** Its configuration, without the number that counts its versions. */
  async snapshot(): Promise<SnapshotContent> {
    const { version: _, ...content } = (await this.#ask('/snapshot')) as SnapshotContent & { readonly version: number };
    return content;
  }

  /** Addresses and ports of a cluster's endpoints; none where there is no such cluster. */
  async endpoints(cluster: string): Promise<string[]> {
    const { endpoints } = await this.snapshot();
    return (endpoints[cluster] ?? []).map(({ address, port }) => `${address}:${port}`);
  }

  async until(what: string, condition: () => Promise<boolean>): Promise<void> {
    await until(condition, what).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.daemon.quote()}`, { cause: error });
    });
  }

  stop(): Promise<void> {
    return this.daemon.stop();
  }

  async #ask(path: string): Promise<unknown> {
    return (await fetch(`http://${this.#admin}${path}`)).json();
  }
}

export interface SnapshotContent {
  readonly endpoints: Readonly<Record<string, readonly { readonly address: string; readonly port: number }[]>>;
  readonly [part: string]: unknown;
}
