/** A stand-in for the agent, as a process that a test starts, commands, stops and kills. */
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { cleanup } from '../../../src/datapath/datapath.ts';
import type { Address } from '../../../src/l7/transport.ts';
import { type Pod, type PodNetwork, end } from '../pod-network.ts';

export interface OpenOptions {
  readonly instance: string;
  readonly cgroup: string;
  readonly heartbeatMs: number;
  /** Where connections to these addresses are relayed to, as a service's are. */
  readonly routes: Readonly<Record<string, string>>;
  /** Listening sockets at each address, as of several workers. */
  readonly sockets: number;
}

export interface PodToEnroll {
  readonly name: string;
  readonly path: string;
  readonly addresses: readonly string[];
  readonly failClosed: boolean;
}

export type Command =
  | { readonly type: 'open'; readonly options: OpenOptions }
  | { readonly type: 'enroll'; readonly pod: PodToEnroll }
  | { readonly type: 'withdraw'; readonly name: string }
  | { readonly type: 'forget'; readonly cookie: string }
  | { readonly type: 'probers'; readonly cgroups: readonly string[] }
  | { readonly type: 'counters' | 'enrolled' | 'accepted' };

export interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

/** A connection that was captured. */
export interface Accepted {
  readonly pod: string;
  readonly kind: 'outbound' | 'inbound';
  /** Which one of the sockets at that address accepted it. */
  readonly socket: number;
  readonly peer: Address;
  /** Null: not known. */
  readonly origin: Address | null;
}

const PROCESS = fileURLToPath(new URL('stand-in-process.ts', import.meta.url));

/** One that ends with the test, as does what it pinned. */
export async function startStandIn(t: Pick<Test, 'teardown'>, network: PodNetwork, options: Partial<OpenOptions> = {}): Promise<StandIn> {
  const agent = await StandIn.start(network, options);
  t.teardown(async () => {
    await agent.kill();
    removePrograms(network);
  });
  return agent;
}

export class StandIn {
  readonly child: ChildProcess;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #commands = 0;

  private constructor(child: ChildProcess) {
    this.child = child;
    child.on('message', (reply: Reply) => this.#waiting.get(reply.id)?.(reply));
    child.once('exit', () => {
      for (const [id, settle] of this.#waiting) settle({ id, error: { code: 'ENDED', message: 'the stand-in ended' } });
    });
  }

  /** @throws what opening the datapath throws, with its code. @param node whose network it has; by default the machine's. */
  static async start(network: PodNetwork, options: Partial<OpenOptions> = {}, node: Pod | null = null): Promise<StandIn> {
    const command = [process.execPath, PROCESS];
    const standIn = new StandIn(network.start(node, command, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
    const instance = `nwt-${network.name}`;
    // Long: a busy machine's late beat would let connections pass.
    const defaults: OpenOptions = { instance, cgroup: network.cgroup, heartbeatMs: 60_000, routes: {}, sockets: 1 };
    await standIn.#ask({ type: 'open', options: { ...defaults, ...options } });
    return standIn;
  }

  async enroll(pod: Pod, options: Partial<Pick<PodToEnroll, 'failClosed' | 'addresses'>> = {}): Promise<void> {
    const { name, path, addresses } = pod;
    await this.#ask({ type: 'enroll', pod: { name, path, addresses, failClosed: false, ...options } });
  }

  async withdraw(pod: Pod): Promise<void> {
    await this.#ask({ type: 'withdraw', name: pod.name });
  }

  /** Withdraws a pod that the stand-in before this one had enrolled. */
  async forget(cookie: string): Promise<void> {
    await this.#ask({ type: 'forget', cookie });
  }

  async setProbers(...cgroups: readonly string[]): Promise<void> {
    await this.#ask({ type: 'probers', cgroups });
  }

  /** What was captured since the last call. */
  async accepted(): Promise<Accepted[]> {
    return (await this.#ask({ type: 'accepted' })) as Accepted[];
  }

  async counters(): Promise<Record<string, number>> {
    return (await this.#ask({ type: 'counters' })) as Record<string, number>;
  }

  async enrolled(): Promise<string[]> {
    return (await this.#ask({ type: 'enrolled' })) as string[];
  }

  async kill(): Promise<void> {
    await end(this.child);
  }

  #ask(command: Command): Promise<unknown> {
    const id = ++this.#commands;
    return new Promise((resolve, reject) => {
      const settle = (reply: Reply): void => {
        this.#waiting.delete(id);
        if (reply.error === undefined) resolve(reply.value);
        else reject(Object.assign(new Error(reply.error.message), { code: reply.error.code }));
      };
      this.#waiting.set(id, settle);
      this.child.send({ id, command });
    });
  }
}

/** Removes what stand-ins of this network left in the kernel. */
export function removePrograms(network: PodNetwork): void {
  cleanup({ instance: `nwt-${network.name}` });
}
