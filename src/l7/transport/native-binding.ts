/** The addon's face. The numbers have their twins in native/transport/event_batch.h. */
import { loadAddon } from '../../base/native-addon.ts';
import type { Address } from '../transport.ts';

/** Three words each: `id << KIND_BITS | event`, and two arguments. */
export const Event = {
  /** listener */
  Accept: 1,
  Connect: 2,
  /** start, end */
  Data: 3,
  End: 4,
  /** reason */
  Close: 5,
  Blocked: 6,
  Drained: 7,
  /** bytes: high word, low word */
  Relayed: 8,
  /** 0, listener: accepting stopped for a moment for want of descriptors or memory */
  Exhausted: 9,
} as const;

/** `id << KIND_BITS | command`, then its arguments. */
export const Command = {
  /** start, end */
  Write: 1,
  Shutdown: 2,
  Close: 3,
  Reset: 4,
  Pause: 5,
  Resume: 6,
  /** destination, bytes: high word, low word; all ones: until FIN */
  Relay: 7,
  Abort: 8,
} as const;

export const KIND_BITS = 4;
export const KIND_MASK = (1 << KIND_BITS) - 1;

/** Int32 cells that both sides read and write. */
export const Cell = { CommandWords: 0, EventWords: 1, Deferred: 2, Connections: 3 } as const;
export const CELLS = 4;

/** Float64 cells: milliseconds on CLOCK_MONOTONIC. */
export const Clock = { Now: 0, WakeAt: 1 } as const;
export const CLOCKS = 2;

export interface NativeBinding {
  /** Carries out the commands so far, in the middle of a turn. */
  flush(): void;
  /** A connection's id, or a negative errno where `address` is no address; other failures come as events. */
  connect(address: string, port: number, netns: number, mark: number): number;
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

interface Addon {
  create(
    arena: Uint8Array,
    readBytes: number,
    commands: Int32Array,
    events: Int32Array,
    cells: Int32Array,
    clock: Float64Array,
    turn: () => void,
  ): NativeBinding;
  releaseStartupPages(): number;
}

/** @throws AddonMissing */
export function loadTransportAddon(): Addon {
  return loadAddon('transport') as Addon;
}

/**
 * Gives back the memory of code that only the start needed: read-only pages of the program's files, which come back from the
 * page cache when something needs them again. @returns bytes of the mappings. @throws AddonMissing
 */
export function releaseStartupPages(): number {
  return loadTransportAddon().releaseStartupPages();
}
