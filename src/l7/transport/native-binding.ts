/** The addon's face. */
import { loadAddon } from '../../base/native-addon.ts';
import type { Address } from '../transport.ts';

export interface NativeBinding {
  /** Carries out the commands so far, in the middle of a turn. */
  flush(): void;
  /** A connection's id, or a negative errno where `address` is no address; other failures come as events. */
  connect(address: string, port: number, netns: number, mark: number): number;
  /** Times in seconds; 0: the system's own value. */
  keepAlive(id: number, probes: number, time: number, interval: number): void;
  /** A listener's id, or a negative errno. */
  listenAt(address: string, port: number): number;
  listenOn(fd: number): number;
  unlisten(listener: number): void;
  listenerAddress(listener: number): Address;
  /** The ip is empty when the socket has none (any more). */
  peerAddress(id: number): Address;
  localAddress(id: number): Address;
  relayed(from: number): number;
  dispose(): void;
}

export interface TransportAddon {
  create(
    arena: Uint8Array,
    readBytes: number,
    commands: Int32Array,
    events: Int32Array,
    cells: Int32Array,
    clock: Float64Array,
    turn: () => void,
    sharers: number,
  ): NativeBinding;
  releaseStartupPages(): number;
  /** What is free between what is in use, of all threads (malloc_trim(3)). */
  releaseFreedMemory(): void;
  /** The clients of the connections that a worker which ended had accepted at this listening socket, and had not touched. */
  leftPeers(fd: number): Address[];
  /** Closes those connections. @returns their number. */
  forsake(fd: number): number;
  /** For how long the calling thread has had a processor. */
  threadMilliseconds(): number;
}

/** @throws AddonMissing */
export function loadTransportAddon(): TransportAddon {
  return loadAddon('transport') as TransportAddon;
}

/** A clock of the calling thread, in milliseconds, that stands while the thread waits. @throws AddonMissing */
export function threadTime(): () => number {
  const addon = loadTransportAddon();
  return () => addon.threadMilliseconds();
}

/**
 * Gives back the memory of code that only the start needed: read-only pages of the program's files, which come back from the
 * page cache when something needs them again. @returns bytes of the mappings. @throws AddonMissing
 */
export function releaseStartupPages(): number {
  return loadTransportAddon().releaseStartupPages();
}

/** Gives back what malloc keeps of freed memory. @throws AddonMissing */
export function releaseFreedMemory(): void {
  loadTransportAddon().releaseFreedMemory();
}
