/**
 * Client pods and one pod of all backends as network namespaces on a bridge, cut off from the machine.
 *
 *     nwb-team-00 … nwb-team-19 ── eth0 ──┐
 *     nwb-backends (198.18.0.0/15) ─ eth0 ─┴── bridge, in nwb-switch
 *
 * The addresses of Services are routed nowhere: a connection that is not captured fails, and is not taken for an answer of the agent.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BACKEND_NETWORK, type ClientPod, TEAMS, teamName } from './world.ts';

const PREFIX = 'nwb-';
const SWITCH = `${PREFIX}switch`;
const BACKENDS = `${PREFIX}backends`;
const BACKENDS_ADDRESS = '10.78.1.1';
const END_LIMIT_MS = 10_000;

export class BenchNetwork {
  readonly backends = `/run/netns/${BACKENDS}`;
  readonly clients: readonly ClientPod[];
  /** What is captured: programs in this cgroup, and nothing else of the machine. */
  readonly cgroup: string;

  private constructor(cgroup: string) {
    this.cgroup = cgroup;
    this.clients = Array.from({ length: TEAMS }, (_, team) => ({ netns: `${PREFIX}${teamName(team)}`, address: `10.78.0.${team + 1}` }));
  }

  static async create(): Promise<BenchNetwork> {
    const network = new BenchNetwork(join(unifiedRoot(), `${PREFIX}config`));
    await network.remove();
    mkdirSync(network.cgroup);
    ip('netns', 'add', SWITCH);
    batch(SWITCH, ['link set lo up', 'link add bridge type bridge mcast_snooping 0', 'link set bridge up']);
    network.#add(BACKENDS, 0, BACKENDS_ADDRESS);
    batch(BACKENDS, [`route add local ${BACKEND_NETWORK} dev lo`]);
    network.clients.forEach(({ netns, address }, index) => {
      network.#add(netns, index + 1, address);
      batch(netns, [`route add ${BACKEND_NETWORK} via ${BACKENDS_ADDRESS}`]);
    });
    return network;
  }

  /** Ends everything inside by pid; also what an earlier run left. */
  async remove(): Promise<void> {
    const left = namespaces().filter((name) => name.startsWith(PREFIX));
    for (const pid of [...left.flatMap(processesIn), ...this.#processes()]) kill(pid);
    for (const name of left) ip('netns', 'del', name);
    if (!existsSync(this.cgroup)) return;
    // A process that was killed stays in its cgroup for a moment.
    for (const end = performance.now() + END_LIMIT_MS; this.#processes().length > 0 && performance.now() < end;) await sleep(20);
    rmdirSync(this.cgroup);
  }

  #add(namespace: string, number: number, address: string): void {
    ip('netns', 'add', namespace);
    batch(SWITCH, [`link add port${number} type veth peer name eth0 netns ${namespace}`, `link set port${number} master bridge up`]);
    batch(namespace, ['link set lo up', 'link set eth0 addrgenmode none up', `addr add ${address}/16 dev eth0`]);
  }

  #processes(): number[] {
    if (!existsSync(this.cgroup)) return [];
    return readFileSync(join(this.cgroup, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  }
}

function namespaces(): string[] {
  return ip('netns', 'list')
    .split('\n')
    .map((line) => line.split(' ', 1)[0] ?? '')
    .filter(Boolean);
}

function processesIn(namespace: string): number[] {
  return ip('netns', 'pids', namespace).split('\n').filter(Boolean).map(Number);
}

function kill(pid: number): void {
  if (pid === process.pid) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already: what was wanted.
  }
}

/** Where the v2 hierarchy is mounted: on a hybrid machine not at /sys/fs/cgroup itself. */
function unifiedRoot(): string {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  const found = mounts.map((line) => line.split(' ')).find((mount) => mount[2] === 'cgroup2');
  if (found?.[1] === undefined) throw new Error('no cgroup v2 hierarchy is mounted');
  return found[1];
}

function ip(...words: readonly string[]): string {
  return execFileSync('ip', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function batch(namespace: string, commands: readonly string[]): void {
  execFileSync('ip', ['-n', namespace, '-batch', '-'], { input: `${commands.join('\n')}\n`, stdio: ['pipe', 'ignore', 'pipe'] });
}
