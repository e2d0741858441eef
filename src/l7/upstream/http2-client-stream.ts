/** The upstream's side of an exchange on a stream of HTTP/2. */
import { type Http2Connection, Http2Stream, LostCause } from '../http2/connection.ts';
import { ErrorCode } from '../http2/frame.ts';
import { StreamState } from '../http2/stream-state.ts';
import type { HeadChanges } from '../message/head-changes.ts';
import type { Head } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import type { Outcome } from '../message/outcome.ts';
import type { OwnText } from '../message/own-text.ts';
import { NOT_RAW, type RequestKind, type ResponseSink, type Trailers, type UpstreamStream } from '../message/stream.ts';
import type { ConnectionId } from '../transport.ts';

/** The connection that carries it. */
export interface ClientCarrier extends Http2Connection<Http2ClientStream> {
  /** Our end of it. */
  localText(): OwnText;
  readonly connected: boolean;
  /** SETTINGS of the peer have come. */
  readonly greeted: boolean;
  /** Streams that it has begun, and times that something came. */
  readonly served: number;
  readonly reads: number;
  /** Gives a stream its identifier. */
  begin(stream: Http2ClientStream): void;
  sendRequest(stream: Http2ClientStream, endStream: boolean): void;
  /** How a stream fails that has ended so. */
  lostAs(cause: LostCause, code: ErrorCode): Outcome;
}

export class Http2ClientStream extends Http2Stream implements UpstreamStream {
  readonly exclusive = false;
  /** Its home counts it: as a request, and as one whose connection is not established yet. */
  counted = false;
  pending = false;
  /** The head of the response has come. */
  answered = false;
  isHead = false;
  /** The request is one to change protocols, to this one. */
  upgrades = false;
  protocol = '';
  /** Sec-WebSocket-Key; empty: there was none. */
  websocketKey = '';
  readonly #connection: ClientCarrier;
  #sink: ResponseSink | null = null;
  #isConnect = false;
  #tunnelling = false;
  /** Times that something had come on the connection when the request was sent. */
  #readsBefore = 0;
  /** Which of the connection's streams it was when it was sent, if the server had not said yet how many it takes; 0: it had. */
  #guessed = 0;

  constructor(connection: ClientCarrier, window: number) {
    super(0, window);
    this.#connection = connection;
  }

  get connected(): boolean {
    return this.#connection.connected;
  }

  // ── requests ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Nobody has to: other streams may begin meanwhile. */
  hold(): void {}

  /** Its home gives back what was counted for it. */
  unused(): void {}

  head(sink: ResponseSink, head: Head, changes: HeadChanges, length: number, kind: RequestKind): void {
    const connection = this.#connection;
    this.#sink = sink;
    this.isHead = kind.isHead;
    this.#isConnect = kind.isConnect;
    this.upgrades = head.upgrade;
    if (head.upgrade) this.protocol = head.value(head.find(H.upgrade));
    if (head.upgrade && head.has(H['sec-websocket-key'])) this.websocketKey = head.value(head.find(H['sec-websocket-key']));
    this.#readsBefore = connection.reads;
    connection.begin(this);
    if (!connection.greeted) this.#guessed = connection.streams.size;
    connection.wire.blocks.request(connection.encoder, head, changes);
    const ends = length === 0 && !this.upgrades && !this.#isConnect;
    connection.sendRequest(this, ends);
    if (ends) connection.sendEnded(this);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    this.#connection.outflow.data(this, bytes, start, end);
  }

  end(trailers: Trailers): void {
    // A request for a tunnel is whole with its head; what ends is the tunnel.
    if ((this.upgrades || this.#isConnect) && !this.#tunnelling) return;
    this.#connection.outflow.end(this, trailers);
  }

  pause(): void {
    this.#connection.inflow.pause(this.inflow);
  }

  resume(): void {
    const ended = this.state !== StreamState.Open && this.state !== StreamState.HalfLocal;
    this.#connection.inflow.resume(this.id, this.inflow, ended);
  }

  localText(): OwnText {
    return this.#connection.localText();
  }

  rawTarget(): ConnectionId {
    return NOT_RAW;
  }

  reset(code: ErrorCode = ErrorCode.Cancel): void {
    this.#sink = null;
    this.#connection.cancel(this, code);
  }

  // ── from the connection ───────────────────────────────────────────────────────────────────────────────────────

  opensTunnel(status: number): boolean {
    return (this.upgrades || this.#isConnect) && status < 300;
  }

  onInformational(head: Head): void {
    this.#sink?.onInformational(head);
  }

  /** @returns false when the stream has been given up meanwhile. */
  onHead(head: Head, length: number): boolean {
    this.answered = true;
    const wanted = this.#sink?.onHead(head, length) ?? false;
    if (!wanted) this.reset();
    return this.state !== StreamState.Reset && this.state !== StreamState.Closed;
  }

  onTunnel(head: Head): void {
    this.answered = true;
    this.#tunnelling = true;
    this.#sink?.onUpgraded(head, null);
  }

  override onContent(bytes: Uint8Array, start: number, end: number): void {
    this.#sink?.onData(bytes, start, end);
  }

  override onPeerEnd(trailers: Trailers): void {
    const sink = this.#sink;
    this.#connection.guard.answered();
    // Nobody reads the rest of a request that has been answered.
    if (this.state === StreamState.HalfRemote && !this.#tunnelling) this.#connection.cancel(this, ErrorCode.NoError);
    else if (this.state === StreamState.HalfRemote) this.#connection.outflow.end(this, null);
    this.#sink = null;
    sink?.onEnd(trailers);
  }

  override onLost(code: ErrorCode, cause: LostCause): void {
    const sink = this.#sink;
    const connection = this.#connection;
    this.#sink = null;
    const outcome = connection.lostAs(cause, code);
    const stale = connection.served > 1 && connection.reads === this.#readsBefore && connection.gone;
    const beyond = cause === LostCause.Reset && code === ErrorCode.RefusedStream && this.#guessed > connection.settings.maxStreams;
    const unprocessed = cause === LostCause.Unprocessed || beyond;
    // NO_ERROR would tell the client that its answer is whole.
    const told = (cause === LostCause.Reset || cause === LostCause.Malformed) && code !== ErrorCode.NoError;
    sink?.onFailed({ outcome, stale, unprocessed, ...(told && { code }) });
  }

  onSendBlocked(): void {
    this.#sink?.onBlocked();
  }

  onSendDrained(): void {
    this.#sink?.onDrained();
  }

  onSendEnded(): void {
    this.#connection.sendEnded(this);
  }
}
