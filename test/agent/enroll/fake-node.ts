/** A node in memory: namespaces, processes, sockets by descriptor, what the kernel was told, and workers that confirm. */
import { pino } from 'pino';
import { ListenerIds } from '../../../src/agent/enroll/listener-group.ts';
import type { Capture, CapturedPod, ListenerHost, NodeSockets } from '../../../src/agent/enroll/node-ports.ts';
import { PodHomes, type PodProcesses } from '../../../src/agent/enroll/pod-homes.ts';
import { type NamespaceFiles, type NamespaceIdentity, OWN_NAMESPACE } from '../../../src/agent/enroll/pod-namespace.ts';
import { Reconciler } from '../../../src/agent/enroll/reconciler.ts';
import type { ListenerConfig } from '../../../src/l7/engine-port.ts';
import type { ManualClock } from '../../base/manual-clock.ts';

/** The inode is free for another once nothing refers to the namespace; the cookie is not. */
export interface Namespace {
  readonly inode: number;
  readonly cookie: string;
}

type Descriptor = { readonly namespace: Namespace } | { readonly socket: string };

export class FakeNode implements NodeSockets, Capture, ListenerHost, NamespaceFiles, PodProcesses {
  readonly size = 2;
  readonly own: Namespace = { inode: 0, cookie: '0' };
  /** Names of namespaces, as `ip netns add` makes them. */
  readonly paths = new Map<string, Namespace>();
  readonly running = new Map<number, { readonly uid: string; readonly namespace: Namespace }>();
  /** Processes by the directory of their cgroup. */
  readonly cgroups = new Map<string, readonly number[]>();
  readonly open = new Map<number, Descriptor>();
  readonly listeners = new Map<number, readonly ListenerConfig[]>();
  readonly told = new Map<string, CapturedPod>();
  readonly journal: string[] = [];
  /** Whether workers confirm at once. */
  prompt = true;
  /** /proc cannot be read. */
  blind = false;
  refuseEnroll = '';
  refuseWithdraw = '';
  refusePort = new Map<string, string>();
  /** Called between the look at a namespace and its opening. */
  beforeOpen = (): void => {};
  /** Namespaces that something refers to which is not seen here: the sandbox of a pod outlives its processes. */
  kept = (): readonly Namespace[] => [];
  #fd = 100;
  #cookies = 0;

  newNamespace(): Namespace {
    const used = new Set([...this.#inUse()].map(({ inode }) => inode));
    let inode = 1;
    while (used.has(inode)) inode++;
    return { inode, cookie: String(++this.#cookies) };
  }

  /** The process of an agent ends, without a word: the kernel closes its descriptors and keeps what it was told. */
  crash(): void {
    this.open.clear();
    this.listeners.clear();
  }

  at(path: string): NamespaceIdentity | null {
    const namespace = this.#namespaceAt(path);
    return namespace === undefined ? null : { device: 4, inode: namespace.inode };
  }
  behind(fd: number): NamespaceIdentity {
    return { device: 4, inode: this.#held(fd).inode };
  }
  find(uids: ReadonlySet<string>): Map<string, number[]> {
    const pids = (uid: string): number[] => [...this.running].filter(([pid]) => this.belongs(pid, uid)).map(([pid]) => pid);
    return new Map([...uids].map((uid) => [uid, pids(uid)]));
  }
  inCgroup(directory: string): readonly number[] {
    return this.cgroups.get(directory) ?? [];
  }
  belongs(pid: number, uid: string): boolean {
    return !this.blind && this.running.get(pid)?.uid === uid;
  }

  openNamespace(path: string): number {
    this.beforeOpen();
    const namespace = this.#namespaceAt(path);
    if (namespace === undefined) throw Object.assign(new Error(`ENOENT ${path}`), { code: 'ENOENT' });
    return this.#take({ namespace });
  }
  namespaceCookie(netns: number): string {
    return this.#held(netns).cookie;
  }
  listenIn({ address, port }: { address: string; port: number }): number {
    const code = this.refusePort.get(`${address} ${port}`);
    if (code !== undefined) throw Object.assign(new Error(`${code} ${address} ${port}`), { code });
    return this.#take({ socket: `${address} ${port}` });
  }
  closeFd(fd: number): void {
    if (!this.open.delete(fd)) throw new Error(`closed twice: ${fd}`);
  }

  enroll(pod: CapturedPod): void {
    if (this.refuseEnroll !== '') throw new Error(this.refuseEnroll);
    this.journal.push(`enroll ${pod.cookie}`);
    this.told.set(pod.cookie, pod);
  }
  withdraw(cookie: string): void {
    if (this.refuseWithdraw !== '') throw new Error(this.refuseWithdraw);
    this.journal.push(`withdraw ${cookie}`);
    this.told.delete(cookie);
  }
  enrolled(): CapturedPod[] {
    return [...this.told.values()];
  }

  listen(id: number, configs: readonly ListenerConfig[]): void {
    this.journal.push(`listen ${configs[0]?.kind}`);
    this.listeners.set(id, configs);
  }
  async unlisten(id: number): Promise<void> {
    this.journal.push('unlisten');
    this.listeners.delete(id);
  }
  listening(id: number): boolean {
    return this.prompt && this.listeners.has(id);
  }

  sockets(): string[] {
    return [...this.open.values()].flatMap((found) => ('socket' in found ? [found.socket] : []));
  }
  namespaces(): number[] {
    return [...this.open].filter(([, found]) => 'namespace' in found).map(([fd]) => fd);
  }

  #namespaceAt(path: string): Namespace | undefined {
    if (path === OWN_NAMESPACE) return this.own;
    const pid = /^\/proc\/(\d+)\/ns\/net$/.exec(path)?.[1];
    return pid === undefined ? this.paths.get(path) : this.running.get(Number(pid))?.namespace;
  }
  #held(fd: number): Namespace {
    const found = this.open.get(fd);
    if (found === undefined || !('namespace' in found)) throw new Error(`no namespace is behind ${fd}`);
    return found.namespace;
  }
  *#inUse(): Iterable<Namespace> {
    yield this.own;
    yield* this.paths.values();
    yield* this.kept();
    for (const { namespace } of this.running.values()) yield namespace;
    for (const found of this.open.values()) if ('namespace' in found) yield found.namespace;
  }
  #take(what: Descriptor): number {
    this.open.set(++this.#fd, what);
    return this.#fd;
  }
}

/** @param warnings gets what is logged. */
export function reconcilerOn(node: FakeNode, clock: ManualClock, warnings: string[] = []): Reconciler {
  return new Reconciler({
    sockets: node,
    files: node,
    homes: new PodHomes(node, node),
    capture: node,
    workers: node,
    ids: new ListenerIds(),
    mark: 1,
    clock,
    log: pino({ level: 'warn' }, { write: (line) => void warnings.push(line) }),
    onChange: () => {},
  });
}

/** Promises that are resolved already are followed up. */
export function settle(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}
