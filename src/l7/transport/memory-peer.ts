/** The far end of an in-memory connection, in a test's hands; and the near end, in the transport's. */
import type { Address } from '../transport.ts';
import { CloseReason } from '../transport.ts';
import type { Link } from './link.ts';

const NOTHING = new Uint8Array(0);

class MemoryLink implements Link {
  connected = false;
  failure: CloseReason | null = null;
  readonly peer: Address;
  readonly local: Address;
  readonly #end: MemoryPeer;

  constructor(end: MemoryPeer, peer: Address, local: Address) {
    this.#end = end;
    this.peer = peer;
    this.local = local;
  }

  get ended(): boolean {
    return this.#end.finSent && this.#end.outgoing.length === 0;
  }
  get closed(): boolean {
    return this.#end.ended && (this.#end.finSent || this.failure !== null);
  }
  get readable(): boolean {
    return this.#end.outgoing.length > 0;
  }
  read(target: Uint8Array): number {
    return this.#end.give(target);
  }
  write(bytes: Uint8Array): number {
    return this.#end.take(bytes);
  }
  shutdown(): void {
    this.#end.ended = true;
  }
  close(): void {
    this.#end.ended = true;
    this.#end.discards = true;
    this.#end.outgoing = NOTHING;
  }
  reset(): void {
    if (!this.closed) this.#end.wasReset = true;
  }
}

export class MemoryPeer {
  /** @internal The transport's end. */
  readonly link: MemoryLink;
  /** @internal */
  wakeTransport: () => void = () => undefined;
  /** @internal Written here, not yet read by the transport. */
  outgoing: Uint8Array = NOTHING;
  /** @internal The transport closed: what is written here is dropped. */
  discards = false;
  finSent = false;
  /** FIN was received. */
  ended = false;
  wasReset = false;
  receivedBytes = 0;
  #received: Buffer[] = [];
  #held: Buffer[] = [];
  #heldBytes = 0;
  #window: number;
  #paused = false;

  /** @param far this end's address; @param near the transport's. */
  constructor(far: Address, near: Address, window: number) {
    this.link = new MemoryLink(this, far, near);
    this.#window = window;
  }

  write(bytes: Uint8Array | string): void {
    if (this.discards || this.finSent) return;
    this.outgoing = Buffer.concat([this.outgoing, typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes]);
    this.wakeTransport();
  }
  end(): void {
    this.finSent = true;
    this.wakeTransport();
  }
  reset(): void {
    this.link.failure = CloseReason.Reset;
    this.wakeTransport();
  }
  /** Takes no more than the window's bytes from now on; with a window of 0 nothing at all. */
  pause(window?: number): void {
    this.#paused = true;
    if (window !== undefined) this.#window = window;
  }
  resume(): void {
    this.#paused = false;
    this.#received.push(...this.#held);
    this.receivedBytes += this.#heldBytes;
    this.#held = [];
    this.#heldBytes = 0;
    this.wakeTransport();
  }
  received(): Buffer {
    return Buffer.concat(this.#received);
  }
  /** All that was received, as latin1. */
  text(): string {
    return this.received().toString('latin1');
  }
  /** What was received since the last call. */
  takeText(): string {
    const text = this.text();
    this.#received = [];
    return text;
  }

  /** @internal The transport reads. */
  give(target: Uint8Array): number {
    const length = Math.min(target.length, this.outgoing.length);
    target.set(this.outgoing.subarray(0, length));
    this.outgoing = this.outgoing.subarray(length);
    return length;
  }

  /** @internal The transport writes. */
  take(bytes: Uint8Array): number {
    const room = this.#paused ? Math.max(0, this.#window - this.#heldBytes) : bytes.length;
    const taken = Buffer.from(bytes.subarray(0, room));
    if (this.#paused) {
      this.#held.push(taken);
      this.#heldBytes += taken.length;
    } else {
      this.#received.push(taken);
      this.receivedBytes += taken.length;
    }
    return taken.length;
  }
}
