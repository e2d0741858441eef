/** A connection of a LinkTransport, and the bytes that its link could not take yet. */
import type { Timer } from '../../base/timer-wheel.ts';
import type { CloseReason, ConnectionHandler, ConnectionId } from '../transport.ts';
import type { Link } from './link.ts';

export interface LinkRelay {
  readonly to: LinkConnection;
  left: number;
  moved: number;
}

export class LinkConnection {
  readonly id: ConnectionId;
  /** Null: it could not even be opened. */
  readonly link: Link | null;
  /** Null once the engine has closed it, or knows that it is gone. */
  handler: ConnectionHandler | null = null;
  /** Why it is gone, as the engine will hear. */
  failure: CloseReason | null = null;
  /** Connecting, or counting down the linger of a closed one. */
  timer: Timer | null = null;
  connecting = false;
  paused = false;
  ended = false;
  /** The link has failed, and what could not be sent was dropped. */
  sendFailed = false;
  /** It is to close with RST. */
  aborting = false;
  /** FIN is to be sent behind the queue; then it was. */
  shutdown: 'no' | 'asked' | 'sent' = 'no';
  /** `closing`: the queue is still to be sent. `lingering`: the link is to end. */
  life: 'open' | 'closing' | 'lingering' | 'gone' = 'open';
  blocked: 'no' | 'untold' | 'told' = 'no';
  drained = false;
  relay: LinkRelay | null = null;
  /** The connection that is relayed to this one. */
  feeder: LinkConnection | null = null;
  /** What the ended relay moved; null: nothing to report. */
  relayed: number | null = null;
  /** It waits in the list of connections to be looked at. */
  listed = false;
  #queue: Uint8Array[] = [];
  unsent = 0;

  constructor(id: ConnectionId, link: Link | null) {
    this.id = id;
    this.link = link;
  }

  /** Nothing can be sent to it any more. */
  get broken(): boolean {
    return this.failure !== null || (this.link?.failure ?? null) !== null;
  }

  append(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    this.unsent += bytes.length;
  }

  /** Hands queued bytes to the link; returns whether it took any. */
  send(): boolean {
    const before = this.unsent;
    while (this.#queue.length > 0 && this.link !== null) {
      const first = this.#queue[0]!;
      const taken = this.link.write(first);
      this.unsent -= taken;
      if (taken < first.length) {
        this.#queue[0] = first.subarray(taken);
        break;
      }
      this.#queue.shift();
    }
    return this.unsent < before;
  }

  drop(): void {
    this.#queue = [];
    this.unsent = 0;
  }
}
