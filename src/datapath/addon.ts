/** The interface of the datapath addon; it has no state. Maps are read and written as bytes, laid out in bpf/lib/abi.h. */
import { loadAddon } from '../base/native-addon.ts';

/** What runs at one of the hooks of the outbound programs, in order. */
export interface AttachedHook {
  /** As the program of this agent is named. */
  readonly hook: string;
  readonly programs: readonly { readonly id: number; readonly name: string }[];
  /** Attached so that no other may join. */
  readonly exclusive: boolean;
  /** Why the kernel did not answer. */
  readonly error: string;
}

export interface DatapathAddon {
  openNamespace(path: string): number;
  namespaceCookie(netns: number): string;
  listenIn(netns: number, address: string, port: number, mark: number, backlog: number): number;
  closeFd(fd: number): void;
  cgroupId(path: string): bigint;
  /** The descriptor that holds the lock; -1: another process does. */
  lock(path: string): number;
  mapUpdate(fd: number, key: Uint8Array, value: Uint8Array): void;
  mapDelete(fd: number, key: Uint8Array): void;
  mapLookup(fd: number, key: Uint8Array, value: Uint8Array): boolean;
  mapNextKey(fd: number, after: Uint8Array | null, key: Uint8Array): boolean;
  monotonicNow(): bigint;
  readonly abi: string;
  readonly possibleCpus: number;
  loadOutbound(directory: string, cgroup: string): Record<string, number>;
  loadInbound(directory: string, netns: number, cookie: string): void;
  queryHooks(cgroup: string): AttachedHook[];
  /** Identifier of the program of a pinned link; 0: there is none. */
  pinnedProgram(pin: string): number;
  hasSocketLookup(): boolean;
  mountBpffs(): void;
  unmountBpffs(): void;
}

/** @throws AddonMissing */
export function datapathAddon(): DatapathAddon {
  return loadAddon('datapath') as DatapathAddon;
}
