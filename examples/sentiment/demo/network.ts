/**
 * The node's network: a bridge in a namespace of its own, so that nothing of the machine's firewall or forwarding matters.
 *
 *     machine ── nwd-node ─┐
 *     pod nwd-… ── eth0 ───┼── nwd-bridge (in nwd-switch, which also holds the cluster's DNS)
 *     pod nwd-… ── eth0 ───┘
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { output } from './command.ts';

const PREFIX = 'nwd-';
const SWITCH = `${PREFIX}switch`;
const BRIDGE = `${PREFIX}bridge`;
const NODE_LINK = `${PREFIX}node`;

/** Private networks to choose from: the first that the machine does not use itself. */
const CANDIDATES = ['10.213', '10.227', '172.29', '192.168'];

interface Station {
  /** Empty for the machine's own. */
  readonly netns: string;
  readonly device: string;
  readonly address: string;
}

export class PodNetwork {
  readonly nodeAddress: string;
  readonly dnsAddress: string;
  readonly switchNamespace = SWITCH;
  readonly #base: string;
  readonly #stations: Station[];
  #pods = 0;
  #services = 0;

  private constructor(base: string) {
    this.#base = base;
    this.nodeAddress = `${base}.0.1`;
    this.dnsAddress = `${base}.0.10`;
    this.#stations = [
      { netns: '', device: NODE_LINK, address: this.nodeAddress },
      { netns: SWITCH, device: BRIDGE, address: this.dnsAddress },
    ];
  }

  static async create(): Promise<PodNetwork> {
    const network = new PodNetwork(await freeNetwork());
    await ip(['netns', 'add', SWITCH]);
    await batch(SWITCH, ['link set lo up', `link add ${BRIDGE} type bridge`]);
    await batch('', [`link add ${NODE_LINK} type veth peer name node netns ${SWITCH}`]);
    await batch(SWITCH, [`link set node master ${BRIDGE} up`]);
    for (const station of network.#stations) await setUp(station);
    return network;
  }

  /** An address that stands for a service: outside of the pods' network, as in a cluster, so it means nothing until it is translated. */
  clusterIp(): string {
    return `${this.#base}.96.${++this.#services}`;
  }

  /** A namespace with an address, in Kubernetes' way of resolving names. */
  async addPod(name: string, kubernetesNamespace: string): Promise<{ netns: string; address: string }> {
    const netns = `${PREFIX}${name}`;
    const address = `${this.#base}.1.${++this.#pods}`;
    const port = `pod${this.#pods}`;
    await ip(['netns', 'add', netns]);
    await this.#resolver(netns, kubernetesNamespace);
    await batch(SWITCH, [`link add ${port} type veth peer name eth0 netns ${netns}`, `link set ${port} master ${BRIDGE} up`]);
    const station = { netns, device: 'eth0', address };
    await setUp(station);
    await batch(netns, ['link set lo up', `route add default via ${this.nodeAddress}`]);
    this.#stations.push(station);
    return { netns, address };
  }

  /**
   * Tells all where all are, for good. The kernel's table of neighbours is one for all namespaces of a machine, and holds 1024 that were learnt:
   * a machine that is busy with containers has times when no pod finds another.
   */
  async introduce(): Promise<void> {
    const everyone = this.#stations.map(({ address }) => `${address} lladdr ${linkAddress(address)}`);
    const entries = (device: string): string[] => everyone.map((entry) => `neigh replace ${entry} dev ${device} nud permanent`);
    await Promise.all(this.#stations.map(({ netns, device }) => batch(netns, entries(device))));
  }

  forget(netns: string): void {
    const index = this.#stations.findIndex((station) => station.netns === netns);
    if (index !== -1) this.#stations.splice(index, 1);
  }

  /** `ip netns exec` mounts these files over those in /etc, for curl as for every other program. */
  async #resolver(netns: string, namespace: string): Promise<void> {
    const search = `${namespace}.svc.cluster.local svc.cluster.local cluster.local`;
    await mkdir(`/etc/netns/${netns}`, { recursive: true });
    await writeFile(`/etc/netns/${netns}/resolv.conf`, `nameserver ${this.dnsAddress}\nsearch ${search}\noptions ndots:5\n`);
    await writeFile(`/etc/netns/${netns}/nsswitch.conf`, 'hosts: files dns\n');
  }
}

/** Whoever is still inside ends with it, as with a pod. */
export async function removeNamespace(netns: string): Promise<void> {
  for (const pid of await processesIn(netns)) kill(pid);
  await ip(['netns', 'del', netns]);
  await rm(`/etc/netns/${netns}`, { recursive: true, force: true });
}

export async function demoNamespaces(): Promise<string[]> {
  const listed = await ip(['netns', 'list']);
  return listed
    .split('\n')
    .map((line) => line.split(' ', 1)[0] ?? '')
    .filter((name) => name.startsWith(PREFIX));
}

/** Connections that are open between pods, and to them. */
export async function connectionsIn(netns: string): Promise<number> {
  const listed = await ip(['netns', 'exec', netns, 'ss', '-tnH', 'state', 'established']);
  return listed.split('\n').filter(Boolean).length;
}

async function processesIn(netns: string): Promise<number[]> {
  return (await ip(['netns', 'pids', netns])).split('\n').filter(Boolean).map(Number);
}

/** The interface goes with its peer's namespace, some time after that; this is for one that was left without. */
export async function removeNodeLink(): Promise<void> {
  if (!(await hasNodeLink())) return;
  try {
    await ip(['link', 'del', NODE_LINK]);
  } catch (error) {
    if (await hasNodeLink()) throw error; // else it has gone by itself
  }
}

async function hasNodeLink(): Promise<boolean> {
  const links = JSON.parse(await ip(['-j', 'link', 'show'])) as { ifname: string }[];
  return links.some((link) => link.ifname === NODE_LINK);
}

async function freeNetwork(): Promise<string> {
  const routes = JSON.parse(await ip(['-j', '-4', 'route', 'show', 'table', 'all'])) as { dst: string }[];
  const free = CANDIDATES.find((base) => !routes.some(({ dst }) => dst.startsWith(`${base}.`)));
  if (free === undefined) throw new Error(`the machine uses all of ${CANDIDATES.map((base) => `${base}.0.0/16`).join(', ')} itself`);
  return free;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already: what was wanted.
  }
}

function ip(args: readonly string[]): Promise<string> {
  return output(['ip', ...args]);
}

async function setUp({ netns, device, address }: Station): Promise<void> {
  await batch(netns, [
    `link set ${device} address ${linkAddress(address)}`,
    `addr add ${address}/20 dev ${device}`,
    `link set ${device} up`,
  ]);
}

/** Locally administered, and made of the address, so that nobody has to ask. */
function linkAddress(address: string): string {
  return `02:00:${address
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join(':')}`;
}

async function batch(netns: string, commands: readonly string[]): Promise<void> {
  await output(['ip', ...(netns === '' ? [] : ['-n', netns]), '-batch', '-'], `${commands.join('\n')}\n`);
}
