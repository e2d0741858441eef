/** A connection that a stream of HTTP/1 has handed out, as a stream again: for a tunnel whose other side is a stream of HTTP/2. */
import { OUTCOME } from '../message/outcome.ts';
import { addressText, type OwnText } from '../message/own-text.ts';
import { type DetachedConnection, NOT_RAW, type ResponseSink, type UpstreamStream } from '../message/stream.ts';
import { send } from '../send.ts';
import type { ConnectionHandler, ConnectionId, Transport } from '../transport.ts';

export class ConnectionStream implements ConnectionHandler, UpstreamStream {
  readonly connected = true;
  readonly exclusive = true;
  readonly #transport: Transport;
  readonly #sink: ResponseSink;
  readonly #id: ConnectionId;
  #gone = false;

  /** Takes the connection over. */
  constructor(transport: Transport, sink: ResponseSink, { id }: DetachedConnection) {
    this.#transport = transport;
    this.#sink = sink;
    this.#id = id;
    transport.setHandler(id, this);
    transport.resume(id);
  }

  // ── towards the server ────────────────────────────────────────────────────────────────────────────────────────

  /** Its request has been sent by the stream that handed it out. */
  hold(): void {}
  unused(): void {}
  head(): void {}

  data(bytes: Uint8Array, start: number, end: number): void {
    send(this.#transport, this.#id, bytes, start, end);
  }

  end(): void {
    this.#transport.shutdown(this.#id);
  }

  pause(): void {
    this.#transport.pause(this.#id);
  }

  resume(): void {
    this.#transport.resume(this.#id);
  }

  localText(): OwnText {
    return addressText(this.#transport.localAddress(this.#id));
  }

  rawTarget(): ConnectionId {
    return NOT_RAW;
  }

  reset(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#transport.reset(this.#id);
  }

  // ── from the transport ────────────────────────────────────────────────────────────────────────────────────────

  onConnect(): void {}

  onData(start: number, end: number): void {
    this.#sink.onData(this.#transport.arena, start, end);
  }

  onEnd(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#transport.close(this.#id);
    this.#sink.onEnd(null);
  }

  onClose(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#sink.onFailed({ outcome: OUTCOME.terminated, stale: false });
  }

  onBlocked(): void {
    this.#sink.onBlocked();
  }

  onDrained(): void {
    this.#sink.onDrained();
  }

  onRelayed(): void {}
}
