/** What a LinkTransport is built on: a duplex byte pipe that is polled, and that signals when polling is worth while. */
import type { Address, CloseReason } from '../transport.ts';

export interface Link {
  readonly connected: boolean;
  /** Nothing can be sent any more, and nothing more will come than what can be read now. */
  readonly failure: CloseReason | null;
  /** Whether `read` would give something. */
  readonly readable: boolean;
  /** All bytes were read and FIN follows. */
  readonly ended: boolean;
  /** Closed on both sides after `close`. */
  readonly closed: boolean;
  /** Copies what has arrived into `target`; returns how much: 0 when there is nothing now. */
  read(target: Uint8Array): number;
  /** Takes as many of `bytes` as it can (it may keep the memory), and wakes its owner when it can take more. */
  write(bytes: Uint8Array): number;
  /** Sends FIN. */
  shutdown(): void;
  /** Sends FIN, drops what still arrives, and becomes `closed` with the peer's FIN. */
  close(): void;
  reset(): void;
  readonly peer: Address;
  readonly local: Address;
}

/** Something changed: bytes, FIN, room, a failure. */
export type Wake = () => void;
