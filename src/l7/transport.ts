/**
 * The engine's only view of sockets. A transport delivers what happened since the last turn, the engine answers with
 * commands, and the next turn carries them out. Bytes live in one arena per worker: `onData` names a slice of it, `write`
 * takes slices of it, and nothing is copied on the way unless a socket cannot take it.
 *
 *     turn:  wait → events (handlers run, call the methods below) → timers → deferred tasks → commands are carried out
 *
 * Rules that every implementation keeps (test/l7/transport/contract.ts runs against all of them):
 *  1. A slice handed to `onData`, or reserved, is valid until the current turn ends, not longer.
 *  2. After `close` or `reset`, and after `onClose`, no handler method of that connection is called again, and its id is
 *     not used for another connection before the turn has ended. Commands for such an id are ignored.
 *  3. What was written is sent in order; `close`, `shutdown` and `abort` take effect after it, `reset` at once.
 *  4. A connection whose unsent bytes pass HIGH_WATER gets `onBlocked` once, and `onDrained` once they are sent, or dropped
 *     because of rule 7. Whoever produces the bytes pauses then: memory per connection is bounded by HIGH_WATER plus what
 *     one turn reads. When much is unsent in all, a connection with less is blocked already.
 *  5. A paused connection delivers no data and no FIN (at most what the current turn had read already). A reset is still
 *     seen: at once when the peer had sent nothing that is unread, and otherwise as rule 7 says when the connection is
 *     resumed, or after LINGER_MS without being resumed.
 *  6. FIN and RST are distinct: `onEnd` leaves the other direction open, `onClose` means that the connection is gone.
 *  7. What breaks a connection ends its sending side only: what is queued is dropped, later writes are ignored, a relay to
 *     it ends (`onRelayed` for its source, whose further bytes come by `onData`). All that the peer had sent before is still
 *     read and delivered, by `onData` or by the relay from it, then `onEnd` if the peer had sent FIN, then `onClose`. So a
 *     server that answers early and closes with the request unread is heard: the kernel keeps what was received behind an RST.
 *  8. An exception of a handler, an acceptor, a timer or a deferred task ends the connection that it was called for (RST, and
 *     `onClose` where the handler has not heard of it), is told to `onFault`, and the turn goes on.
 *  9. What had arrived when a thread gets to run again comes before the timers that have become due meanwhile: a process that was
 *     throttled or stopped takes no answer for late, and no connection for idle, because it did not look.
 */
import type { TimerWheel } from '../base/timer-wheel.ts';
import type { CloseReason } from './transport-numbers.ts';

export { CloseReason, HIGH_WATER, LINGER_MS } from './transport-numbers.ts';

/** A small integer, given out again only after the turn in which its connection ended. */
export type ConnectionId = number;
export type ListenerId = number;

/** An IP address in text form (RFC 5952 for IPv6; v4-mapped addresses are given as IPv4) and a port. */
export interface Address {
  readonly ip: string;
  readonly port: number;
}

export interface ConnectionHandler {
  /** A connection that was opened by `connect` is established. Not called for accepted ones. */
  onConnect(): void;
  /** Bytes `arena[start, end)` arrived. */
  onData(start: number, end: number): void;
  /** The peer sent FIN: no more data will come; writing is still possible. */
  onEnd(): void;
  /** The connection is gone without our doing. */
  onClose(reason: CloseReason): void;
  /** Unsent bytes passed HIGH_WATER. */
  onBlocked(): void;
  /** All queued bytes have been handed to the kernel, after an `onBlocked`. */
  onDrained(): void;
  /**
   * The relay that this connection was the source of has ended after `bytes` bytes: its length was reached, or FIN came (`onEnd` follows), or its
   * destination is gone, closed or shut down, or this connection is gone itself (`onClose` follows).
   */
  onRelayed(bytes: number): void;
}

/** What a listener may have too little of. */
export type Scarce = 'descriptors' | 'memory';

export interface Acceptor {
  /** A new connection. Returns who handles it, or null to close it at once. */
  onAccept(id: ConnectionId): ConnectionHandler | null;
  /**
   * A connection was reset because the listener has its share of the process's descriptors, or accepting stopped for a moment because
   * there are none left, or no memory for another socket.
   */
  onExhausted?(of: Scarce): void;
}

/** Either a listening socket that someone else made and owns (it is not closed here), or an address to listen at (port 0: any). */
export type ListenTarget = { readonly fd: number } | { readonly address: string; readonly port: number };

export interface ConnectOptions {
  /** Text form, IPv4 or IPv6. */
  readonly address: string;
  readonly port: number;
  /** File descriptor of the network namespace in which the socket is made; -1: this process's own. */
  readonly netns: number;
  /** SO_MARK; 0: none. Needs CAP_NET_ADMIN, in the socket's namespace. */
  readonly mark: number;
  /** Milliseconds until CloseReason.ConnectTimeout. */
  readonly timeoutMs: number;
  /** SO_KEEPALIVE with these values (0: the system's own); without it, off. */
  readonly keepalive?: { readonly probes: number; readonly timeSeconds: number; readonly intervalSeconds: number };
}

/** Relay until FIN. */
export const UNTIL_END = Infinity;

export interface Transport {
  /** All slices are offsets into this. */
  readonly arena: Uint8Array;
  /** `arena[ownStart, ownEnd)` belongs to the engine: the transport never touches it (templates, retained heads). */
  readonly ownStart: number;
  readonly ownEnd: number;
  /** Milliseconds on a monotonic clock, read once per turn. */
  readonly now: number;
  /** Advanced by the transport, which also wakes up for it. */
  readonly timers: TimerWheel;

  /** @throws TransportError when the address cannot be bound. */
  listen(target: ListenTarget, acceptor: Acceptor): ListenerId;
  /** Stops accepting. Connections stay, and so does a descriptor that was handed in. */
  unlisten(listener: ListenerId): void;
  listenerAddress(listener: ListenerId): Address;

  /** Starts to connect; writes are queued until it is established. Failures come as `onClose`, never at once. */
  connect(options: ConnectOptions, handler: ConnectionHandler): ConnectionId;
  /** Hands the connection's further events to another handler. */
  setHandler(id: ConnectionId, handler: ConnectionHandler): void;

  /** Room for `length` bytes in the arena, for this turn. Fill and write it before the next `reserve`. */
  reserve(length: number): number;
  /** Sends `arena[start, end)`. Several writes to one connection in one turn leave together. */
  write(id: ConnectionId, start: number, end: number): void;
  /** Sends FIN after what is queued. */
  shutdown(id: ConnectionId): void;
  /** Whether it is known that the peer has ended or broken the connection, though the handler has not heard of it: it is about to. */
  ending(id: ConnectionId): boolean;
  /** Closes after what is queued has been sent (bounded by LINGER_MS without progress); forgets the handler at once. */
  close(id: ConnectionId): void;
  /**
   * As `close`, but ends with RST, once the peer's kernel has acknowledged what was queued: who passes a reset on must neither
   * turn it into FIN, which says that a stream is complete, nor let it overtake bytes, as `reset` would.
   */
  abort(id: ConnectionId): void;
  /** Sends RST and drops what is queued. */
  reset(id: ConnectionId): void;
  pause(id: ConnectionId): void;
  resume(id: ConnectionId): void;
  /**
   * Moves the next `bytes` bytes that arrive on `from` to `to`, in the kernel if it can, after what is queued on `to`.
   * `from` gets no `onData` until `onRelayed`; while it is paused the relay stands still. One relay from and one to a connection at a time.
   */
  relay(from: ConnectionId, to: ConnectionId, bytes: number): void;
  /** Bytes that the running relay from this connection has moved so far; 0 without one. */
  relayed(from: ConnectionId): number;

  peerAddress(id: ConnectionId): Address;
  localAddress(id: ConnectionId): Address;

  /** Told of an exception, and whose it was (-1: no connection's). Without anybody it is thrown out of the turn, whose rest follows. */
  onFault: (error: unknown, id: ConnectionId, doing: string) => void;

  /** Runs `task` at the end of the current turn, before its commands are carried out. */
  defer(task: () => void): void;
  /** Connections that are open or closing. */
  readonly connections: number;
  /** Releases everything. Listening descriptors that were handed in stay open. */
  dispose(): void;
}

/** A listening address that cannot be bound. `code` is the errno's name. */
export class TransportError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'TransportError';
    this.code = code;
  }
}
