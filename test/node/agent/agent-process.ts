/** The agent as its users run it: a process with a directory of manifests, in the cgroup of a network of pods. */
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AgentStatus } from '../../../src/agent/admin/status.ts';
import { cleanup } from '../../../src/datapath/datapath.ts';
import { freePorts } from '../../base/free-ports.ts';
import { end, outcomeOf, type Outcome, type Pod, type PodNetwork, until } from '../pod-network.ts';

/** As in .taprc: an agent from its sources has several threads. */
const UNTIERED = '--wasm-wrapper-tiering-budget=1000000000';
export const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));

export interface KubeObject {
  readonly kind: string;
  readonly [field: string]: unknown;
}

export class AgentProcess {
  readonly manifests: string;
  readonly instance: string;
  readonly #network: PodNetwork;
  readonly #directory: string;
  readonly #admin: number;
  readonly #metrics: number;
  readonly #flags: readonly string[];
  readonly #nodeFlags: readonly string[];
  /** A command that starts it, with its own words: `prlimit` and the like. */
  readonly #starter: readonly string[];
  /** Whose network it has; null: the machine's. */
  readonly #node: Pod | null;
  #child: ChildProcess | null = null;

  private constructor(
    network: PodNetwork,
    ports: readonly [number, number],
    flags: readonly string[],
    nodeFlags: readonly string[],
    starter: readonly string[],
    node: Pod | null,
  ) {
    this.#node = node;
    this.#network = network;
    this.instance = `nwt-${network.name}`;
    this.#directory = mkdtempSync(join(tmpdir(), `${this.instance}-`));
    this.manifests = join(this.#directory, 'manifests');
    mkdirSync(this.manifests);
    [this.#admin, this.#metrics] = ports;
    this.#flags = flags;
    this.#nodeFlags = nodeFlags;
    this.#starter = starter;
  }

  /** Not started yet. */
  static async create(
    network: PodNetwork,
    flags: readonly string[] = [],
    nodeFlags: readonly string[] = [],
    starter: readonly string[] = [],
    node: Pod | null = null,
  ): Promise<AgentProcess> {
    cleanup({ instance: `nwt-${network.name}` });
    return new AgentProcess(network, (await freePorts(2)) as [number, number], flags, nodeFlags, starter, node);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get adminUrl(): string {
    return `http://127.0.0.1:${this.#admin}/`;
  }

  /** Where the admin endpoint is served too. */
  get socket(): string {
    return join(this.#directory, 'admin.sock');
  }

  /** What it wrote, for when a test fails. */
  get log(): string {
    return readFileSync(join(this.#directory, 'log'), 'utf8');
  }

  /** Resolves when it is ready: configured, and the enrolled pods captured. */
  async start(): Promise<void> {
    const addresses = ['--admin-address', `127.0.0.1:${this.#admin}`, '--metrics-address', `127.0.0.1:${this.#metrics}`];
    const endpoints = [...addresses, '--admin-socket', this.socket];
    const place = ['--instance', this.instance, '--cgroup', this.#network.cgroup, '--gateway-address', '127.0.0.1', '--node-name', 'node'];
    const log = ['--log-file', join(this.#directory, 'log'), ...this.#heartbeat()];
    const command = [
      ...this.#starter,
      process.execPath,
      UNTIERED,
      ...this.#nodeFlags,
      MAIN,
      'agent',
      '--manifests',
      this.manifests,
      ...endpoints,
      ...place,
      ...log,
    ];
    this.#child = this.#network.start(this.#node, [...command, ...this.#flags], { stdio: ['ignore', 'inherit', 'inherit'] });
    const child = this.#child;
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`the agent ended with exit code ${child.exitCode}: ${this.log}`);
      return (await this.#get(this.#metrics, '/readyz')).status === 200;
    }, 'the agent is ready');
  }

  /** Long, unless the test is about it: on a busy machine a beat of the usual second may be late, and connections pass the agent. */
  #heartbeat(): string[] {
    return this.#flags.includes('--heartbeat-timeout') ? [] : ['--heartbeat-timeout', '60s'];
  }

  /** Puts a file into place as a whole, and waits until every worker serves it and what it enrols is captured. */
  async apply(file: string, ...objects: readonly KubeObject[]): Promise<void> {
    const text = objects.map((object) => JSON.stringify(object)).join('\n---\n');
    if (this.#child === null) return this.write(file, text);
    // The version goes up with each change that has an effect, and all tests change something. One that goes on would be taken for this.
    let before = 0;
    await until(async () => {
      const status = await this.status();
      before = status.snapshot;
      return settled(status);
    }, 'earlier changes are in effect');
    this.write(file, text);
    await until(async () => {
      const status = await this.status();
      return status.snapshot > before && settled(status);
    }, `the agent serves ${file}`);
  }

  /** Any text, good or bad. */
  write(file: string, text: string): void {
    const part = join(this.#directory, 'part');
    writeFileSync(part, text);
    renameSync(part, join(this.manifests, file));
  }

  remove(file: string): void {
    rmSync(join(this.manifests, file));
  }

  async status(): Promise<AgentStatus> {
    return JSON.parse((await this.#get(this.#admin, '/status')).body) as AgentStatus;
  }

  /** The sum of a metric's samples with these labels. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const { body } = await this.#get(this.#metrics, '/metrics');
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    const samples = body.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    return samples
      .filter((line) => wanted.every((pair) => line.includes(pair)))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** A command of the same installation, for this agent. */
  command(name: string, ...words: readonly string[]): Promise<Outcome> {
    return outcomeOf(this.#network.start(null, [process.execPath, MAIN, name, ...words]));
  }

  /** A command that asks this agent, at its socket. */
  ask(name: string, ...words: readonly string[]): Promise<Outcome> {
    return this.command(name, ...words, '--admin-socket', this.socket);
  }

  statusText(): Promise<Outcome> {
    return this.command('status', '--admin-address', `127.0.0.1:${this.#admin}`);
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(name);
  }

  /** By SIGTERM. Resolves with the exit code. */
  async stop(): Promise<number | null> {
    const child = this.#child as ChildProcess;
    await end(child, 'SIGTERM');
    this.#child = null;
    return child.exitCode;
  }

  async kill(): Promise<void> {
    if (this.#child !== null) await end(this.#child);
    this.#child = null;
  }

  /** Ends it and removes all that it left. */
  async close(): Promise<void> {
    await this.kill();
    cleanup({ instance: this.instance });
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #get(port: number, path: string): Promise<{ status: number; body: string }> {
    const url = `http://127.0.0.1:${port}${path}`;
    if (this.#node !== null) {
      const { stdout } = await this.#node.run(['curl', '-s', '-m', '60', '-w', '\n%{http_code}', url]);
      const end = stdout.lastIndexOf('\n');
      return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) || '{}' };
    }
    try {
      const response = await fetch(url, { headers: { connection: 'close' } });
      return { status: response.status, body: await response.text() };
    } catch {
      return { status: 0, body: '{}' };
    }
  }
}

/** The version tells what workers were given: they serve it once they say so. A pod that leaves is a change that is still to come. */
function settled({ snapshot, workers, pods }: AgentStatus): boolean {
  const atRest = pods.every(({ enrolled, phase }) => phase === (enrolled ? 'captured' : 'absent'));
  return atRest && workers.every(({ version }) => version === snapshot);
}

const NAMESPACE = 'shop';

export function podObject(pod: Pod, app: string, options: { readonly version?: string; readonly enrolled?: boolean } = {}): KubeObject {
  const { version = 'v1', enrolled = true } = options;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: pod.name,
      namespace: NAMESPACE,
      labels: { app, version },
      annotations: { 'nodeway.io/netns': pod.path, 'nodeway.io/enroll': String(enrolled) },
    },
    spec: { nodeName: 'node', containers: [{ name: app, image: 'example' }] },
    status: {
      phase: 'Running',
      podIP: pod.ipv4,
      podIPs: pod.addresses.map((ip) => ({ ip })),
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  };
}

export function serviceObject(name: string, clusterIP: string, ports: Readonly<Record<string, number>>): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: NAMESPACE },
    spec: {
      clusterIP,
      clusterIPs: [clusterIP],
      selector: { app: name },
      ports: Object.entries(ports).map(([portName, port]) => ({ name: portName, port, targetPort: port, protocol: 'TCP' })),
    },
  };
}

export function istioObject(kind: 'VirtualService' | 'DestinationRule', name: string, spec: unknown): KubeObject {
  return { apiVersion: 'networking.istio.io/v1', kind, metadata: { name, namespace: NAMESPACE }, spec };
}
