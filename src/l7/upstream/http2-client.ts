/**
 * An HTTP/2 connection to an endpoint: carries as many requests at once as the endpoint allows.
 *
 *     open ──GOAWAY, or told to retire──▶ retiring: no new streams ──last stream gone──▶ gone
 *
 * Invariants (test/l7/upstream/http2-client.test.ts):
 *  1. it never has more streams than the peer, and its home, allow;
 *  2. a sink hears of a whole response, of a tunnel, or of a failure: of one of them, once, unless it has given its request up;
 *  3. a request that the peer says it has not looked at fails in such a way that it may always be sent again.
 */
import { Timer } from '../../base/timer-wheel.ts';
import type { PoolConfig } from '../config/cluster.ts';
import { parseResponseHead } from '../http1/parser.ts';
import { websocketAccept } from '../http1/websocket-handshake.ts';
import { Http2Connection, type Http2Fault, LostCause } from '../http2/connection.ts';
import { ErrorCode, FrameType, MAX_WINDOW, PREFACE, Setting } from '../http2/frame.ts';
import { BlockFault, BlockKind } from '../http2/head-lines.ts';
import { STREAM_WINDOW } from '../http2/inflow.ts';
import { receipt, Receipt, StreamState } from '../http2/stream-state.ts';
import type { Http2Wire } from '../http2/wire.ts';
import type { Head } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import { OUTCOME, type Outcome } from '../message/outcome.ts';
import { addressText, type OwnText } from '../message/own-text.ts';
import { CloseReason, type ConnectionId, type ConnectOptions } from '../transport.ts';
import { type ClientCarrier, Http2ClientStream } from './http2-client-stream.ts';

/** Until an endpoint has said how many streams it takes (RFC 9113 §6.5.2 recommends that nobody goes below this). */
export const FIRST_STREAMS = 100;
/** A connection whose identifiers run out retires in time. */
const LAST_ID = MAX_WINDOW - 1000;
const PING: Uint8Array = Buffer.from('liveness', 'latin1');

/** Whoever gives its streams out. */
export interface Http2Home {
  /** How many streams the endpoint takes on a connection on which it has not said so yet. */
  readonly expectedStreams: number;
  /** A stream has ended. */
  ended(stream: Http2ClientStream): void;
  /** It may take more streams than before. */
  released(client: Http2Client): void;
  /** The connection is established. */
  established(client: Http2Client): void;
  /** The connection takes no further streams. */
  retired(client: Http2Client): void;
  /** The connection is gone. */
  forget(client: Http2Client): void;
  /** The peer has broken the rules. */
  broken(fault: Http2Fault): void;
}

type Keepalive = NonNullable<PoolConfig['http2Keepalive']>;

export interface Http2ClientRules {
  /** Streams at a time. */
  readonly maxStreams: number;
  /** Of all that it ever carries. */
  readonly maxRequests: number;
  /** After which it takes no more; 0: none. */
  readonly maxAgeMs: number;
  /** PINGs that ask whether the endpoint is still there; null: none. */
  readonly keepalive: Keepalive | null;
}

export class Http2Client extends Http2Connection<Http2ClientStream> implements ClientCarrier {
  readonly id: ConnectionId;
  #localText: OwnText | null = null;
  connected = false;
  idleSince: number;
  /** Streams that it has begun. */
  served = 0;
  /** Times that something came. */
  reads = 0;
  retiring = false;
  readonly #home: Http2Home;
  readonly #rules: Http2ClientRules;
  #next = 1;
  #closedAs: Outcome = OUTCOME.terminated;
  #pingTimer: Timer | null = null;
  readonly #ageTimer = new Timer(() => this.retire());
  #ping: 'none' | 'sent' | 'answered' = 'none';

  constructor(wire: Http2Wire, home: Http2Home, options: ConnectOptions, rules: Http2ClientRules) {
    super(wire);
    this.#home = home;
    this.#rules = rules;
    this.idleSince = wire.transport.now;
    this.id = wire.transport.connect(options, this);
    wire.frames.raw(this.id, PREFACE);
    wire.frames.settings(this.id, [
      [Setting.EnablePush, 0],
      [Setting.InitialWindowSize, STREAM_WINDOW],
      [Setting.MaxHeaderListSize, wire.limits.heads.maxHeadBytes],
    ]);
    this.inflow.open();
  }

  /** Further streams that it may have now. */
  get room(): number {
    if (this.gone || this.retiring) return 0;
    const peer = this.greeted ? this.settings.maxStreams : this.#home.expectedStreams;
    return Math.min(peer, this.#rules.maxStreams) - this.streams.size;
  }

  /** A stream that exists from its head on. */
  stream(): Http2ClientStream {
    return new Http2ClientStream(this, this.outflow.initialWindow);
  }

  /** Asking costs a system call, and it stays the same. */
  localText(): OwnText {
    return (this.#localText ??= addressText(this.wire.transport.localAddress(this.id)));
  }

  /** Gives a stream its identifier. */
  begin(stream: Http2ClientStream): void {
    stream.id = this.#next;
    stream.openedAt = this.wire.transport.now;
    this.#next += 2;
    this.served++;
    this.streams.add(stream);
    if (this.#next > LAST_ID || this.served >= this.#rules.maxRequests) this.retire();
  }

  /** Writes the block of a request. */
  sendRequest(stream: Http2ClientStream, endStream: boolean): void {
    this.sendBlock(stream, endStream);
  }

  /** Takes no further streams; what is under way goes on. */
  retire(): void {
    if (this.retiring || this.gone) return;
    this.retiring = true;
    this.#home.retired(this);
    if (this.streams.size === 0) this.#closeSoon();
  }

  /** Nothing is under way. */
  close(): void {
    // What is closed while something is unread ends with RST, which may take from the server what it was told.
    if (this.gone || this.lingering) return;
    this.wire.frames.goAway(this.id, 0, ErrorCode.NoError);
    this.lose();
  }

  protected get lastPeerStream(): number {
    return 0;
  }

  lostAs(cause: LostCause, code: ErrorCode): Outcome {
    switch (cause) {
      case LostCause.Malformed:
        return OUTCOME.protocolError;
      case LostCause.Connection:
        return this.#closedAs;
      case LostCause.Unprocessed:
        return OUTCOME.refusedStream;
      default:
        return code === ErrorCode.RefusedStream ? OUTCOME.refusedStream : OUTCOME.remoteReset;
    }
  }

  // ── from the transport ────────────────────────────────────────────────────────────────────────────────────────

  override onConnect(): void {
    this.connected = true;
    this.#home.established(this);
    const { keepalive, maxAgeMs } = this.#rules;
    const { timers } = this.wire.transport;
    if (keepalive !== null) this.#keepAlive(keepalive);
    if (maxAgeMs > 0) timers.arm(this.#ageTimer, maxAgeMs);
  }

  override onData(start: number, end: number): void {
    this.connected = true;
    this.reads++;
    super.onData(start, end);
  }

  override onClose(reason: CloseReason): void {
    if (!this.connected) this.#closedAs = reason === CloseReason.ConnectTimeout ? OUTCOME.connectTimeout : OUTCOME.connectFailure;
    super.onClose(reason);
  }

  // ── frames ────────────────────────────────────────────────────────────────────────────────────────────────────

  protected override stateOf(id: number): StreamState {
    // What we have given up may still be answered.
    return id % 2 === 0 || id >= this.#next ? StreamState.Idle : StreamState.Reset;
  }

  override onBlock(id: number, endStream: boolean, bytes: Uint8Array, start: number, end: number): void {
    const stream = this.streams.get(id);
    const state = stream?.state ?? this.stateOf(id);
    const fault = this.decode(stream?.answered === true ? BlockKind.Trailers : BlockKind.Response, bytes, start, end);
    if (fault === null) return;
    if (state === StreamState.Idle) return this.fail(ErrorCode.Protocol, 'http2_protocol_error');
    if (stream === undefined) return this.#spendEmpty();
    if (receipt(state, FrameType.Headers) !== Receipt.Take) return this.breakStream(stream, ErrorCode.StreamClosed);
    if (fault !== BlockFault.None) return this.breakStream(stream, ErrorCode.Protocol);
    if (!stream.answered) return this.#onHead(stream, endStream);
    if (!endStream) return this.breakStream(stream, ErrorCode.Protocol);
    this.peerEnds(stream, this.wire.lines.trailers());
  }

  #onHead(stream: Http2ClientStream, endStream: boolean): void {
    const head = this.#parse();
    if (head === null || head.status === 101) return this.breakStream(stream, ErrorCode.Protocol);
    if (head.status < 200) {
      if (endStream) return this.breakStream(stream, ErrorCode.Protocol);
      stream.onInformational(head);
      return this.#spendEmpty();
    }
    if (stream.opensTunnel(head.status) && !endStream) return stream.onTunnel(stream.upgrades ? this.#asUpgrade(stream, head) : head);
    const length = endStream ? 0 : head.contentLength;
    stream.announced = stream.isHead || head.status === 304 ? -1 : head.contentLength;
    if (endStream && stream.announced > 0) return this.breakStream(stream, ErrorCode.Protocol);
    if (!stream.onHead(head, length)) return;
    if (endStream) this.peerEnds(stream, null);
  }

  /** A head has come that answers nothing. */
  #spendEmpty(): void {
    if (!this.guard.empty(this.wire.transport.now)) this.fail(ErrorCode.EnhanceYourCalm, 'http2_empty_flood');
  }

  #parse(): Head | null {
    const { transport, responseHead, lines, limits } = this.wire;
    const at = this.place();
    const next = parseResponseHead(transport.arena, at, at + lines.size, responseHead, limits.heads, lines.fieldLines);
    return next > 0 ? responseHead : null;
  }

  /** What HTTP/1 says where HTTP/2 says 2xx to an extended CONNECT. */
  #asUpgrade({ protocol, websocketKey }: Http2ClientStream, head: Head): Head {
    const { lines } = this.wire;
    const proved = websocketKey === '' || head.has(H['sec-websocket-accept']);
    lines.becomeUpgrade(protocol, proved ? '' : `sec-websocket-accept: ${websocketAccept(websocketKey)}\r\n`);
    return this.#parse() ?? this.wire.responseHead;
  }

  protected override onPeerSettings(): void {
    this.#home.released(this);
  }

  override onGoAway(lastStream: number, code: ErrorCode): void {
    this.retire();
    for (const stream of this.streams.all()) {
      if (stream.id <= lastStream || this.streams.get(stream.id) !== stream) continue;
      this.forget(stream, StreamState.Closed);
      stream.onLost(code, LostCause.Unprocessed);
    }
  }

  protected override onPong(): void {
    if (this.#ping === 'sent') this.#ping = 'answered';
  }

  // ── ends ──────────────────────────────────────────────────────────────────────────────────────────────────────

  protected override onStreamGone(stream: Http2ClientStream): void {
    this.#home.ended(stream);
    this.idleSince = this.wire.transport.now;
    if (!this.retiring) this.#home.released(this);
    else if (this.streams.size === 0) this.#closeSoon();
  }

  protected override onFault(fault: Http2Fault): void {
    this.#closedAs = OUTCOME.protocolError;
    this.#home.broken(fault);
    this.retire();
  }

  protected override onGone(): void {
    const { timers } = this.wire.transport;
    if (this.#pingTimer !== null) timers.disarm(this.#pingTimer);
    timers.disarm(this.#ageTimer);
    this.#home.forget(this);
  }

  /** What is being handed on now may still be told to a stream. */
  #closeSoon(): void {
    this.wire.transport.defer(() => {
      if (this.streams.size === 0) this.close();
    });
  }

  /** Asks at intervals whether the endpoint is still there. */
  #keepAlive({ intervalMs, timeoutMs }: Keepalive): void {
    const { transport, frames } = this.wire;
    const timer = new Timer(() => {
      if (this.#ping === 'sent') return this.lose();
      const again = this.#ping === 'answered';
      this.#ping = again ? 'none' : 'sent';
      if (!again) frames.ping(this.id, PING, 0, false);
      transport.timers.arm(timer, again ? intervalMs : timeoutMs);
    });
    this.#pingTimer = timer;
    transport.timers.arm(timer, intervalMs);
  }
}
