/**
 * A node: containerd, the kubelet and kube-proxy in a network namespace and a mount namespace. A reboot ends all of it at once and keeps
 * the disk.
 */
import { cpSync, existsSync, globSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../until.ts';
import { Daemon } from '../daemon.ts';
import { program } from '../programs.ts';
import { NodeCgroups } from './cgroups.ts';
import { attempt, command } from './command.ts';
import { kubeletConfig, networkConfig, type Pki, proxyConfig } from './node-config.ts';
import { BRIDGE, HOST_ADDRESS, type NodePlace, type ProxyMode } from './topology.ts';

const FILES = fileURLToPath(new URL('nodes', import.meta.url));
/** What `build-images` has made. */
const IMAGES = process.env['E2E_IMAGES'] ?? '';
const POLITE_MS = 2000;

export interface NodeOptions {
  readonly place: NodePlace;
  /** Where its disk and its logs are. */
  readonly directory: string;
  readonly pki: Pki;
  readonly proxyMode: ProxyMode;
  readonly peers: readonly NodePlace[];
}

export class ClusterNode {
  readonly place: NodePlace;
  readonly cgroups: NodeCgroups;
  readonly #options: NodeOptions;
  readonly #holder: Daemon;
  #daemons: readonly Daemon[] = [];

  constructor(options: NodeOptions) {
    this.#options = options;
    this.place = options.place;
    this.cgroups = new NodeCgroups(options.place.label);
    const inside = ['nsenter', `--net=/run/netns/${this.place.label}`, 'unshare', '--mount', '--propagation', 'private'];
    const holder = [...inside, join(FILES, 'mounts.sh'), this.#file('disk')];
    this.#holder = new Daemon(this.place.name, this.#file('node.log'), holder, { cgroup: this.cgroups.system });
  }

  /** Resolves when containerd serves; the kubelet then registers the node by itself. */
  async start(): Promise<void> {
    if (!existsSync(this.#file('disk'))) this.#format();
    this.#link();
    this.cgroups.make();
    this.#holder.start();
    await until(() => {
      this.#holder.assertRunning();
      return this.#succeeds('test', '-e', '/run/is-node');
    }, `the mounts of ${this.place.name}`);
    this.#configure();
    this.#daemons = this.#programs();
    const [containerd, ...others] = this.#daemons as [Daemon, ...Daemon[]];
    containerd.start();
    await until(() => {
      containerd.assertRunning();
      return this.#succeeds('ctr', 'version');
    }, `containerd of ${this.place.name}`);
    for (const daemon of others) daemon.start();
  }

  /** A program inside the node. */
  run(...words: readonly string[]): string {
    return command('nsenter', '--target', String(this.#holder.pid), '--net', '--mount', ...words);
  }

  assertRunning(): void {
    for (const daemon of this.#daemons) daemon.assertRunning();
  }

  /** Everything ends at once, without a word to anybody. */
  async fail(): Promise<void> {
    await this.cgroups.kill();
    for (const daemon of [...this.#daemons, this.#holder]) await daemon.stop(0);
    this.unlink();
  }

  async close(): Promise<void> {
    for (const daemon of this.#daemons.toReversed()) await daemon.stop(POLITE_MS);
    await this.fail();
    await this.cgroups.remove();
  }

  /** Its network, also what an earlier run left of it. */
  unlink(): void {
    attempt('ip', 'link', 'del', this.place.label);
    attempt('ip', 'netns', 'del', this.place.label);
  }

  #link(): void {
    const { label, address, podCidr } = this.place;
    const inside = ['ip', '-n', label] as const;
    command('ip', 'netns', 'add', label);
    command('ip', 'link', 'add', label, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', label);
    command('ip', 'link', 'set', label, 'master', BRIDGE, 'up');
    command(...inside, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    for (const device of ['lo', 'eth0']) command(...inside, 'link', 'set', device, 'up');
    // The look-up of a route comes before the translation of a Service's address, so there must be one.
    command(...inside, 'route', 'add', 'default', 'via', HOST_ADDRESS);
    for (const peer of this.#options.peers) command(...inside, 'route', 'add', peer.podCidr, 'via', peer.address);
    command('ip', 'route', 'replace', podCidr, 'via', address);
    command('nsenter', `--net=/run/netns/${label}`, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
  }

  /** The disk of a new node has the images. Nothing changes a layer or a blob, so links will do; what containerd changes is copied. */
  #format(): void {
    const store = this.#file('disk/containerd');
    mkdirSync(dirname(store), { recursive: true });
    command('cp', '--archive', '--link', IMAGES, store);
    for (const database of globSync('io.containerd.*/*.db', { cwd: store })) {
      rmSync(join(store, database));
      cpSync(join(IMAGES, database), join(store, database));
    }
  }

  #configure(): void {
    const { pki, proxyMode } = this.#options;
    writeFileSync(this.#file('resolv.conf'), `nameserver ${HOST_ADDRESS}\n`);
    this.#write('kubelet.json', kubeletConfig(this.place, pki, this.cgroups.root, this.#file('resolv.conf')));
    this.#write('proxy.json', proxyConfig(this.place, pki, proxyMode));
    mkdirSync(this.#file('disk/cni/net.d'), { recursive: true });
    this.#write('disk/cni/net.d/10-pods.conflist', networkConfig(this.place));
    const kubelet = this.#file('kubelet');
    if (!existsSync(kubelet)) symlinkSync(program('nwt-kube'), kubelet);
  }

  #programs(): Daemon[] {
    const { pki } = this.#options;
    const { name, address } = this.place;
    const { system, kubelet } = this.cgroups;
    const user = `--kubeconfig=${pki(`${name}.kubeconfig`)}`;
    const flags = [`--config=${this.#file('kubelet.json')}`, user, `--hostname-override=${name}`, `--node-ip=${address}`];
    return [
      this.#daemon('containerd', system, ['containerd', '--config', join(FILES, 'containerd.toml')]),
      // By its own name, which others know it by.
      this.#daemon('kubelet', kubelet, [this.#file('kubelet'), ...flags, '--cert-dir=/var/lib/kubelet/pki']),
      this.#daemon('proxy', system, [program('nwt-kube'), 'proxy', `--config=${this.#file('proxy.json')}`]),
    ];
  }

  #daemon(name: string, cgroup: string, words: readonly string[]): Daemon {
    const inside = ['nsenter', '--target', String(this.#holder.pid), '--net', '--mount'];
    return new Daemon(`${name} of ${this.place.name}`, this.#file(`${name}.log`), [...inside, ...words], { cgroup });
  }

  #succeeds(...words: readonly string[]): boolean {
    try {
      this.run(...words);
      return true;
    } catch {
      return false;
    }
  }

  #write(name: string, content: object): void {
    const path = this.#file(name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, JSON.stringify(content));
  }

  #file(name: string): string {
    return join(this.#options.directory, name);
  }
}
