/**
 * A client's HTTP/2 connection: every stream is an exchange of its own.
 *
 *     serving ──drain──▶ GOAWAY with the largest identifier, PING ──PONG, or 1 s──▶ GOAWAY with the last stream ──all ended──▶ gone
 *        └─ what every HTTP/2 connection may come to: src/l7/http2/connection.ts
 *
 * Invariants (test/l7/engine/http2-server.test.ts):
 *  1. a stream that was not refused has one exchange, and that one gets all of its request;
 *  2. no request is lost by draining: what comes after the first GOAWAY is served, what comes after the second one is refused unseen;
 *  3. a client that does not read one stream's answer holds up the upstream of that stream alone.
 */
import { Timer } from '../../base/timer-wheel.ts';
import type { ExchangeStack } from '../exchange/exchange.ts';
import type { Origin } from '../exchange/origin.ts';
import { normalizeHead } from '../http1/normalized-head.ts';
import { parseError } from '../http1/parse-error.ts';
import { parseRequestHead } from '../http1/parser.ts';
import { Http2Connection, type Http2Fault } from '../http2/connection.ts';
import { MAX_STREAMS } from '../http2/flood-guard.ts';
import { ErrorCode, FrameType, MAX_WINDOW, PREFACE, Setting } from '../http2/frame.ts';
import { BlockFault, BlockKind } from '../http2/head-lines.ts';
import { STREAM_WINDOW } from '../http2/inflow.ts';
import { receipt, Receipt, StreamState } from '../http2/stream-state.ts';
import type { HeadChanges } from '../message/head-changes.ts';
import type { Head } from '../message/head.ts';
import type { ConnectionId } from '../transport.ts';
import { type Http2Ground, Http2ServerStream, type ServerCarrier } from './http2-server-stream.ts';
import type { ClientConnection } from './server-list.ts';

/** How long a client may take to answer the PING that asks whether it has seen GOAWAY. */
const GOAWAY_MS = 1000;
const PING: Uint8Array = Buffer.from('draining', 'latin1');

export class Http2Server extends Http2Connection<Http2ServerStream> implements ClientConnection, ServerCarrier {
  readonly id: ConnectionId;
  slot = -1;
  usedAt: number;
  readonly ground: Http2Ground;
  readonly stack: ExchangeStack;
  readonly origin: Origin;
  /** Bytes of the preface that have come. */
  #preface = 0;
  #last = 0;
  #going: 'no' | 'soon' | 'yes' = 'no';
  #goawayTimer: Timer | null = null;

  /** @param taken the connection as it was known before its client showed what it speaks. */
  constructor(ground: Http2Ground, stack: ExchangeStack, origin: Origin, id: ConnectionId, taken: ClientConnection) {
    super(ground.http2);
    this.ground = ground;
    this.stack = stack;
    this.origin = origin;
    this.id = id;
    this.usedAt = this.wire.transport.now;
    ground.list.replace(taken, this);
    const { frames, limits } = this.wire;
    frames.settings(id, [
      [Setting.MaxConcurrentStreams, MAX_STREAMS],
      [Setting.InitialWindowSize, STREAM_WINDOW],
      [Setting.MaxHeaderListSize, limits.heads.maxHeadBytes],
      [Setting.EnableConnectProtocol, 1],
    ]);
    this.inflow.open();
    if (ground.list.draining) this.drain();
  }

  get busy(): boolean {
    return this.streams.size > 0;
  }

  /** A frame that does not become whole is as good as silence. */
  get begun(): boolean {
    return this.greeted && (this.busy || !this.reader.amid);
  }

  endStalled(since: number): void {
    for (const stream of this.streams.all()) {
      if (stream.queued > 0 && stream.movedAt < since) this.breakStream(stream, ErrorCode.Cancel);
    }
  }

  protected get lastPeerStream(): number {
    return this.#last;
  }

  /** Nothing is under way. */
  close(): void {
    if (this.gone || this.lingering) return;
    this.wire.frames.goAway(this.id, this.#last, ErrorCode.NoError);
    this.lose();
  }

  drain(): void {
    if (this.#going !== 'no' || this.gone) return;
    this.#going = 'soon';
    this.wire.frames.goAway(this.id, MAX_WINDOW, ErrorCode.NoError);
    this.wire.frames.ping(this.id, PING, 0, false);
    this.#goawayTimer = new Timer(() => this.onPong());
    this.wire.transport.timers.arm(this.#goawayTimer, GOAWAY_MS);
  }

  override receive(bytes: Uint8Array, start: number, end: number): void {
    while (this.#preface < PREFACE.length && start < end) {
      if (bytes[start++] !== PREFACE[this.#preface++]) return this.fail(ErrorCode.Protocol, 'http2_protocol_error');
    }
    if (start < end) super.receive(bytes, start, end);
    // What comes in drops is no use of the connection before it is whole.
    if (!this.reader.amid) this.usedAt = this.wire.transport.now;
  }

  // ── frames ────────────────────────────────────────────────────────────────────────────────────────────────────

  protected override stateOf(id: number): StreamState {
    return id % 2 === 0 || id > this.#last ? StreamState.Idle : this.stateOfKnown(id);
  }

  override onBlock(id: number, endStream: boolean, bytes: Uint8Array, start: number, end: number): void {
    const known = this.streams.get(id);
    const state = known?.state ?? this.stateOf(id);
    const fault = this.decode(known === undefined ? BlockKind.Request : BlockKind.Trailers, bytes, start, end);
    if (fault === null) return;
    switch (receipt(state, FrameType.Headers)) {
      case Receipt.Take:
        if (known === undefined) return this.#open(id, endStream, fault);
        if (!endStream || fault !== BlockFault.None) return this.breakStream(known, ErrorCode.Protocol);
        return this.peerEnds(known, this.wire.lines.trailers());
      case Receipt.StreamClosed:
        return known === undefined ? undefined : this.breakStream(known, ErrorCode.StreamClosed);
      case Receipt.ConnectionClosed:
        return this.fail(ErrorCode.StreamClosed, 'http2_protocol_error');
      default:
        return;
    }
  }

  #open(id: number, endStream: boolean, fault: BlockFault): void {
    if (id % 2 === 0) return this.fail(ErrorCode.Protocol, 'http2_protocol_error');
    this.#last = id;
    if (this.#going === 'yes' || this.streams.size >= MAX_STREAMS) return this.#refuse(id, ErrorCode.RefusedStream);
    if (fault === BlockFault.Malformed) return this.#refuse(id, ErrorCode.Protocol);
    const { transport, requestHead: head, limits, lines } = this.wire;
    const stream = new Http2ServerStream(this, id, this.outflow.initialWindow);
    stream.openedAt = this.wire.transport.now;
    this.streams.add(stream);
    if (fault === BlockFault.TooLarge) return stream.refuse(431, 'the head is too large');
    const at = this.place();
    const next = parseRequestHead(transport.arena, at, at + lines.size, head, limits.heads, lines.fieldLines);
    const refusal = next < 0 ? parseError(next) : normalizeHead(head, limits.heads, this.ground.tools.runtime.mesh.pathNormalization, null);
    if (refusal !== null) return stream.refuse(refusal.status, refusal.message);
    this.#begin(stream, head, endStream);
  }

  #begin(stream: Http2ServerStream, head: Head, endStream: boolean): void {
    stream.announced = head.contentLength;
    if (endStream && head.contentLength > 0) return this.breakStream(stream, ErrorCode.Protocol);
    if (endStream) stream.state = StreamState.HalfRemote;
    stream.begin(head, endStream);
  }

  /** A stream that never came to be. It has cost us a header block. */
  #refuse(id: number, code: number): void {
    if (code === ErrorCode.Protocol) this.ground.tools.recorder.refused('bad_request');
    if (this.guard.empty(this.wire.transport.now)) this.resetId(id, code);
    else this.fail(ErrorCode.EnhanceYourCalm, 'http2_empty_flood');
  }

  /** Each stream has cost a whole exchange. */
  protected override spendReset({ openedAt }: Http2ServerStream): boolean {
    return this.guard.reset(this.wire.transport.now, openedAt);
  }

  /** The client will open no further streams. */
  override onGoAway(): void {
    this.#going = 'yes';
    this.#closeIfDone();
  }

  protected override onPong(): void {
    if (this.#going !== 'soon') return;
    this.#going = 'yes';
    this.wire.frames.goAway(this.id, this.#last, ErrorCode.NoError);
    this.#closeIfDone();
  }

  // ── responses ─────────────────────────────────────────────────────────────────────────────────────────────────

  sendResponse(stream: Http2ServerStream, head: Head, changes: HeadChanges, status: number, endStream: boolean): void {
    this.wire.blocks.response(this.encoder, head, changes, status);
    this.sendBlock(stream, endStream);
  }

  /** Of a block that has been written. */
  sendWritten(stream: Http2ServerStream, endStream: boolean): void {
    this.sendBlock(stream, endStream);
  }

  // ── ends ──────────────────────────────────────────────────────────────────────────────────────────────────────

  protected override onStreamGone(): void {
    this.usedAt = this.wire.transport.now;
    if (this.#going === 'yes') this.wire.transport.defer(() => this.#closeIfDone());
  }

  #closeIfDone(): void {
    if (this.streams.size === 0 && !this.lingering) this.lose();
  }

  protected override onFault(fault: Http2Fault): void {
    this.ground.tools.recorder.refused(fault);
  }

  protected override onGone(): void {
    if (this.#goawayTimer !== null) this.wire.transport.timers.disarm(this.#goawayTimer);
    this.ground.list.remove(this);
  }
}
