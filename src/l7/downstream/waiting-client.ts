/** A client whose upstream connection has to wait for its turn: it is read no further, and what it has sent is kept. */
import type { CloseReason, ConnectionHandler, ConnectionId, Transport } from '../transport.ts';

export class WaitingClient implements ConnectionHandler {
  first: Uint8Array | null;
  ended: boolean;
  readonly #transport: Transport;
  readonly #gone: () => void;

  /** Takes the connection over. @param first what it has sent. @param gone it does not wait any longer. */
  constructor(transport: Transport, id: ConnectionId, first: Uint8Array | null, ended: boolean, gone: () => void) {
    this.#transport = transport;
    this.first = first;
    this.ended = ended;
    this.#gone = gone;
    transport.setHandler(id, this);
    transport.pause(id);
  }

  /** What the turn had read before it was paused. */
  onData(start: number, end: number): void {
    const bytes = this.#transport.arena.subarray(start, end);
    this.first = this.first === null ? bytes.slice() : Buffer.concat([this.first, bytes]);
  }

  onEnd(): void {
    this.ended = true;
  }

  onClose(_reason: CloseReason): void {
    this.#gone();
  }

  onConnect(): void {}
  onBlocked(): void {}
  onDrained(): void {}
  onRelayed(): void {}
}
