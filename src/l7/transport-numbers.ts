/** Written by scripts/generate-transport-numbers from native/transport/numbers.h; not to be edited. */

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
  /** listener, whether it is memory that lacks, and not descriptors */
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

/** Int32 cells that both sides read and write between crossings. */
export const Cell = {
  CommandWords: 0,
  EventWords: 1,
  Deferred: 2,
  Connections: 3,
  /** not 0: the turn may not have read all that had arrived */
  Unread: 4,
} as const;

/** Float64 cells: milliseconds on CLOCK_MONOTONIC. */
export const Clock = {
  Now: 0,
  WakeAt: 1,
} as const;

/** Why a connection is gone. The first three happen only before `onConnect`. */
export const CloseReason = {
  Refused: 1,
  ConnectTimeout: 2,
  Unreachable: 3,
  Reset: 4,
  /** an errno that has no case of its own */
  Failed: 5,
  /** no file descriptor, port or memory left on this machine */
  Exhausted: 6,
} as const;
export type CloseReason = (typeof CloseReason)[keyof typeof CloseReason];

export const CELLS = 5;
export const CLOCKS = 2;
export const KIND_BITS = 4;
export const KIND_MASK = 15;
export const WORDS_PER_EVENT = 3;

/** Unsent bytes above which a connection is blocked. */
export const HIGH_WATER = 262144;
/** How long what was closed, or broke while it was paused, is kept without any progress. */
export const LINGER_MS = 5000;
