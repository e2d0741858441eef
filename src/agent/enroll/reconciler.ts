/**
 * Makes the pods that are captured the pods that should be captured. It compares what is wanted with what is there, again and again,
 * and relies on no announcement. A failure of one pod does not affect the others.
 *
 *     absent --open namespace, listeners--> listening --all workers accept, kernel set---> captured
 *        ^                                                                                    |
 *        |                                            kernel set, then ARRIVAL_MS             |
 *        +------------- close when no worker accepts any more <------- leaving <--------------+
 *
 * Invariants; test/agent/enroll/reconciler.test.ts has a test for each by its number, and reconciler-model.test.ts beside it keeps
 * all of them through random sequences of events:
 *  1. the kernel gets a pod only when all workers accept its connections;
 *  2. what the kernel had sent here before it was set otherwise is still accepted;
 *  3. a captured pod is withdrawn when it is not wanted any more, when it is seen in another namespace, or when it fails open and has
 *     not been seen for UNSEEN_MS. Nothing else withdraws it: no failure, no search without result, no process id that another process got;
 *  4. what an agent that crashed left captured is released if no wanted pod owns it, and only then;
 *  5. a pod that the kernel did not let go is asked for again until it does, or is captured again;
 *  6. a descriptor is closed once, and that of a namespace only when the namespace has not been seen for long.
 */
import type { Cancel, Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Log } from '../log.ts';
import { backoff } from './backoff.ts';
import { type Claimant, InheritedCaptures } from './inherited-captures.ts';
import type { ListenerIds } from './listener-group.ts';
import type { Capture, ListenerHost, NodeSockets } from './node-ports.ts';
import { ParkedNamespaces } from './parked-namespaces.ts';
import type { PodHomes, Sighting, Sightings, Sought, Whereabouts } from './pod-homes.ts';
import { PodListeners } from './pod-listeners.ts';
import { type NamespaceFiles, sameNamespace } from './pod-namespace.ts';
import { missingNamespace, ownerOf, sameCapture, type WantedPod } from './wanted-pod.ts';

export type PodPhase = 'absent' | 'listening' | 'captured' | 'leaving';

export interface PodReport {
  readonly key: string;
  readonly phase: PodPhase;
  readonly cookie: string;
  /** Since when, in milliseconds since the epoch; null: it is not. */
  readonly capturedAt: number | null;
  /** Why it is not captured although it should be. */
  readonly error: string;
}

/** A pod that starts has no namespace yet, and that is nothing to be warned of. */
const STARTING_MS = 5000;
/** Between the rewriting of an address by connect(2) and the arrival in the listener's queue lies a handshake over loopback. */
export const ARRIVAL_MS = 250;
/** How soon a namespace that was replaced is noticed. */
const LOOK_MS = 1000;
/** For how long pods are moved on in one turn: with a thousand of them it takes seconds, in which the heartbeat would stop. */
const SLICE_MS = 20;
/** A pod that fails open is let go after so long out of sight, so that its namespace can end. */
const UNSEEN_MS = 5000;
/** After a pod's cgroup was made, each with a search: when a process may be there, should its container's cgroup not be in the pod's. */
const SOON_MS = [300, 600, 1200];
/** After that of its first container was made, which is read for next to nothing: when its process may be in its namespace. */
const VERY_SOON_MS = [0, 5, 10, 20, 40, 80, 150, 300, 600, 1200];

export interface ReconcilerOptions {
  readonly sockets: NodeSockets;
  readonly files: NamespaceFiles;
  readonly homes: PodHomes;
  readonly capture: Capture;
  readonly workers: ListenerHost;
  readonly ids: ListenerIds;
  readonly mark: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: () => void;
}

interface Held {
  readonly uid: string;
  readonly named: string | null;
  /** The way to the namespace may become another. */
  at: Whereabouts;
  /** Since when no way was found that leads to it; null: one was. */
  unseenSince: number | null;
  readonly netns: number;
  readonly cookie: string;
  readonly listeners: PodListeners;
  /** Resolves when it has been released; null: not begun. */
  gone: Promise<void> | null;
}

interface Pod {
  readonly key: string;
  wanted: WantedPod | null;
  phase: PodPhase;
  capturedAt: number | null;
  held: Held | null;
  /** What the kernel was last given for it. */
  told: WantedPod | null;
  error: string;
  /** Whether the log has been told of the error. */
  warned: boolean;
  /** When it was first wanted. */
  readonly since: number;
  failures: number;
  retryAt: number;
  /** Takes back the closing of the listeners of a pod that is leaving. */
  stay: Cancel;
}

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #pods = new Map<string, Pod>();
  readonly #parked: ParkedNamespaces;
  readonly #inherited: InheritedCaptures;
  /** Those that the kernel did not let go: asked for again until it does. */
  readonly #owed = new Set<string>();
  #stopLooking: Cancel = () => {};
  /** Looks that are planned out of turn. */
  readonly #soon = new Set<Cancel>();
  /** Takes back the rest of a round that has more to do than fits into a turn. */
  #rest: Cancel = () => {};
  /** A round that is planned for the next turn; null: none. */
  #next: Cancel | null = null;
  /** Whether it was said what is wanted. */
  #told = false;
  #stopped = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#parked = new ParkedNamespaces((fd) => options.sockets.closeFd(fd));
    this.#inherited = new InheritedCaptures(options.capture.enrolled());
  }

  start(): void {
    this.#stopLooking = this.#options.clock.every(LOOK_MS, () => this.reconcile());
  }

  want(pods: readonly WantedPod[]): void {
    const wanted = new Map(pods.map((pod) => [pod.key, pod]));
    for (const pod of this.#pods.values()) pod.wanted = wanted.get(pod.key) ?? null;
    for (const [key, pod] of wanted) {
      if (!this.#pods.has(key)) this.#pods.set(key, absent(key, pod, this.#options.clock.monotonic()));
    }
    this.#told = true;
    this.reconcile();
  }

  /** The pod's first process is about to be there. @param container the cgroup in which it will be; null: not known. */
  expect(uid: string, container: string | null): void {
    for (const afterMs of container === null ? SOON_MS : VERY_SOON_MS) {
      const cancel = this.#options.clock.after(afterMs, () => {
        this.#soon.delete(cancel);
        const pod = [...this.#pods.values()].find(({ wanted, held }) => held === null && wanted?.uid === uid);
        if (pod === undefined) return;
        this.#options.homes.expect(pod.key, container);
        this.reconcile();
      });
      this.#soon.add(cancel);
    }
  }

  /**
   * Moves every pod on by one step, in slices of a turn. Called after a change, when the workers have confirmed something, and regularly:
   * then a new round takes the place of what is left of the one before, and those that were moved on cost it nothing.
   */
  reconcile(): void {
    if (this.#stopped) return;
    this.#rest();
    const now = this.#options.clock.monotonic();
    const seen = this.#options.homes.look([...this.#sought(), ...this.#parked.sought()], now);
    for (const cookie of this.#owed) this.#tellWithdrawn(cookie);
    this.#stepAll([...this.#pods.values()], 0, seen, now);
    if (this.#told && !this.#inherited.empty) this.#releaseAbandoned();
    this.#parked.sweep(seen, now);
  }

  report(): PodReport[] {
    return [...this.#pods.values()].map(({ key, phase, capturedAt, held, error }) => ({
      key,
      phase,
      capturedAt,
      cookie: held?.cookie ?? '',
      error,
    }));
  }

  /** Pods whose connections may still arrive here. */
  served(): ReadonlySet<string> {
    return new Set([...this.#pods.values()].filter((pod) => pod.held !== null).map((pod) => pod.key));
  }

  /** Whether every pod is captured, or known to be impossible for now. */
  get settled(): boolean {
    return [...this.#pods.values()].every((pod) => pod.phase === 'captured' || pod.phase === 'leaving' || pod.error !== '');
  }

  /**
   * Tells the kernel to send new connections past the agent; the listeners stay for those that are on their way. Pods that fail closed are
   * left as they are, also one of which only the kernel or only its owner says so: no act of ours opens it.
   */
  release(): void {
    this.#stopped = true;
    this.#stopLooking();
    this.#rest();
    this.#next?.();
    for (const cancel of this.#soon) cancel();
    this.#soon.clear();
    for (const pod of this.#pods.values()) {
      const failsClosed = pod.told?.failClosed === true || pod.wanted?.failClosed === true;
      if (pod.phase === 'captured' && pod.held !== null && !failsClosed) this.#withdraw(pod, pod.held);
    }
  }

  async close(): Promise<void> {
    for (const pod of this.#pods.values()) pod.stay();
    await Promise.all([...this.#pods.values()].map((pod) => this.#letGo(pod)));
    this.#parked.closeAll();
  }

  #sought(): Sought[] {
    return [...this.#pods.values()].flatMap(({ key, wanted, held }) =>
      wanted === null ? [] : [{ id: key, uid: wanted.uid, named: wanted.netns, held: held?.at ?? null }],
    );
  }

  #stepAll(pods: readonly Pod[], first: number, seen: Sightings, now: number): void {
    const { clock } = this.#options;
    const end = clock.monotonic() + SLICE_MS;
    let next = first;
    do {
      const pod = pods[next++];
      if (pod !== undefined) this.#step(pod, seen.get(pod.key), now);
    } while (next < pods.length && clock.monotonic() < end);
    this.#rest = next < pods.length ? clock.after(0, () => this.#stepAll(pods, next, seen, now)) : () => {};
  }

  /** Many pods leave at a time, and each round looks at all. */
  #reconcileSoon(): void {
    this.#next ??= this.#options.clock.after(0, () => {
      this.#next = null;
      this.reconcile();
    });
  }

  #step(pod: Pod, seen: Sighting, now: number): void {
    const { held, wanted } = pod;
    if (pod.phase === 'leaving') return;
    if (held !== null && (wanted === null || wanted.uid !== held.uid || hasMoved(held, seen, wanted, now))) return this.#leave(pod, held);
    if (wanted === null) {
      this.#pods.delete(pod.key);
      return;
    }
    const starts = now - pod.since < STARTING_MS;
    if (held === null && seen === null) return this.#report(pod, missingNamespace(wanted), starts);
    // No failure, after which it would be left alone for a while: who starts a container is in its cgroup before its namespace.
    if (held === null && seen && this.#isOwn(seen)) return this.#report(pod, "its network namespace is the node's own", starts);
    if (now < pod.retryAt) return;
    try {
      if (held === null && seen) this.#open(pod, wanted, seen);
      if (pod.held !== null) this.#capture(pod, pod.held, wanted);
    } catch (error) {
      pod.retryAt = now + backoff(++pod.failures);
      this.#report(pod, messageOf(error));
    }
  }

  #open(pod: Pod, wanted: WantedPod, at: Whereabouts): void {
    const { sockets, ids, workers, mark } = this.#options;
    const { uid, netns: named } = wanted;
    const netns = this.#parked.take(at.namespace) ?? this.#openNamespace(at);
    try {
      const cookie = sockets.namespaceCookie(netns);
      this.#refuseShared(pod, cookie);
      const listeners = PodListeners.open({ workload: pod.key, netns, cookie, mark }, ids, sockets, workers);
      pod.held = { uid, named, at, unseenSince: null, netns, cookie, listeners, gone: null };
    } catch (error) {
      // A listener that was open for a moment, or the pod when it was captured before, may have connections that use the descriptor.
      this.#parked.park({ uid, named, at, netns });
      throw error;
    }
    pod.phase = 'listening';
    // It is on its way; what was wrong before would have the workers' word go unheard (`settled`).
    pod.error = '';
  }

  /** The path may lead elsewhere since it was looked at. */
  #openNamespace({ path, namespace }: Whereabouts): number {
    const { sockets, files } = this.#options;
    const netns = sockets.openNamespace(path);
    if (sameNamespace(namespace, files.behind(netns))) return netns;
    sockets.closeFd(netns);
    throw new Error(`the network namespace at ${path} was replaced while it was opened`);
  }

  #isOwn({ namespace }: Whereabouts): boolean {
    return sameNamespace(namespace, this.#options.homes.own());
  }

  /** Two pods in one namespace look the same to the kernel. */
  #refuseShared(pod: Pod, cookie: string): void {
    const other = [...this.#pods.values()].find((candidate) => candidate !== pod && candidate.held?.cookie === cookie);
    if (other !== undefined) throw new Error(`its network namespace is that of ${other.key}`);
  }

  #capture(pod: Pod, held: Held, wanted: WantedPod): void {
    if (!held.listeners.ready && pod.phase === 'listening') return;
    if (pod.told !== null && sameCapture(pod.told, wanted)) return;
    const { netns, cookie, listeners } = held;
    const { addresses, failClosed } = wanted;
    const { inbound4, inbound6 } = listeners;
    this.#options.capture.enroll({ netns, cookie, owner: ownerOf(wanted), addresses, failClosed, inbound4, inbound6 });
    this.#inherited.forget(cookie);
    this.#owed.delete(cookie);
    if (pod.phase !== 'captured') this.#options.log.info({ pod: pod.key, cookie }, 'pod is captured');
    pod.told = wanted;
    pod.phase = 'captured';
    pod.capturedAt ??= this.#options.clock.now();
    pod.error = '';
    pod.failures = 0;
    this.#options.onChange();
  }

  #leave(pod: Pod, held: Held): void {
    this.#withdraw(pod, held);
    pod.phase = 'leaving';
    pod.capturedAt = null;
    this.#options.onChange();
    pod.stay = this.#options.clock.after(ARRIVAL_MS, () => void this.#letGo(pod).then(() => this.#left(pod)));
  }

  #left(pod: Pod): void {
    pod.held = null;
    pod.phase = 'absent';
    pod.capturedAt = null;
    this.#options.log.info({ pod: pod.key }, 'pod is no longer captured');
    this.#reconcileSoon();
    this.#options.onChange();
  }

  #withdraw(pod: Pod, { cookie }: Held): void {
    if (pod.told === null && !this.#inherited.has(cookie)) return;
    pod.told = null;
    this.#tellWithdrawn(cookie);
  }

  #releaseAbandoned(): void {
    const claimants: Claimant[] = [...this.#pods.values()].flatMap(({ wanted, held, phase }) =>
      wanted === null || phase === 'leaving'
        ? []
        : [{ owner: ownerOf(wanted), cookie: held?.cookie ?? null, captured: phase === 'captured' }],
    );
    for (const cookie of this.#inherited.abandoned(claimants)) {
      this.#options.log.info({ cookie }, 'a pod that an earlier agent left captured is released');
      this.#tellWithdrawn(cookie);
    }
  }

  #tellWithdrawn(cookie: string): void {
    const { capture, log } = this.#options;
    this.#inherited.forget(cookie);
    try {
      capture.withdraw(cookie);
      if (this.#owed.delete(cookie)) log.info({ cookie }, 'the kernel has let the pod go');
    } catch (error) {
      if (this.#owed.has(cookie)) return;
      this.#owed.add(cookie);
      log.error({ cookie, error: messageOf(error) }, 'the kernel still sends new connections of the pod to the agent; tried again');
    }
  }

  /** Happens once: if a pod leaves while the agent stops, two callers ask for it. */
  #letGo({ held }: Pod): Promise<void> {
    if (held === null) return Promise.resolve();
    held.gone ??= held.listeners.close().then(() => this.#parked.park(held));
    return held.gone;
  }

  /** @param starts whether it may well be over soon: the log is told if it is not. */
  #report(pod: Pod, error: string, starts = false): void {
    const isNews = pod.error !== error;
    if (isNews) pod.warned = false;
    pod.error = error;
    if (!pod.warned && !starts) {
      pod.warned = true;
      this.#options.log.warn({ pod: pod.key, error }, 'pod cannot be captured; tried again');
    }
    if (isNews) this.#options.onChange();
  }
}

function absent(key: string, wanted: WantedPod, since: number): Pod {
  return {
    ...{ key, wanted, phase: 'absent', capturedAt: null, held: null, told: null, error: '', warned: false },
    ...{ since, failures: 0, retryAt: 0, stay: () => {} },
  };
}

/** Whether a pod that is held is elsewhere, or has been out of sight for so long that it is taken to be. */
function hasMoved(held: Held, seen: Sighting, { failClosed }: WantedPod, now: number): boolean {
  if (seen === undefined) return false;
  if (seen !== null && !sameNamespace(held.at.namespace, seen.namespace)) return true;
  if (seen !== null) {
    held.at = seen;
    held.unseenSince = null;
    return false;
  }
  held.unseenSince ??= now;
  // Out of sight a pod that fails closed is kept: it may only be that it cannot be looked for, and then it would be open.
  return !failClosed && now - held.unseenSince >= UNSEEN_MS;
}
