/** The agent's side of the kernel: its programs, and the maps in which they find the enrolled pods. */
import { hostname } from 'node:os';
import { existsSync, readdirSync, rmSync, unlinkSync } from 'node:fs';
import { LAYOUT, MAX_PODS } from './abi.ts';
import { type DatapathAddon, datapathAddon } from './addon.ts';
import { markOf } from './mark.ts';
import {
  DatapathError,
  lockNode,
  lockPath,
  mountMarker,
  pinRoot,
  pinnedPods,
  podPin,
  preparePins,
  removeOtherVersions,
  removePins,
} from './pins.ts';
import { cgroupRoot, whyNoCgroup } from './mounts.ts';
import { enterOwnNamespace } from './namespaces.ts';
import { REASONS } from './reasons.ts';
import { addressBytes, concat, ownerIn, podAddress, type PodFacts, podRecord, slotOf, u32, u64 } from './records.ts';

export { DatapathError } from './pins.ts';
export { checkNode } from './check-node.ts';

export interface DatapathOptions {
  readonly instance?: string;
  readonly cgroup?: string;
  readonly heartbeatMs?: number;
  readonly mark?: number;
}

export interface EnrolledPod extends PodFacts {
  readonly netns: number;
  readonly cookie: string;
  readonly inbound4: number;
  readonly inbound6: number;
}

/** Errors of one who lacks rights. */
const DENIED: ReadonlySet<string> = new Set(['EPERM', 'EACCES']);
const RIGHTS = 'the agent needs CAP_NET_ADMIN, CAP_SYS_ADMIN and CAP_SYS_PTRACE';

export interface CleanupReport {
  readonly removed: readonly string[];
}

export class Datapath {
  readonly mark: number;
  readonly originalDestinationsFd: number;
  /** Names of the layouts of other versions that it found pinned and removed. */
  replaced: readonly string[] = [];
  readonly #addon: DatapathAddon;
  readonly #directory: string;
  readonly #lock: number;
  #maps: Record<string, number>;
  readonly #timeout: bigint;
  #closed = false;

  private constructor(addon: DatapathAddon, o: DatapathOptions, lock: number, directory: string, maps: Record<string, number>) {
    this.#addon = addon;
    this.#lock = lock;
    this.#directory = directory;
    this.#maps = maps;
    this.#timeout = BigInt(o.heartbeatMs ?? 1000) * 1_000_000n;
    this.mark = o.mark ?? markOf(hostname(), o.instance);
    this.originalDestinationsFd = this.#map('nw_origins');
  }

  /** @throws DatapathError */
  static open(o: DatapathOptions = {}): Datapath {
    const addon = datapathAddon();
    const cgroup = o.cgroup ?? cgroupRoot();
    if (cgroup === null)
      throw new DatapathError('NO_CGROUP2', 'no cgroup v2 hierarchy is mounted; mount one: mount -t cgroup2 none /sys/fs/cgroup');
    const why = whyNoCgroup(cgroup);
    if (why !== '') throw new DatapathError('NO_CGROUP2', `${why}; --cgroup names its root, which is ${cgroupRoot() ?? 'not mounted'}`);
    const lock = lockNode(addon, o.instance ?? '');
    try {
      // Otherwise the first pod would show that this is denied, and a node without pods would pass for one that captures.
      enterOwnNamespace();
      const directory = preparePins(addon, o.instance ?? '');
      const datapath = new Datapath(addon, o, lock, directory, addon.loadOutbound(directory, cgroup));
      datapath.#removeHalfEnrolled();
      datapath.replaced = removeOtherVersions(addon, o.instance ?? '');
      datapath.beat();
      return datapath;
    } catch (error) {
      addon.closeFd(lock);
      const { code = 'EUNKNOWN', message } = error as { code?: string; message: string };
      throw new DatapathError(code, DENIED.has(code) ? `${message}; ${RIGHTS}` : message, { cause: error });
    }
  }

  /**
   * Enrols a pod or brings what the kernel knows of it up to date. The pod itself comes last into the maps: until then its programs let
   * everything pass, so that a failure half-way leaves nothing behind for a pod that was not enrolled before.
   */
  enroll(pod: EnrolledPod): void {
    const known = this.#pods().get(pod.cookie)?.slot;
    const slot = known ?? this.#freeSlot();
    try {
      this.#assignInbound(slot, pod);
      this.#addon.loadInbound(this.#directory, pod.netns, pod.cookie);
      for (const ip of pod.addresses) this.#addon.mapUpdate(this.#map('nw_addresses'), podAddress(pod.cookie, ip), u32(1));
      this.#addon.mapUpdate(this.#map('nw_pods'), u64(BigInt(pod.cookie)), podRecord(slot, pod));
    } catch (error) {
      if (known === undefined) this.#forget(pod.cookie, slot);
      if ((error as { code?: string }).code !== 'E2BIG') throw error;
      throw new DatapathError('TOO_MANY_ADDRESSES', 'the pods of this node have more addresses than the map in the kernel can hold', {
        cause: error,
      });
    }
    this.#forgetAddresses(pod.cookie, new Set(pod.addresses.map((ip) => String(addressBytes(ip)))));
  }

  withdraw(cookie: string): void {
    const slot = this.#pods().get(cookie)?.slot ?? null;
    this.#addon.mapDelete(this.#map('nw_pods'), u64(BigInt(cookie)));
    this.#forget(cookie, slot);
  }

  /** Enrolled pods by cookie, and who each is; those of an agent that crashed included. */
  enrolled(): { cookie: string; owner: string }[] {
    return [...this.#pods()].map(([cookie, { owner }]) => ({ cookie, owner }));
  }

  setProbers(cgroupIds: readonly bigint[]): void {
    const wanted = new Set(cgroupIds);
    for (const key of this.#keys('nw_probers', 8)) {
      if (!wanted.has(new BigUint64Array(key.buffer)[0] ?? 0n)) this.#addon.mapDelete(this.#map('nw_probers'), key);
    }
    for (const id of wanted) this.#addon.mapUpdate(this.#map('nw_probers'), u64(id), u32(1));
  }

  beat(): void {
    this.#addon.mapUpdate(this.#map('nw_liveness'), u32(0), concat(u64(this.#addon.monotonicNow(), this.#timeout), u32(this.mark, 0)));
  }

  counters(): Record<string, number> {
    const perCpu = new BigUint64Array(this.#addon.possibleCpus);
    const bytes = new Uint8Array(perCpu.buffer);
    const read = (reason: number): number => {
      this.#addon.mapLookup(this.#map('nw_counters'), u32(reason), bytes);
      return Number(perCpu.reduce((sum, value) => sum + value, 0n));
    };
    return Object.fromEntries(REASONS.map(({ name }, reason) => [name, read(reason)]));
  }

  /** Frees the descriptors and the lock; what is pinned stays. Only once, because their numbers may then belong to others. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const fd of Object.values(this.#maps)) this.#addon.closeFd(fd);
    this.#maps = {};
    this.#addon.closeFd(this.#lock);
  }

  #map(name: string): number {
    const fd = this.#maps[name];
    if (fd === undefined) throw new Error(`no map ${name}`);
    return fd;
  }

  #keys(map: string, size: number): Uint8Array[] {
    const keys: Uint8Array[] = [];
    for (let after: Uint8Array | null = null; ; after = keys.at(-1) ?? null) {
      const key = new Uint8Array(size);
      if (!this.#addon.mapNextKey(this.#map(map), after, key)) return keys;
      keys.push(key);
    }
  }

  #removeHalfEnrolled(): void {
    const enrolled = this.#pods();
    for (const cookie of pinnedPods(this.#directory)) if (!enrolled.has(cookie)) this.#forget(cookie, null);
  }

  #assignInbound(slot: number, pod: EnrolledPod): void {
    [pod.inbound4, pod.inbound6].forEach((fd, family) => {
      const key = u32(slot * 2 + family);
      if (fd >= 0) this.#addon.mapUpdate(this.#map('nw_inbound'), key, u64(BigInt(fd)));
      else this.#addon.mapDelete(this.#map('nw_inbound'), key);
    });
  }

  /** What stands around the pod's own entry. */
  #forget(cookie: string, slot: number | null): void {
    rmSync(podPin(this.#directory, cookie), { force: true });
    if (slot !== null) for (const family of [0, 1]) this.#addon.mapDelete(this.#map('nw_inbound'), u32(slot * 2 + family));
    this.#forgetAddresses(cookie, new Set());
  }

  #forgetAddresses(cookie: string, kept: ReadonlySet<string>): void {
    for (const key of this.#keys('nw_addresses', LAYOUT.pod_address.size)) {
      if (cookieOf(key) === cookie && !kept.has(String(key.subarray(LAYOUT.pod_address.address))))
        this.#addon.mapDelete(this.#map('nw_addresses'), key);
    }
  }

  #pods(): Map<string, { slot: number; owner: string }> {
    const value = new Uint8Array(LAYOUT.pod.size);
    const pods = new Map<string, { slot: number; owner: string }>();
    for (const key of this.#keys('nw_pods', 8)) {
      if (this.#addon.mapLookup(this.#map('nw_pods'), key, value)) pods.set(cookieOf(key), { slot: slotOf(value), owner: ownerIn(value) });
    }
    return pods;
  }

  #freeSlot(): number {
    const slot = freeSlot(new Set([...this.#pods().values()].map(({ slot }) => slot)));
    if (slot !== null) return slot;
    throw new DatapathError(
      'TOO_MANY_PODS',
      `${MAX_PODS} pods are captured on this node, and more cannot be; this one's traffic goes past the agent`,
    );
  }
}

function cookieOf(key: Uint8Array): string {
  return String(new BigUint64Array(key.buffer, key.byteOffset, 1)[0]);
}

/** Null: all are taken. */
export function freeSlot(taken: ReadonlySet<number>): number | null {
  for (let slot = 0; slot < MAX_PODS; slot++) if (!taken.has(slot)) return slot;
  return null;
}

/** Removes everything that agents of this instance left. @throws DatapathError while one runs. */
export function cleanup(o: { instance?: string } = {}): CleanupReport {
  const addon = datapathAddon();
  const instance = o.instance ?? '';
  const lock = lockNode(addon, instance);
  try {
    const removed = removePins(pinRoot(instance));
    if (existsSync(mountMarker(instance))) {
      // The kernel itself shows maps.debug and progs.debug there.
      if (readdirSync('/sys/fs/bpf').every((name) => name.endsWith('.debug'))) addon.unmountBpffs();
      unlinkSync(mountMarker(instance));
    }
    return { removed };
  } finally {
    unlinkSync(lockPath(instance));
    addon.closeFd(lock);
  }
}
