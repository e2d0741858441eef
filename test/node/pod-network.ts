/**
 * Pods for tests with the kernel: network namespaces `nwt-<network>-<pod>` on one bridge, cut off from the machine, whose processes
 * are in a cgroup of the network's own, so that programs attached there see nothing else of the machine.
 *
 *     pod nwt-N-a ── eth0 ──┐
 *     pod nwt-N-b ── eth0 ──┼── bridge, in nwt-N-switch
 *
 * Every address is on-link for every pod: a pod with an address of another network stands for the outside.
 */
import { type ChildProcess, type StdioOptions, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export const needsRoot = process.getuid?.() === 0 ? false : 'needs root';
/** Not the first in the PATH, which may be a version manager's slow wrapper. */
export const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';

const PREFIX = 'nwt-';
const SWITCH = 'switch';
const PATIENCE_MS = 60_000;

export interface StartOptions {
  readonly stdio?: StdioOptions;
  /** Path of the cgroup; by default the network's own. */
  readonly cgroup?: string;
  readonly cwd?: string;
}

export interface Outcome {
  /** Null: ended by a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class PodNetwork {
  readonly name: string;
  /** Path of the cgroup that its processes are in. */
  readonly cgroup: string;
  readonly #children = new Set<ChildProcess>();
  #pods = 0;

  private constructor(name: string) {
    this.name = name;
    this.cgroup = join(unifiedRoot(), `${PREFIX}${name}`);
  }

  /** What an earlier run of this network left goes first. */
  static async create(name: string): Promise<PodNetwork> {
    const network = new PodNetwork(name);
    await network.#sweep();
    mkdirSync(network.cgroup);
    const namespace = network.#namespace(SWITCH);
    ip('netns', 'add', namespace);
    // Without snooping, neighbour solicitations reach all ports at once.
    batch(namespace, ['link set lo up', 'link add bridge type bridge mcast_snooping 0', 'link set bridge up']);
    return network;
  }

  /** `addresses` come on top of one of each family in the pods' own networks. */
  addPod(name: string, addresses: readonly string[] = []): Pod {
    const number = ++this.#pods;
    const namespace = this.#namespace(name);
    const own = [`10.77.${number >> 8}.${number & 255}`, `fd77::${number.toString(16)}`] as const;
    ip('netns', 'add', namespace);
    batch(this.#namespace(SWITCH), [
      `link add port${number} type veth peer name eth0 netns ${namespace}`,
      `link set port${number} master bridge up`,
    ]);
    batch(namespace, [
      'link set lo up',
      // No link-local address: it would be tentative for a while, and then appear among the routes.
      'link set eth0 addrgenmode none up',
      `addr add ${own[0]}/16 dev eth0`,
      `addr add ${own[1]}/64 dev eth0 nodad`,
      ...addresses.map((address) => `addr add ${address} dev eth0 ${address.includes(':') ? 'nodad' : ''}`),
      'route add default dev eth0',
      'route add ::/0 dev eth0',
    ]);
    return new Pod(this, name, namespace, own[0], own[1]);
  }

  async removePod(pod: Pod): Promise<void> {
    for (const pid of processesIn(pod.namespace)) kill(pid);
    await until(() => processesIn(pod.namespace).length === 0, `the end of all processes in ${pod.name}`);
    ip('netns', 'del', pod.namespace);
  }

  /** A cgroup inside the network's own. */
  addCgroup(name: string): string {
    const path = join(this.cgroup, name);
    mkdirSync(path);
    return path;
  }

  /** A program in the network's cgroup; null: in this process's namespace. */
  start(pod: Pod | null, command: readonly string[], options: StartOptions = {}): ChildProcess {
    const inside = pod === null ? [] : ['nsenter', `--net=${pod.path}`];
    const entry = join(options.cgroup ?? this.cgroup, 'cgroup.procs');
    // The shell becomes the program, so the child's pid is the program's. It ends with this process, however that ends: tap waits until
    // nobody has the test's output any more.
    const child = spawn('/bin/sh', ['-c', 'echo $$ >"$0" && exec setpriv --pdeathsig KILL "$@"', entry, ...inside, ...command], {
      // Without what the test's own runner put into it for Node.
      env: { PATH: process.env['PATH'] },
      stdio: options.stdio ?? ['ignore', 'pipe', 'pipe'],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Ends everything inside by pid and removes it. */
  async close(): Promise<void> {
    await Promise.all([...this.#children].map((child) => end(child)));
    await this.#sweep();
  }

  async #sweep(): Promise<void> {
    const left = listNamespaces().filter((namespace) => namespace.startsWith(`${PREFIX}${this.name}-`));
    for (const pid of [...left.flatMap(processesIn), ...processesOf(this.cgroup)]) kill(pid);
    for (const namespace of left) ip('netns', 'del', namespace);
    await removeCgroup(this.cgroup);
  }

  #namespace(name: string): string {
    return `${PREFIX}${this.name}-${name}`;
  }
}

export class Pod {
  readonly name: string;
  readonly namespace: string;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly #network: PodNetwork;

  constructor(network: PodNetwork, name: string, namespace: string, ipv4: string, ipv6: string) {
    this.#network = network;
    this.name = name;
    this.namespace = namespace;
    this.ipv4 = ipv4;
    this.ipv6 = ipv6;
  }

  get path(): string {
    return `/run/netns/${this.namespace}`;
  }

  get addresses(): readonly string[] {
    return [this.ipv4, this.ipv6];
  }

  start(command: readonly string[], options: StartOptions = {}): ChildProcess {
    return this.#network.start(this, command, options);
  }

  /** Starts a program that tells by its first line that it serves. */
  async serve(command: readonly string[], options: StartOptions = {}): Promise<ChildProcess> {
    const child = this.start(command, { stdio: ['ignore', 'pipe', 'inherit'], ...options });
    const ended = once(child, 'exit').then(() => Promise.reject(new Error(`${command[0]} in ${this.name} ended instead of serving`)));
    ended.catch(() => {}); // its end later on is no news
    await Promise.race([once(child.stdout!, 'data'), ended]);
    return child;
  }

  async run(command: readonly string[], options: StartOptions = {}): Promise<Outcome> {
    return outcomeOf(this.start(command, options));
  }

  python(program: string, ...words: readonly string[]): Promise<Outcome> {
    return this.run([PYTHON, '-c', program, ...words]);
  }

  /** Runs until it has a listener at the port, on whatever address: for servers that do not tell. */
  async listens(port: number): Promise<void> {
    const listening = (): boolean => this.#ss(port) !== '';
    await until(listening, `a listener at port ${port} of ${this.name}`);
  }

  #ss(port: number): string {
    return execFileSync('nsenter', [`--net=${this.path}`, 'ss', '-Htln', `sport = :${port}`], { encoding: 'utf8' });
  }
}

export async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const read = async (stream: NodeJS.ReadableStream | null): Promise<string> => {
    let text = '';
    if (stream !== null) for await (const chunk of stream) text += String(chunk);
    return text;
  };
  const [stdout, stderr] = await Promise.all([read(child.stdout), read(child.stderr), ended(child)]);
  return { code: child.exitCode, stdout, stderr };
}

/** Waits until `condition` holds. @throws with `what` when it does not. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  patienceMs = PATIENCE_MS,
  betweenMs = 10,
): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never happened: ${what}`);
    await delay(betweenMs);
  }
}

/** Resolves when the process has ended, also before. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** Ends a process, by SIGKILL a stopped one too, and waits for it. */
export async function end(child: ChildProcess, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
  const gone = ended(child);
  child.kill(signal);
  await gone;
}

export function listNamespaces(): string[] {
  const names = ip('netns', 'list').split('\n');
  return names.map((line) => line.split(' ', 1)[0] as string).filter(Boolean);
}

export function ip(...words: readonly string[]): string {
  return execFileSync('ip', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function processesIn(namespace: string): number[] {
  return ip('netns', 'pids', namespace).split('\n').filter(Boolean).map(Number);
}

function batch(namespace: string, commands: readonly string[]): void {
  execFileSync('ip', ['-n', namespace, '-batch', '-'], { input: `${commands.join('\n')}\n`, stdio: ['pipe', 'ignore', 'pipe'] });
}

/** Where the v2 hierarchy is mounted: on a hybrid machine not at /sys/fs/cgroup itself. */
function unifiedRoot(): string {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  const found = mounts.map((line) => line.split(' ')).find((mount) => mount[2] === 'cgroup2');
  if (found?.[1] === undefined) throw new Error('no cgroup v2 hierarchy is mounted');
  return found[1];
}

function childrenOf(cgroup: string): string[] {
  const inside = (name: string): string => join(cgroup, name);
  return readdirSync(cgroup)
    .map(inside)
    .filter((path) => statSync(path).isDirectory());
}

function processesOf(cgroup: string): number[] {
  if (!existsSync(cgroup)) return [];
  const own = readFileSync(join(cgroup, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  return [...own, ...childrenOf(cgroup).flatMap(processesOf)];
}

/**
 * A process that was killed stays in its cgroup for a moment. It is not listed any more while it ends, and the cgroup cannot be removed
 * yet (EBUSY): only cgroup.events tells, for those below as well.
 */
async function removeCgroup(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const events = join(path, 'cgroup.events');
  await until(() => readFileSync(events, 'utf8').includes('populated 0'), `the end of all processes in ${path}`);
  const remove = (cgroup: string): void => {
    for (const child of childrenOf(cgroup)) remove(child);
    rmdirSync(cgroup);
  };
  remove(path);
}

function kill(pid: number): void {
  if (pid === process.pid) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already: what was wanted.
  }
}
