/**
 * Brings the pods that should be captured and those that are into agreement, again and again, from what is there and not from what
 * was announced. One pod's failure is that pod's alone.
 *
 *     absent --open namespace, listeners--> listening --all workers accept, kernel told--> captured
 *        ^                                                                                    |
 *        |                                            kernel told, then ARRIVAL_MS              |
 *        +------------- close when no worker accepts any more <------- leaving <--------------+
 *
 * Invariants (test/agent/enroll/reconciler.test.ts):
 *  1. the kernel sends a pod's connections here only while all workers accept them;
 *  2. what the kernel had sent here before it was told otherwise is still accepted;
 *  3. a namespace that went away, or was replaced at its path, is let go, so that it can end;
 *  4. of what an agent that crashed left captured, only pods that are still wanted stay so.
 */
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Log } from '../log.ts';
import type { ListenerIds } from './listener-group.ts';
import type { Capture, ListenerHost, NodeSockets } from './node-ports.ts';
import { ParkedNamespaces } from './parked-namespaces.ts';
import { PodListeners } from './pod-listeners.ts';
import { type NamespaceIdentity, identifyNamespace, sameNamespace } from './pod-namespace.ts';

/** A pod that should be captured. */
export interface WantedPod {
  /** `namespace/name`. */
  readonly key: string;
  readonly uid: string;
  /** Path of its network namespace where the manifests name one. */
  readonly netns: string | null;
  readonly addresses: readonly string[];
  readonly failClosed: boolean;
}

export type PodPhase = 'absent' | 'listening' | 'captured' | 'leaving';

export interface PodReport {
  readonly key: string;
  readonly phase: PodPhase;
  readonly cookie: string;
  /** Why it is not captured, where it should be. */
  readonly error: string;
}

/** Between the rewriting of an address by connect(2) and the arrival in the listener's queue lies a handshake over loopback. */
export const ARRIVAL_MS = 250;
const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 10_000;
/** How soon a namespace that was deleted is noticed. */
const LOOK_MS = 1000;

export interface ReconcilerOptions {
  readonly sockets: NodeSockets;
  readonly capture: Capture;
  readonly workers: ListenerHost;
  readonly ids: ListenerIds;
  readonly mark: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Path of a namespace of each of these pods that has a running process, by UID. */
  readonly findNamespaces: (uids: ReadonlySet<string>) => ReadonlyMap<string, string>;
  readonly onChange: () => void;
}

interface Held {
  readonly uid: string;
  /** The same namespace may be found through another process later. */
  namespace: NamespaceIdentity;
  readonly netns: number;
  readonly cookie: string;
  readonly listeners: PodListeners;
  /** Resolves when it has been let go; null: not begun. */
  gone: Promise<void> | null;
}

interface Pod {
  readonly key: string;
  wanted: WantedPod | null;
  phase: PodPhase;
  held: Held | null;
  /** What the kernel was last told of it. */
  told: WantedPod | null;
  error: string;
  failures: number;
  retryAt: number;
}

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #pods = new Map<string, Pod>();
  readonly #parked: ParkedNamespaces;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;
  #inherited: readonly string[];

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#parked = new ParkedNamespaces((fd) => options.sockets.closeFd(fd));
    this.#inherited = options.capture.enrolled();
  }

  start(): void {
    this.#timer = setInterval(() => this.reconcile(), LOOK_MS);
  }

  want(pods: readonly WantedPod[]): void {
    const wanted = new Map(pods.map((pod) => [pod.key, pod]));
    for (const pod of this.#pods.values()) pod.wanted = wanted.get(pod.key) ?? null;
    for (const [key, pod] of wanted) {
      if (!this.#pods.has(key)) this.#pods.set(key, absent(key, pod));
    }
    this.reconcile();
    this.#disown();
  }

  /** Once, when the first configuration is there: every pod that is wanted and can be found has its cookie by then. */
  #disown(): void {
    if (this.#stopped) return;
    const held = new Set([...this.#pods.values()].map((pod) => pod.held?.cookie));
    const abandoned = this.#inherited.filter((cookie) => !held.has(cookie));
    this.#inherited = [];
    for (const cookie of abandoned) {
      this.#options.log.info({ cookie }, 'a pod that an earlier agent left captured is released');
      this.#tellWithdrawn(cookie);
    }
  }

  /** Takes every pod one step on. Called after a change, when the workers have confirmed something, and regularly. */
  reconcile(): void {
    if (this.#stopped) return;
    const now = this.#options.clock.monotonic();
    const homes = this.#homes(now);
    for (const pod of this.#pods.values()) this.#step(pod, homes.get(pod.key) ?? null, now);
    this.#parked.sweep(now);
  }

  report(): PodReport[] {
    return [...this.#pods.values()].map(({ key, phase, held, error }) => ({ key, phase, cookie: held?.cookie ?? '', error }));
  }

  /** Pods whose connections may still arrive here. */
  served(): ReadonlySet<string> {
    return new Set([...this.#pods.values()].filter((pod) => pod.held !== null).map((pod) => pod.key));
  }

  /** Whether every pod is captured, or known to be impossible for now. */
  get settled(): boolean {
    return [...this.#pods.values()].every((pod) => pod.phase === 'captured' || pod.phase === 'leaving' || pod.error !== '');
  }

  /** Tells the kernel to send new connections past the agent; the listeners stay for those that are on their way. */
  release(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    for (const pod of this.#pods.values()) {
      if (pod.phase === 'captured' && pod.held !== null && pod.told?.failClosed !== true) this.#withdraw(pod, pod.held);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pods.values()].map((pod) => this.#letGo(pod)));
    this.#parked.closeAll();
  }

  /** Namespaces of the pods, looked up once for all: by path where one is given, else by the pod's processes. */
  #homes(now: number): Map<string, NamespaceIdentity | null> {
    const homes = new Map<string, NamespaceIdentity | null>();
    const byUid = new Set<string>();
    for (const { key, wanted, held, retryAt } of this.#pods.values()) {
      if (wanted === null) continue;
      const path = wanted.netns ?? held?.namespace.path ?? null;
      const home = path === null ? null : identifyNamespace(path);
      homes.set(key, home);
      if (home === null && wanted.netns === null && wanted.uid !== '' && now >= retryAt) byUid.add(wanted.uid);
    }
    if (byUid.size === 0) return homes;
    const found = this.#options.findNamespaces(byUid);
    for (const { key, wanted } of this.#pods.values()) {
      const path = wanted === null || !byUid.has(wanted.uid) ? undefined : found.get(wanted.uid);
      if (path !== undefined) homes.set(key, identifyNamespace(path));
    }
    return homes;
  }

  #step(pod: Pod, home: NamespaceIdentity | null, now: number): void {
    const { held, wanted } = pod;
    if (pod.phase === 'leaving') return;
    if (held !== null && (wanted?.uid !== held.uid || !sameNamespace(held.namespace, home))) return this.#leave(pod, held);
    if (held !== null && home !== null) held.namespace = home;
    if (wanted === null) {
      this.#pods.delete(pod.key);
      return;
    }
    try {
      if (now < pod.retryAt) return;
      if (held === null) this.#open(pod, wanted, home);
      if (pod.held !== null) this.#capture(pod, pod.held, wanted);
    } catch (error) {
      this.#fail(pod, messageOf(error), now);
    }
  }

  #open(pod: Pod, wanted: WantedPod, home: NamespaceIdentity | null): void {
    const { sockets, ids, workers, mark } = this.#options;
    if (home === null) throw new Error(missing(wanted));
    const netns = this.#parked.take(home) ?? sockets.openNamespace(home.path);
    try {
      const cookie = sockets.namespaceCookie(netns);
      this.#refuseShared(pod, cookie, home);
      const listeners = PodListeners.open({ workload: pod.key, netns, cookie, mark }, ids, sockets, workers);
      pod.held = { uid: wanted.uid, namespace: home, netns, cookie, listeners, gone: null };
    } catch (error) {
      sockets.closeFd(netns);
      throw error;
    }
    pod.phase = 'listening';
  }

  /** Two pods in one namespace (or the node's own, of hostNetwork pods) cannot be told apart by the kernel. */
  #refuseShared(pod: Pod, cookie: string, home: NamespaceIdentity): void {
    const other = [...this.#pods.values()].find((candidate) => candidate !== pod && candidate.held?.cookie === cookie);
    if (other !== undefined) throw new Error(`its network namespace is that of ${other.key}`);
    if (sameNamespace(home, identifyNamespace('/proc/self/ns/net'))) throw new Error("its network namespace is the node's own");
  }

  #capture(pod: Pod, held: Held, wanted: WantedPod): void {
    if (!held.listeners.ready && pod.phase === 'listening') return;
    if (pod.told !== null && sameCapture(pod.told, wanted)) return;
    const { netns, cookie } = held;
    const { inbound4, inbound6 } = held.listeners;
    this.#options.capture.enroll({ netns, cookie, addresses: wanted.addresses, failClosed: wanted.failClosed, inbound4, inbound6 });
    const first = pod.phase !== 'captured';
    pod.told = wanted;
    pod.phase = 'captured';
    pod.error = '';
    pod.failures = 0;
    if (first) this.#options.log.info({ pod: pod.key, cookie }, 'pod is captured');
    this.#options.onChange();
  }

  #leave(pod: Pod, held: Held): void {
    this.#withdraw(pod, held);
    pod.phase = 'leaving';
    this.#options.onChange();
    setTimeout(() => {
      void this.#letGo(pod).then(() => {
        pod.held = null;
        pod.phase = 'absent';
        this.#options.log.info({ pod: pod.key }, 'pod is no longer captured');
        this.reconcile();
        this.#options.onChange();
      });
    }, ARRIVAL_MS);
  }

  #withdraw(pod: Pod, held: Held): void {
    if (pod.told === null) return;
    pod.told = null;
    this.#tellWithdrawn(held.cookie);
  }

  #tellWithdrawn(cookie: string): void {
    try {
      this.#options.capture.withdraw(cookie);
    } catch (error) {
      this.#options.log.error({ cookie, error: messageOf(error) }, 'the kernel still sends new connections of the pod to the agent');
    }
  }

  /** Once, whoever asks first: a pod that is leaving while the agent stops is asked for twice. */
  #letGo(pod: Pod): Promise<void> {
    const { held } = pod;
    if (held === null) return Promise.resolve();
    held.gone ??= held.listeners.close().then(() => this.#parked.park(held.namespace, held.netns));
    return held.gone;
  }

  #fail(pod: Pod, error: string, now: number): void {
    if (pod.error !== error) this.#options.log.warn({ pod: pod.key, error }, 'pod cannot be captured; tried again');
    pod.error = error;
    pod.retryAt = now + Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(pod.failures++, 10));
    this.#options.onChange();
  }
}

function absent(key: string, wanted: WantedPod): Pod {
  return { key, wanted, phase: 'absent', held: null, told: null, error: '', failures: 0, retryAt: 0 };
}

function sameCapture(a: WantedPod, b: WantedPod): boolean {
  return a.failClosed === b.failClosed && a.addresses.join() === b.addresses.join();
}

function missing(pod: WantedPod): string {
  if (pod.netns !== null) return `there is no network namespace at ${pod.netns}`;
  return pod.uid === ''
    ? 'it has neither a UID nor the annotation nodeway.io/netns'
    : `no process of it runs on this node (UID ${pod.uid})`;
}
