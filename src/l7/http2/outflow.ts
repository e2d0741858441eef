/**
 * What a connection sends on its streams: content within the windows of flow control (RFC 9113 §5.2), in frames, one frame of each
 * waiting stream in turn.
 *
 *     content ──window and socket have room──▶ sent at once, as a slice
 *             └──otherwise──▶ kept at its stream ──window or socket opens──▶ sent in turn
 *
 * The last frame of a turn waits for the end of the turn: if the stream ends meanwhile, it carries END_STREAM itself.
 *
 * Invariants (test/l7/http2/flow.test.ts): no window is ever exceeded; a stream's bytes are sent once and in order, and its end after
 * them; a stream that waits for its own window holds up no other; whoever produces is told to pause when more than PAUSE_AT bytes are kept.
 */
import type { Trailers } from '../message/stream.ts';
import type { ConnectionId, Transport } from '../transport.ts';
import { DEFAULT_WINDOW, MAX_WINDOW, MIN_FRAME_SIZE } from './frame.ts';
import type { FrameWriter } from './frame-writer.ts';

const PAUSE_AT = 32 * 1024;
/** Pieces that are kept are put together up to this size: many small ones would cost more than they hold. */
const PIECE = 16 * 1024;
/** Bytes of content from which on a frame is worth its header, however the peer has cut it, or has us cut it (CVE-2019-9511). */
export const WORTH = 256;

/** The sending side of a stream. */
export abstract class OutStream {
  id: number;
  /** Bytes that may be sent; negative after the peer has made its windows smaller. */
  sendWindow: number;
  /** END_STREAM or RST_STREAM has been sent, or the stream is gone. */
  sendClosed = false;
  /** Its producer has been told to pause. */
  sendBlocked = false;
  /** @internal The rest is Outflow's. */
  queued = 0;
  queue: Uint8Array[] | null = null;
  sentOfFirst = 0;
  ending = false;
  trailers: Trailers = null;
  next: OutStream | null = null;
  listed = false;
  /** When something was sent last, while something is kept. */
  movedAt = 0;

  constructor(id: number, window: number) {
    this.id = id;
    this.sendWindow = window;
  }

  abstract onSendBlocked(): void;
  abstract onSendDrained(): void;
  /** END_STREAM has been sent. */
  abstract onSendEnded(): void;
}

export class Outflow {
  window = DEFAULT_WINDOW;
  /** Of new streams. */
  initialWindow = DEFAULT_WINDOW;
  maxFrame = MIN_FRAME_SIZE;
  /** The socket takes no more. */
  blocked = false;
  readonly #transport: Transport;
  readonly #frames: FrameWriter;
  readonly #id: ConnectionId;
  readonly #sendTrailers: (stream: OutStream, trailers: Uint8Array) => void;
  /** Called for every frame of content but for the crumbs of small windows. */
  readonly #onSent: () => void;
  // Streams with content that may be sent, in turn.
  #first: OutStream | null = null;
  #last: OutStream | null = null;
  // The frame that waits for the end of the turn.
  #tail: OutStream | null = null;
  #tailStart = 0;
  #tailEnd = 0;
  #deferred = false;
  readonly #onTurnEnd = (): void => {
    this.#deferred = false;
    this.flush();
  };

  constructor(
    transport: Transport,
    frames: FrameWriter,
    id: ConnectionId,
    sendTrailers: (stream: OutStream, trailers: Uint8Array) => void,
    onSent: () => void,
  ) {
    this.#transport = transport;
    this.#frames = frames;
    this.#id = id;
    this.#sendTrailers = sendTrailers;
    this.#onSent = onSent;
  }

  data(stream: OutStream, bytes: Uint8Array, start: number, end: number): void {
    if (stream.sendClosed || stream.ending) return;
    if (stream.queued === 0 && !this.blocked) {
      for (;;) {
        const size = Math.min(end - start, stream.sendWindow, this.window, this.maxFrame);
        if (size <= 0) break;
        this.#put(stream, bytes, start, start + size, size === end - start);
        start += size;
      }
    }
    if (start < end) this.#keep(stream, bytes, start, end);
  }

  end(stream: OutStream, trailers: Trailers): void {
    if (stream.sendClosed || stream.ending) return;
    if (stream.queued === 0) return this.#finish(stream, trailers);
    stream.ending = true;
    stream.trailers = trailers;
  }

  /** Nothing more of that stream is sent. */
  drop(stream: OutStream): void {
    stream.sendClosed = true;
    stream.queue = null;
    stream.queued = 0;
    if (this.#tail === stream) this.flush();
  }

  /** The frame that waits goes now: something else of its stream follows. */
  flush(): void {
    const stream = this.#tail;
    if (stream === null) return;
    this.#tail = null;
    this.#frames.data(this.#id, stream.id, this.#transport.arena, this.#tailStart, this.#tailEnd, false);
  }

  /** @returns false when the window would be too large. */
  widen(increment: number): boolean {
    this.window += increment;
    if (this.window > MAX_WINDOW) return false;
    this.pump();
    return true;
  }

  /** @returns false when the window would be too large. */
  widenStream(stream: OutStream, increment: number): boolean {
    stream.sendWindow += increment;
    if (stream.sendWindow > MAX_WINDOW) return false;
    if (stream.queued > 0) this.#list(stream);
    this.pump();
    return true;
  }

  /** Sends what has been kept, as far as windows and socket allow. */
  pump(): void {
    while (this.#first !== null && !this.blocked && this.window > 0) {
      const stream = this.#shift();
      if (stream !== null) this.#pumpStream(stream);
    }
  }

  #pumpStream(stream: OutStream): void {
    const piece = stream.queue?.[0];
    if (stream.sendClosed || piece === undefined) return;
    const start = stream.sentOfFirst;
    const size = Math.min(piece.length - start, stream.sendWindow, this.window, this.maxFrame);
    // Its own window is closed: it is listed again when that opens.
    if (size <= 0) return;
    this.#put(stream, piece, start, start + size, start + size === piece.length);
    stream.movedAt = this.#transport.now;
    stream.queued -= size;
    stream.sentOfFirst += size;
    if (stream.sentOfFirst === piece.length) {
      stream.queue?.shift();
      stream.sentOfFirst = 0;
    }
    if (stream.queued > 0) return this.#list(stream);
    stream.queue = null;
    if (stream.ending) return this.#finish(stream, stream.trailers);
    if (!stream.sendBlocked) return;
    stream.sendBlocked = false;
    stream.onSendDrained();
  }

  /** @param whole what there was to send is sent. */
  #put(stream: OutStream, bytes: Uint8Array, start: number, end: number, whole: boolean): void {
    this.flush();
    if (whole || end - start >= WORTH) this.#onSent();
    stream.sendWindow -= end - start;
    this.window -= end - start;
    if (bytes !== this.#transport.arena) return this.#frames.data(this.#id, stream.id, bytes, start, end, false);
    this.#tail = stream;
    this.#tailStart = start;
    this.#tailEnd = end;
    if (this.#deferred) return;
    this.#deferred = true;
    this.#transport.defer(this.#onTurnEnd);
  }

  #finish(stream: OutStream, trailers: Trailers): void {
    stream.sendClosed = true;
    if (trailers !== null) {
      this.flush();
      this.#sendTrailers(stream, trailers);
    } else if (this.#tail === stream) {
      this.#tail = null;
      this.#frames.data(this.#id, stream.id, this.#transport.arena, this.#tailStart, this.#tailEnd, true);
    } else {
      this.#frames.data(this.#id, stream.id, this.#transport.arena, 0, 0, true);
    }
    stream.onSendEnded();
  }

  #keep(stream: OutStream, bytes: Uint8Array, start: number, end: number): void {
    const queue = (stream.queue ??= []);
    const last = queue.length > 1 ? queue.at(-1) : undefined;
    const more = bytes.subarray(start, end);
    if (last !== undefined && last.length + more.length <= PIECE) queue[queue.length - 1] = Buffer.concat([last, more]);
    else queue.push(Uint8Array.from(more));
    if (stream.queued === 0) stream.movedAt = this.#transport.now;
    stream.queued += end - start;
    if (stream.sendWindow > 0) this.#list(stream);
    if (stream.sendBlocked || stream.queued <= PAUSE_AT) return;
    stream.sendBlocked = true;
    stream.onSendBlocked();
  }

  #list(stream: OutStream): void {
    if (stream.listed) return;
    stream.listed = true;
    if (this.#last === null) this.#first = stream;
    else this.#last.next = stream;
    this.#last = stream;
  }

  #shift(): OutStream | null {
    const stream = this.#first;
    if (stream === null) return null;
    this.#first = stream.next;
    if (this.#first === null) this.#last = null;
    stream.next = null;
    stream.listed = false;
    return stream;
  }
}
