/**
 * One end of an HTTP/2 connection: everything that does not depend on which end it is. Frames come in and are checked against the state
 * of their stream; windows, SETTINGS, PING, GOAWAY and the bounds against abuse are kept; streams are told what concerns them.
 *
 *     open ──GOAWAY sent or received──▶ going away: no new streams ──last stream gone──▶ gone
 *       └──error of the connection: GOAWAY sent──▶ lingering: FIN sent, what still comes is discarded ──▶ gone
 *
 * Invariants (test/l7/http2/connection.test.ts, a total table of frames and states; abuse: test/l7/engine/http2-abuse.test.ts):
 *  1. an error of a stream ends that stream alone; an error of the connection ends all of them, each once;
 *  2. a stream is in `streams` from its head until both sides have ended it or one has reset it, and hears nothing afterwards;
 *  3. a header block is always decoded, whatever happens to its stream: the table follows the peer's;
 *  4. what is kept for a peer is bounded: one frame, one block, its streams' windows, the identifiers of MOST_RESETS streams, and
 *     MOST_UNREAD bytes of frames that it does not take;
 *  5. a connection that is gone has given its socket back.
 */
import { Timer } from '../../base/timer-wheel.ts';
import type { Trailers } from '../message/stream.ts';
import { type CloseReason, type ConnectionHandler, type ConnectionId, LINGER_MS } from '../transport.ts';
import { type Flood, FloodGuard, MAX_STREAMS } from './flood-guard.ts';
import { ErrorCode, FRAME_HEADER, FrameFlag, FrameType, MIN_FRAME_SIZE } from './frame.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import type { BlockFault, BlockKind } from './head-lines.ts';
import { BlockReader } from './block-reader.ts';
import { Decoded } from './hpack-decoder.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import { Inflow, InStream } from './inflow.ts';
import { Outflow, OutStream, WORTH } from './outflow.ts';
import { PeerSettings } from './peer-settings.ts';
import { afterEndReceived, afterEndSent, receipt, Receipt, StreamState } from './stream-state.ts';
import { StreamTable } from './stream-table.ts';
import type { Http2Wire } from './wire.ts';

/** Streams that we have reset, whose frames may still be under way. */
const MOST_RESETS = 1000;
/** Of the decoder's table: what every peer may use without asking. */
const TABLE_SIZE = 4096;

/**
 * What may wait for a peer that takes nothing from the wire, beside the content that flow control holds back: as many streams as a peer may
 * have, each answered with a head of four kilobytes.
 */
const MOST_UNREAD = 4 * 1024 * MAX_STREAMS;

/** Why a connection is given up, for a counter. */
export type Http2Fault = 'http2_protocol_error' | 'http2_header_flood' | 'http2_unread_flood' | `http2_${Flood}_flood`;

/** A stream as its connection sees it. */
export abstract class Http2Stream extends OutStream {
  state: StreamState = StreamState.Open;
  readonly inflow = new InStream();
  /** Bytes of content that are still announced; −1: nothing is. */
  announced = -1;
  /** In milliseconds, of the transport's clock. */
  openedAt = 0;

  abstract onContent(bytes: Uint8Array, start: number, end: number): void;
  /** The peer has ended its side. */
  onPeerEnd(_trailers: Trailers): void {}
  /** The stream is over without having ended: the peer has reset it, we had to, or the connection is gone. @param code what the peer says. */
  abstract onLost(code: ErrorCode, cause: LostCause): void;
}

export const LostCause = {
  /** RST_STREAM came. */
  Reset: 0,
  /** What the peer sent on it was malformed. */
  Malformed: 1,
  /** The connection is gone. */
  Connection: 2,
  /** The connection is going, and the peer says that it has not looked at the stream. */
  Unprocessed: 3,
} as const;
export type LostCause = (typeof LostCause)[keyof typeof LostCause];

export abstract class Http2Connection<S extends Http2Stream> implements ConnectionHandler, FrameSink {
  abstract readonly id: ConnectionId;
  readonly wire: Http2Wire;
  readonly streams = new StreamTable<S>();
  readonly settings = new PeerSettings();
  readonly encoder = new HpackEncoder();
  readonly guard: FloodGuard;
  readonly inflow: Inflow;
  gone = false;
  /** SETTINGS of the peer have come. */
  greeted = false;
  protected readonly reader: FrameReader;
  readonly #blocks = new BlockReader(TABLE_SIZE);
  readonly #resets = new Set<number>();
  #outflow: Outflow | null = null;
  /** The stream of the DATA frame under way; null: its content is thrown away. */
  #receiving: S | null = null;
  #receivingLength = 0;
  /** That frame has brought something besides padding. */
  #received = false;
  /** Bytes written since the socket took no more, but for content. */
  #unread = 0;
  #lingering = false;
  #timer: Timer | null = null;

  constructor(wire: Http2Wire) {
    this.wire = wire;
    this.guard = new FloodGuard(wire.transport.now);
    this.reader = new FrameReader(this, MIN_FRAME_SIZE);
    this.inflow = new Inflow({ window: (stream, increment) => wire.frames.window(this.id, stream, increment) });
  }

  /** It has been given up, and waits until the peer has heard of that. */
  protected get lingering(): boolean {
    return this.#lingering;
  }

  get outflow(): Outflow {
    const { transport, frames } = this.wire;
    const trailers = (stream: OutStream, lines: Uint8Array): void => this.#sendTrailers(stream, lines);
    return (this.#outflow ??= new Outflow(transport, frames, this.id, trailers, () => this.guard.moved()));
  }

  // ── what the two ends do in their own ways ────────────────────────────────────────────────────────────────────

  /** Of a stream that is not in `streams`. */
  protected abstract stateOf(stream: number): StreamState;
  /** A header block has come whole. It has to be decoded. */
  abstract onBlock(stream: number, endStream: boolean, bytes: Uint8Array, start: number, end: number): void;
  abstract onGoAway(lastStream: number, code: ErrorCode): void;
  /** SETTINGS have come. */
  protected onPeerSettings(): void {}
  protected onPong(): void {}
  /** A stream ends before its time by the peer's doing. @returns false when there were too many. */
  protected spendReset(_stream: S): boolean {
    return true;
  }
  /** A stream has left `streams`. */
  protected abstract onStreamGone(stream: S): void;
  /** The connection is given up, because the peer does what it must not. */
  protected abstract onFault(fault: Http2Fault): void;
  /** The connection is gone, and its streams with it. */
  protected abstract onGone(): void;
  /** The largest identifier that a GOAWAY names. */
  protected abstract readonly lastPeerStream: number;

  // ── from the transport ────────────────────────────────────────────────────────────────────────────────────────

  onConnect(): void {}

  onData(start: number, end: number): void {
    if (!this.#lingering) this.receive(this.wire.transport.arena, start, end);
  }

  onEnd(): void {
    this.lose();
  }

  onClose(_reason: CloseReason): void {
    this.leave();
  }

  onBlocked(): void {
    this.outflow.blocked = true;
  }

  onDrained(): void {
    this.#unread = 0;
    this.outflow.blocked = false;
    this.outflow.pump();
  }

  onRelayed(): void {}

  receive(bytes: Uint8Array, start: number, end: number): void {
    const code = this.reader.receive(bytes, start, end);
    if (code !== ErrorCode.NoError) this.fail(code, code === ErrorCode.EnhanceYourCalm ? floodOf(this.guard) : 'http2_protocol_error');
  }

  // ── frames ────────────────────────────────────────────────────────────────────────────────────────────────────

  onFrame(type: number, flags: number, id: number, length: number): ErrorCode {
    if (!this.greeted && (type !== FrameType.Settings || (flags & FrameFlag.Ack) !== 0)) return ErrorCode.Protocol;
    if (type === FrameType.Data) return this.#beginData(id, length);
    // A block has to be decoded before anything is said of its stream.
    if (type === FrameType.Headers || type === FrameType.Continuation) return ErrorCode.NoError;
    const stream = this.streams.get(id);
    // A stream is given up once, and early only within a budget of its own.
    const isCounted = type !== FrameType.RstStream || stream === undefined;
    if (isCounted && !this.guard.control(this.wire.transport.now)) return ErrorCode.EnhanceYourCalm;
    if (id === 0 || type === FrameType.Priority) return ErrorCode.NoError;
    const verdict = receipt(stream?.state ?? this.stateOf(id), type);
    return verdict === Receipt.Protocol ? ErrorCode.Protocol : ErrorCode.NoError;
  }

  #beginData(id: number, length: number): ErrorCode {
    const { guard } = this;
    if (!this.inflow.takes(length)) return ErrorCode.FlowControl;
    this.#receivingLength = length;
    this.#received = false;
    const stream = this.streams.get(id) ?? null;
    const verdict = receipt(stream?.state ?? this.stateOf(id), FrameType.Data);
    this.#receiving = verdict === Receipt.Take ? stream : null;
    if (verdict === Receipt.Protocol) return ErrorCode.Protocol;
    if (verdict === Receipt.StreamClosed) this.#refuseFrame(id, stream);
    if (this.#receiving === null || stream === null) {
      // What was under way when we gave the stream up is no abuse, if it is more than crumbs.
      if (verdict === Receipt.Ignore && length >= WORTH) return ErrorCode.NoError;
      return guard.empty(this.wire.transport.now) ? ErrorCode.NoError : ErrorCode.EnhanceYourCalm;
    }
    stream.inflow.window -= length;
    if (stream.inflow.window < 0) this.breakStream(stream, ErrorCode.FlowControl);
    return ErrorCode.NoError;
  }

  /** @param stream null: it is closed. */
  #refuseFrame(id: number, stream: S | null): void {
    if (stream !== null) this.breakStream(stream, ErrorCode.StreamClosed);
    else this.resetId(id, ErrorCode.StreamClosed);
  }

  onContent(stream: S, bytes: Uint8Array, start: number, end: number): void {
    if (stream.announced >= 0) {
      stream.announced -= end - start;
      // RFC 9113 §8.1.1: what is announced and what is sent must agree.
      if (stream.announced < 0) return this.breakStream(stream, ErrorCode.Protocol);
    }
    stream.onContent(bytes, start, end);
  }

  onDataPiece(bytes: Uint8Array, start: number, end: number): void {
    if (this.#receiving === null) return;
    this.#received = true;
    this.onContent(this.#receiving, bytes, start, end);
  }

  onDataEnd(id: number, endStream: boolean): void {
    const stream = this.#receiving;
    this.#receiving = null;
    if (this.#received) this.guard.moved();
    else if (stream !== null && !endStream && !this.guard.empty(this.wire.transport.now))
      return this.fail(ErrorCode.EnhanceYourCalm, 'http2_empty_flood');
    this.inflow.passed(id, stream?.inflow ?? null, this.#receivingLength, endStream);
    if (stream !== null && endStream) this.peerEnds(stream, null);
  }

  onReset(id: number, code: ErrorCode): void {
    const stream = this.streams.get(id);
    if (stream === undefined) return;
    if (!this.spendReset(stream)) return this.fail(ErrorCode.EnhanceYourCalm, 'http2_reset_flood');
    this.forget(stream, StreamState.Closed);
    stream.onLost(code, LostCause.Reset);
  }

  onSettings(bytes: Uint8Array, start: number, end: number): void {
    const before = this.settings.initialWindow;
    const code = this.settings.take(bytes, start, end);
    if (code !== ErrorCode.NoError) return this.fail(code, 'http2_protocol_error');
    const { headerTableSize, initialWindow, maxFrame } = this.settings;
    this.encoder.limit(headerTableSize);
    this.outflow.maxFrame = Math.min(maxFrame, MOST_IN_FRAME);
    this.outflow.initialWindow = initialWindow;
    this.greeted = true;
    this.wire.frames.settingsAck(this.id);
    this.#wrote(0);
    if (initialWindow !== before) {
      for (const stream of this.streams.all()) {
        if (!this.outflow.widenStream(stream, initialWindow - before)) return this.fail(ErrorCode.FlowControl, 'http2_protocol_error');
      }
    }
    this.onPeerSettings();
  }

  onSettingsAck(): void {}

  onPing(bytes: Uint8Array, start: number, ack: boolean): void {
    if (ack) return this.onPong();
    this.wire.frames.ping(this.id, bytes, start, true);
    this.#wrote(8);
  }

  onWindow(id: number, increment: number): void {
    if (id === 0) {
      if (increment === 0) this.fail(ErrorCode.Protocol, 'http2_protocol_error');
      else if (!this.outflow.widen(increment)) this.fail(ErrorCode.FlowControl, 'http2_protocol_error');
      return;
    }
    const stream = this.streams.get(id);
    if (stream === undefined) return;
    if (increment === 0) this.breakStream(stream, ErrorCode.Protocol);
    else if (!this.outflow.widenStream(stream, increment)) this.breakStream(stream, ErrorCode.FlowControl);
  }

  // ── streams ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Decodes a block into the worker's lines. @returns null when the connection is given up. */
  protected decode(kind: BlockKind, bytes: Uint8Array, start: number, end: number): BlockFault | null {
    const result = this.#blocks.read(kind, bytes, start, end, this.wire.lines);
    if (result >= 0) return result as BlockFault;
    if (result === Decoded.Malformed) this.fail(ErrorCode.Compression, 'http2_protocol_error');
    else this.fail(ErrorCode.EnhanceYourCalm, 'http2_header_flood');
    return null;
  }

  /** Brings the decoded lines to where heads lie. @returns where they begin. */
  protected place(): number {
    const { transport, lines } = this.wire;
    const at = transport.reserve(lines.size);
    lines.copyTo(transport.arena, at);
    return at;
  }

  protected stateOfKnown(id: number): StreamState {
    return this.#resets.has(id) ? StreamState.Reset : StreamState.Closed;
  }

  protected peerEnds(stream: S, trailers: Trailers): void {
    if (stream.announced > 0) return this.breakStream(stream, ErrorCode.Protocol);
    stream.state = afterEndReceived(stream.state);
    if (stream.state === StreamState.Closed) this.forget(stream, StreamState.Closed);
    stream.onPeerEnd(trailers);
  }

  /** END_STREAM has been sent. */
  sendEnded(stream: S): void {
    stream.sendClosed = true;
    stream.state = afterEndSent(stream.state);
    if (stream.state === StreamState.Closed) this.forget(stream, StreamState.Closed);
  }

  /** What came on it is wrong. Who makes us reset a stream has cost us as much as who resets it (CVE-2025-8671). */
  breakStream(stream: S, code: ErrorCode): void {
    this.cancel(stream, code);
    stream.onLost(code, LostCause.Malformed);
    if (!this.spendReset(stream)) this.fail(ErrorCode.EnhanceYourCalm, 'http2_reset_flood');
  }

  /** Sends RST_STREAM; the stream hears nothing more. */
  cancel(stream: S, code: ErrorCode): void {
    if (this.streams.get(stream.id) !== stream) return;
    this.forget(stream, StreamState.Reset);
    this.guard.gaveUp();
    this.resetId(stream.id, code);
  }

  protected resetId(id: number, code: ErrorCode): void {
    this.#resets.add(id);
    if (this.#resets.size > MOST_RESETS)
      for (const oldest of this.#resets) {
        this.#resets.delete(oldest);
        break;
      }
    this.wire.frames.reset(this.id, id, code);
    this.#wrote(4);
  }

  protected forget(stream: S, state: StreamState): void {
    stream.state = state;
    this.streams.delete(stream.id);
    this.inflow.forget(stream.inflow);
    this.outflow.drop(stream);
    if (this.#receiving === stream) this.#receiving = null;
    this.onStreamGone(stream);
  }

  /** Writes what `blocks` holds. */
  protected sendBlock(stream: Http2Stream, endStream: boolean): void {
    const { frames, blocks } = this.wire;
    frames.block(this.id, stream.id, blocks.bytes, blocks.length, endStream, this.outflow.maxFrame);
    this.#wrote(blocks.length);
  }

  #sendTrailers(stream: OutStream, lines: Uint8Array): void {
    const { frames, blocks } = this.wire;
    blocks.trailers(this.encoder, lines);
    frames.block(this.id, stream.id, blocks.bytes, blocks.length, true, this.outflow.maxFrame);
    this.#wrote(blocks.length);
  }

  /** A frame that nothing holds back has been written: whoever takes nothing from the wire could have us keep ever more of them. */
  #wrote(payload: number): void {
    if (!this.outflow.blocked) return;
    const before = this.#unread;
    this.#unread += FRAME_HEADER + payload;
    if (before > MOST_UNREAD || this.#unread <= MOST_UNREAD) return;
    // Not amid what has led here.
    this.wire.transport.defer(() => this.fail(ErrorCode.EnhanceYourCalm, 'http2_unread_flood'));
  }

  // ── ends ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** An error of the connection. */
  fail(code: ErrorCode, fault: Http2Fault): void {
    if (this.gone || this.#lingering) return;
    this.#lingering = true;
    this.reader.stop();
    this.outflow.flush();
    const { transport, frames } = this.wire;
    frames.goAway(this.id, this.lastPeerStream, code);
    this.onFault(fault);
    this.#loseStreams(code);
    transport.shutdown(this.id);
    transport.resume(this.id);
    this.#timer = new Timer(() => {
      this.leave();
      transport.close(this.id);
    });
    transport.timers.arm(this.#timer, LINGER_MS);
  }

  /** The peer has gone, or nobody needs it any more: what is under way is lost. */
  lose(): void {
    if (this.gone) return;
    this.leave();
    this.wire.transport.close(this.id);
  }

  protected leave(): void {
    if (this.gone) return;
    this.gone = true;
    this.reader.stop();
    if (this.#timer !== null) this.wire.transport.timers.disarm(this.#timer);
    this.#loseStreams(ErrorCode.NoError);
    this.onGone();
  }

  #loseStreams(code: ErrorCode): void {
    for (const stream of this.streams.all()) {
      if (this.streams.get(stream.id) !== stream) continue;
      this.forget(stream, StreamState.Closed);
      stream.onLost(code, LostCause.Connection);
    }
  }
}

/** Longer frames keep other streams waiting. */
const MOST_IN_FRAME = MIN_FRAME_SIZE;

function floodOf(guard: FloodGuard): Http2Fault {
  return guard.flood === null ? 'http2_header_flood' : `http2_${guard.flood}_flood`;
}
