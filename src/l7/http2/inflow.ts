/**
 * The windows that we give to a peer (RFC 9113 §5.2). A byte is given back when it has been passed on; while the receiver of a stream is
 * paused, what still comes on the stream is held against the windows of the stream and of the connection.
 *
 * Invariants (test/l7/http2/flow.test.ts): what is received and not yet passed on is bounded by the stream's window, and for all streams
 * of a connection by the connection's; what a stream holds when it goes is given back to the connection.
 */
import { DEFAULT_WINDOW } from './frame.ts';

/** Of each stream: as much as a connection may have unsent (HIGH_WATER). */
export const STREAM_WINDOW = 256 * 1024;
/** Of all streams of a connection: 64 that stand still do not hold up the others. */
export const CONNECTION_WINDOW = 64 * STREAM_WINDOW;

/** The receiving side of a stream. */
export class InStream {
  /** Bytes that the peer may still send. */
  window = STREAM_WINDOW;
  /** Passed on, and not given back yet. */
  credit = 0;
  /** Received while paused. */
  held = 0;
  paused = false;
}

export interface WindowSender {
  /** @param stream 0: the connection. */
  window(stream: number, increment: number): void;
}

export class Inflow {
  readonly #sender: WindowSender;
  #window = DEFAULT_WINDOW;
  #credit = 0;

  constructor(sender: WindowSender) {
    this.#sender = sender;
  }

  /** Opens the connection's window. */
  open(): void {
    this.#sender.window(0, CONNECTION_WINDOW - DEFAULT_WINDOW);
    this.#window = CONNECTION_WINDOW;
  }

  /** A DATA frame of so many bytes begins. @returns false when the connection's window is exceeded. */
  takes(length: number): boolean {
    this.#window -= length;
    return this.#window >= 0;
  }

  /** The frame has been passed on, or thrown away. @param stream null: it is closed. @param ended no more will come on it. */
  passed(id: number, stream: InStream | null, length: number, ended: boolean): void {
    if (stream !== null && stream.paused) stream.held += length;
    else this.#giveBack(id, ended ? null : stream, length);
  }

  pause(stream: InStream): void {
    stream.paused = true;
  }

  resume(id: number, stream: InStream, ended: boolean): void {
    stream.paused = false;
    const { held } = stream;
    stream.held = 0;
    if (held > 0) this.#giveBack(id, ended ? null : stream, held);
  }

  /** The stream is gone. */
  forget(stream: InStream): void {
    if (stream.held > 0) this.#giveBack(0, null, stream.held);
    stream.held = 0;
  }

  #giveBack(id: number, stream: InStream | null, length: number): void {
    this.#credit += length;
    if (this.#credit >= CONNECTION_WINDOW / 4) {
      this.#sender.window(0, this.#credit);
      this.#window += this.#credit;
      this.#credit = 0;
    }
    if (stream === null) return;
    stream.credit += length;
    if (stream.credit < STREAM_WINDOW / 2) return;
    this.#sender.window(id, stream.credit);
    stream.window += stream.credit;
    stream.credit = 0;
  }
}
