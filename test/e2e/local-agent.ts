/** An agent on this machine that reads an API server and captures nothing, in a process of its own. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { ownBuild } from '../../bench/build.ts';
import type { AgentStatus } from '../../src/agent/admin/status.ts';
import { freePorts } from '../base/free-ports.ts';
import { until } from './until.ts';
import { Daemon } from './daemon.ts';

export interface LocalAgentOptions {
  readonly nodeName: string;
  /** Absent: whatever runs it makes it a pod of the cluster. */
  readonly kubeconfig?: string;
  /** For its log. */
  readonly directory: string;
  /** Further ones. */
  readonly flags?: readonly string[];
  /** Beside PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** A program that becomes the one that its words name. */
  readonly through?: readonly string[];
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

  /** As users start it. Resolves when it is ready. */
  static async start(options: LocalAgentOptions): Promise<LocalAgent> {
    const { nodeName, kubeconfig, directory, flags = [], env = {}, through = [] } = options;
    const [node, admin] = (await freePorts(2)).map((port) => `127.0.0.1:${port}`) as [string, string];
    const access = kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig];
    const place = [...access, '--node-name', nodeName, '--no-capture', '--gateway-address', '127.0.0.1'];
    const words = [...place, '--workers', '1', '--metrics-address', node, '--admin-address', admin, '--log-level', 'warn', ...flags];
    const log = join(mkdtempSync(join(directory, 'log-')), 'agent.log');
    const command = [...through, ...ownBuild().command, 'agent', ...words];
    const agent = new LocalAgent(new Daemon('the agent', log, command, { env }), node, admin);
    agent.daemon.start();
    try {
      await agent.ready();
    } catch (error) {
      // A process that is left keeps this one from ending, and a test from telling why it failed.
      await agent.stop();
      throw error;
    }
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

  /** In the text format of Prometheus. */
  async metrics(): Promise<string> {
    return (await fetch(`http://${this.#node}/metrics`)).text();
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
