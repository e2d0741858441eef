/**
 * A client's HTTP/1 connection: parses requests, one exchange at a time, and writes responses.
 *
 *     head ──whole head──▶ body ──whole body──▶ waiting ──response sent──▶ head, or gone
 *       │ refused            │ response sent first, the rest is short: read on
 *       ▼                    ▼ the rest is long, or the client was not told to send it
 *     lingering ◀────────────┘          lingering: FIN sent, what still comes is discarded
 *     waiting ──101, or 2xx of CONNECT──▶ handed over, or tunnel: bytes are content until the exchange is over
 *
 * Invariants (test/l7/downstream/http1-server.test.ts, a model; test/l7/engine/http1-server.test.ts):
 *  1. a message that could be read in two ways is refused and the connection closed; once the head of a response is out, by a reset;
 *  2. responses leave in the order of their requests, and the next request is not looked at before the response is out;
 *  3. what is kept of requests that came early is bounded by one read, and what is queued of responses by what one read asks for and
 *     the transport's high-water mark.
 */
import { Timer } from '../../base/timer-wheel.ts';
import type { ExchangeStack } from '../exchange/exchange.ts';
import { Exchange } from '../exchange/exchange.ts';
import type { Origin } from '../exchange/origin.ts';
import { SERVER_LINES } from '../exchange/response-headers.ts';
import { ChunkedScanner } from '../http1/chunked.ts';
import { persistent, requestFraming } from '../http1/framing.ts';
import { HeadBuffer } from '../http1/head-buffer.ts';
import { localResponse } from '../http1/local-response.ts';
import { normalizeHead } from '../http1/normalized-head.ts';
import { ParseError, parseError } from '../http1/parse-error.ts';
import { parseRequestHead, skipEmptyLines } from '../http1/parser.ts';
import { isPreface } from '../http1/sniff.ts';
import type { Http1Wire } from '../http1/wire.ts';
import type { HeadChanges } from '../message/head-changes.ts';
import { Framing, type Head } from '../message/head.ts';
import { REPLY, type LocalReply } from '../message/local-reply.ts';
import { OUTCOME } from '../message/outcome.ts';
import { type DetachedConnection, type Downstream, NOT_RAW, type Trailers, UNKNOWN_LENGTH } from '../message/stream.ts';
import { literal, NOTHING } from '../message/wire-text.ts';
import { send } from '../send.ts';
import { type CloseReason, type ConnectionHandler, type ConnectionId, LINGER_MS } from '../transport.ts';
import { Http2Server } from './http2-server.ts';
import type { Http2Ground } from './http2-server-stream.ts';

const State = { Head: 0, Body: 1, Waiting: 2, Lingering: 3, Gone: 4, Tunnel: 5 } as const;
type State = (typeof State)[keyof typeof State];

/** How the body of a response goes to this client. */
const Sending = { Plain: 0, Chunks: 1 } as const;
type Sending = (typeof Sending)[keyof typeof Sending];

const NO_CONTENT = literal('content-length: 0\r\n');
/** A response may be out before its request is: up to this many bytes are read and thrown away to keep the connection. */
const DISCARD_BYTES = 64 * 1024;

/** What the HTTP/1 connections of a worker share. */
export interface Http1Ground extends Http2Ground {
  readonly wire: Http1Wire;
}

export class Http1Server implements ConnectionHandler, Downstream {
  readonly id: ConnectionId;
  /** Its place in the list of connections. */
  slot = -1;
  /** When the connection last carried something, for the idle sweep. */
  usedAt: number;
  /** Whether a request has ever begun to arrive. */
  begun = false;
  blocked = false;
  readonly isHttp2 = false;
  readonly #wire: Http1Wire;
  readonly #ground: Http1Ground;
  readonly #stack: ExchangeStack;
  readonly #origin: Origin;
  #exchange: Exchange | null = null;
  /** That of an earlier request, for the next one. */
  #spare: Exchange | null = null;
  #state: State = State.Head;
  #framing: Framing = Framing.None;
  #remaining = 0;
  #chunked: ChunkedScanner | null = null;
  #relaying = false;
  #paused = false;
  /** No further request after the current one. */
  #last = false;
  #http10 = false;
  /** The client keeps its body back until it is told to continue, or goes on without (RFC 9110 §10.1.1). */
  #expects = false;
  #isHead = false;
  #isConnect = false;
  /** The head of the current response is out. */
  #responding = false;
  #sending: Sending = Sending.Plain;
  /** The beginning of an incomplete head. */
  #partial: HeadBuffer | null = null;
  /** Bytes that came before their time. */
  #left: Uint8Array | null = null;
  #timer: Timer | null = null;

  constructor(ground: Http1Ground, stack: ExchangeStack, origin: Origin, id: ConnectionId) {
    this.#ground = ground;
    this.#wire = ground.wire;
    this.#stack = stack;
    this.#origin = origin;
    this.id = id;
    this.usedAt = ground.wire.transport.now;
    ground.list.add(this);
  }

  /** Whether a request is under way, or has begun to arrive. */
  get busy(): boolean {
    return this.#state !== State.Head || this.#left !== null || this.#partial !== null;
  }

  close(): void {
    if (this.#state === State.Gone) return;
    this.#leave();
    this.#wire.transport.close(this.id);
  }

  /** The next response says that it is the last. */
  drain(): void {}

  endStalled(): void {}

  // ── from the transport ────────────────────────────────────────────────────────────────────────────────────────

  onConnect(): void {}

  onData(start: number, end: number): void {
    const { arena } = this.#wire.transport;
    const partial = this.#partial;
    this.begun = true;
    if (partial !== null) {
      if (!partial.add(arena, start, end)) return;
      this.#partial = null;
      this.receive(partial.bytes, 0, partial.length);
    } else if (this.#left !== null) {
      this.#left = Buffer.concat([this.#left, arena.subarray(start, end)]);
    } else {
      this.receive(arena, start, end);
    }
  }

  onEnd(): void {
    if (this.#state === State.Tunnel) return this.#exchange?.onRequestEnd(null);
    // The client is gone, or has ended its side. As in Envoy, its request is abandoned.
    const begun = this.#responding;
    this.#exchange?.abandon(OUTCOME.clientGone);
    // A client that still reads must not take half a response for a whole one.
    if (begun) this.reset();
    else this.close();
  }

  onClose(_reason: CloseReason): void {
    this.#exchange?.abandon(OUTCOME.clientGone);
    this.#leave();
  }

  onBlocked(): void {
    this.blocked = true;
    this.#exchange?.onDownstreamBlocked();
  }

  onDrained(): void {
    this.blocked = false;
    if (this.#exchange !== null) this.#exchange.onDownstreamDrained();
    else if (this.#state === State.Waiting) this.#nextRequest();
  }

  onRelayed(bytes: number): void {
    this.#relaying = false;
    this.#remaining -= bytes;
    this.#exchange?.onRequestMoved(bytes);
    if (this.#remaining === 0 && this.#state === State.Body) this.#requestComplete(null);
  }

  // ── requests ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Bytes of the client, from the arena or from a buffer. */
  receive(bytes: Uint8Array, at: number, end: number): void {
    while (at >= 0 && at < end) {
      switch (this.#state) {
        case State.Head:
          at = this.#receiveHead(bytes, at, end);
          break;
        case State.Body:
          at = this.#receiveBody(bytes, at, end);
          break;
        case State.Tunnel:
          this.#exchange?.onRequestData(bytes, at, end);
          return;
        case State.Waiting:
          this.#left = bytes.slice(at, end);
          this.#pause();
          return;
        default:
          return;
      }
    }
  }

  restore(bytes: Uint8Array, start: number, length: number): Head {
    const { requestHead, limits } = this.#wire;
    // The normalised path may have made the head longer than the limit.
    parseRequestHead(bytes, start, start + length, requestHead, { ...limits.heads, maxHeadBytes: length });
    return requestHead;
  }

  #receiveHead(bytes: Uint8Array, at: number, end: number): number {
    const { requestHead: head, limits, transport } = this.#wire;
    // What some clients send behind a body is not the beginning of a request: the connection stays idle.
    at = skipEmptyLines(bytes, at, end);
    if (at === end) return at;
    const next = parseRequestHead(bytes, at, end, head, limits.heads);
    if (next === 0) {
      this.#partial = new HeadBuffer();
      this.#partial.add(bytes, at, end);
      if (this.#timer === null || !this.#timer.armed) this.#armTimer(() => this.#onHeadTimeout(), limits.headTimeoutMs);
      return -1;
    }
    if (this.#timer !== null) transport.timers.disarm(this.#timer);
    if (next < 0) {
      if (next === ParseError.VersionUnsupported && isPreface(bytes, at, end)) return this.#becomeHttp2(bytes, at, end);
      const { status, message } = parseError(next);
      return this.#refuse(status, message);
    }
    const refusal = normalizeHead(head, limits.heads, this.#ground.tools.runtime.mesh.pathNormalization, this.#origin);
    if (refusal !== null) return this.#refuse(refusal.status, refusal.message);
    this.#beginRequest(head);
    return next;
  }

  /** What a client of HTTP/2 sends first is no request, and nothing may have come before it. */
  #becomeHttp2(bytes: Uint8Array, at: number, end: number): -1 {
    const { transport } = this.#wire;
    this.#state = State.Gone;
    if (this.#timer !== null) transport.timers.disarm(this.#timer);
    const server = new Http2Server(this.#ground, this.#stack, this.#origin, this.id, this);
    transport.setHandler(this.id, server);
    server.receive(bytes, at, end);
    return -1;
  }

  #beginRequest(head: Head): void {
    const framing = requestFraming(head);
    this.#framing = framing;
    this.#http10 = head.minor === 0;
    this.#last = !persistent(head);
    this.#responding = false;
    this.#remaining = head.contentLength;
    this.#expects = head.expectContinue;
    const empty = framing === Framing.None || (framing === Framing.Length && head.contentLength === 0);
    if (framing === Framing.Chunked) (this.#chunked ??= new ChunkedScanner()).reset();
    this.#state = empty ? State.Waiting : State.Body;
    const exchange = this.#spare ?? new Exchange(this.#ground.tools, this.#stack, this.#origin, this, head);
    exchange.begin(head, empty ? 0 : framing === Framing.Chunked ? UNKNOWN_LENGTH : head.contentLength);
    this.#isHead = exchange.isHead;
    this.#isConnect = exchange.isConnect;
    this.#exchange = exchange;
    this.#spare = null;
    exchange.start();
    if (empty) exchange.onRequestEnd(null);
  }

  #receiveBody(bytes: Uint8Array, at: number, end: number): number {
    if (this.#framing === Framing.Chunked) return this.#receiveChunks(bytes, at, end);
    const stop = Math.min(end, at + this.#remaining);
    this.#expects = false;
    this.#remaining -= stop - at;
    this.#exchange?.onRequestData(bytes, at, stop);
    if (this.#state !== State.Body) return stop;
    if (this.#remaining === 0) this.#requestComplete(null);
    else if (this.#remaining >= this.#wire.limits.relayBytes) this.#relay();
    return stop;
  }

  #receiveChunks(bytes: Uint8Array, at: number, end: number): number {
    const scanner = this.#chunked as ChunkedScanner;
    while (at < end && !scanner.done && this.#state === State.Body) {
      at = scanner.nextData(bytes, at, end);
      if (at < 0) {
        const { status, message } = parseError(at);
        return this.#refuse(status, message);
      }
      if (scanner.dataEnd > scanner.dataStart) this.#exchange?.onRequestData(bytes, scanner.dataStart, scanner.dataEnd);
    }
    if (scanner.done) this.#requestComplete(scanner.trailers);
    return at;
  }

  #relay(): void {
    const target = this.#exchange?.rawRequestTarget() ?? NOT_RAW;
    if (target < 0) return;
    this.#relaying = true;
    this.#wire.transport.relay(this.id, target, this.#remaining);
  }

  #requestComplete(trailers: Trailers): void {
    if (this.#state !== State.Body) return;
    if (this.#exchange === null) return this.#nextRequest();
    this.#state = State.Waiting;
    this.#exchange.onRequestEnd(trailers);
  }

  // ── responses ─────────────────────────────────────────────────────────────────────────────────────────────────

  informational(head: Head, changes: HeadChanges): void {
    if (this.#http10) return;
    if (head.status === 100) this.#expects = false;
    this.#wire.heads.response(this.id, head, changes, 0, 'default', false);
  }

  head(head: Head, changes: HeadChanges, length: number): void {
    this.#responding = true;
    const unknown = length === UNKNOWN_LENGTH;
    const tunnel = head.status === 101 || (this.#isConnect && head.status < 300);
    // HTTP/1.0 knows no chunks (RFC 9112 §6.1): the end of the connection ends the body.
    if (!tunnel && ((unknown && this.#http10) || this.#ground.list.draining || this.#restIsLeft())) this.#last = true;
    this.#sending = unknown && !this.#http10 ? Sending.Chunks : Sending.Plain;
    if (length === 0 && head.contentLength < 0 && !tunnel) this.#endAtOnce(head, changes);
    const persistence = tunnel ? 'default' : this.#last ? 'close' : this.#http10 ? 'keep-alive' : 'default';
    this.#wire.heads.response(this.id, head, changes, length, persistence, this.#sending === Sending.Chunks);
  }

  /** Of a response that ends with its head: only to HTTP/1 its length has to be said. */
  #endAtOnce({ status }: Head, changes: HeadChanges): void {
    if (!this.#isHead && status >= 200 && status !== 204 && status !== 304) changes.text(NO_CONTENT);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.#sending === Sending.Chunks) this.#wire.bodies.chunk(this.id, bytes, start, end);
    else this.#wire.bodies.data(this.id, bytes, start, end);
  }

  end(trailers: Trailers): void {
    if (this.#sending === Sending.Chunks) this.#wire.bodies.lastChunk(this.id, trailers);
    this.#finish();
  }

  local(reply: LocalReply): void {
    const { list } = this.#ground;
    // A client that does not wait for its tunnel sends bytes that are not requests.
    if (list.draining || this.#isConnect || this.#restIsLeft()) this.#last = true;
    this.#sendLocal(reply, this.#isHead);
    this.#finish();
  }

  reset(): void {
    if (this.#state === State.Gone) return;
    this.#leave();
    this.#wire.transport.reset(this.id);
  }

  pause(): void {
    if (this.#state === State.Body || this.#state === State.Tunnel) this.#pause();
  }

  resume(): void {
    if (this.#state === State.Body || this.#state === State.Tunnel) this.#resume();
  }

  rawTarget(): ConnectionId {
    return this.#sending === Sending.Plain && this.#state !== State.Gone ? this.id : NOT_RAW;
  }

  detach(): DetachedConnection {
    const early = this.#left;
    this.#exchange = null;
    this.#leave();
    return { id: this.id, early };
  }

  openTunnel(): void {
    const left = this.#left;
    this.#state = State.Tunnel;
    this.#left = null;
    this.#last = true;
    this.#resume();
    if (left !== null) this.receive(left, 0, left.length);
  }

  peerIp(): string {
    return this.#wire.transport.peerAddress(this.id).ip;
  }

  peerAddress(): string {
    const { ip, port } = this.#wire.transport.peerAddress(this.id);
    return `${ip}:${port}`;
  }

  // ── between requests ──────────────────────────────────────────────────────────────────────────────────────────

  #finish(): void {
    this.#spare = this.#exchange?.reusable === true ? this.#exchange : null;
    this.#exchange = null;
    this.#responding = false;
    this.#sending = Sending.Plain;
    this.usedAt = this.#wire.transport.now;
    if (this.#state === State.Waiting || this.#state === State.Tunnel) this.#nextRequest();
    else if (this.#state === State.Body && (this.#last || this.#restIsLeft() || this.#relaying)) this.#linger();
    else if (this.#state === State.Body) this.#resume();
  }

  #nextRequest(): void {
    if (this.#last) return this.#left === null ? this.close() : this.#linger();
    // A client that asks and does not read would make us keep all of its answers.
    this.#state = this.blocked ? State.Waiting : State.Head;
    if (this.blocked) return this.#pause();
    if (this.#left !== null) this.#wire.transport.defer(() => this.#receiveLeft());
    else this.#resume();
  }

  /** Requests that came while the one before was under way. */
  #receiveLeft(): void {
    const left = this.#left;
    if (left === null || this.#state !== State.Head) return;
    this.#left = null;
    this.#resume();
    this.receive(left, 0, left.length);
  }

  /**
   * The rest of the request's body is not read and discarded: it is long, or may never come. What a client that was not told to
   * continue sends after a final response may be its next request, as curl does after 417.
   */
  #restIsLeft(): boolean {
    const readable = this.#framing === Framing.Length && this.#remaining <= DISCARD_BYTES && !this.#expects;
    return this.#state === State.Body && !readable;
  }

  /** What came is not HTTP. Once a response has begun, another one would become part of its body. */
  #refuse(status: number, message: string): -1 {
    const begun = this.#responding;
    this.#exchange?.abandon(begun ? OUTCOME.requestBroken : OUTCOME.badRequest);
    this.#exchange = null;
    this.#ground.tools.recorder.refused('bad_request');
    if (begun) this.reset();
    else this.#refuseWith({ outcome: OUTCOME.badRequest, status, body: message, lines: NOTHING });
    return -1;
  }

  #onHeadTimeout(): void {
    this.#ground.tools.recorder.refused('head_timeout');
    this.#refuseWith(REPLY.headTimeout);
  }

  #refuseWith(reply: LocalReply): void {
    this.#last = true;
    this.#sendLocal(reply, false);
    this.#linger();
  }

  #sendLocal(reply: LocalReply, omitBody: boolean): void {
    const { transport, date } = this.#wire;
    const server = SERVER_LINES[this.#origin.serverName];
    const bytes = localResponse({ reply, date: date.text, server, omitBody, close: this.#last });
    send(transport, this.id, bytes, 0, bytes.length);
  }

  /** Closing with unread bytes would make the kernel send RST, which can destroy the response before the client has read it. */
  #linger(): void {
    this.#state = State.Lingering;
    this.#left = this.#partial = null;
    this.#wire.transport.shutdown(this.id);
    this.#resume();
    // The client may take that long to notice that its request was refused before the connection is closed for good.
    this.#armTimer(() => this.close(), LINGER_MS);
  }

  #armTimer(fire: () => void, delayMs: number): void {
    const { timers } = this.#wire.transport;
    if (this.#timer !== null) timers.disarm(this.#timer);
    this.#timer = new Timer(fire);
    timers.arm(this.#timer, delayMs);
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#wire.transport.pause(this.id);
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#wire.transport.resume(this.id);
  }

  #leave(): void {
    if (this.#state === State.Gone) return;
    this.#state = State.Gone;
    this.#exchange = this.#spare = null;
    this.#left = this.#partial = null;
    if (this.#timer !== null) this.#wire.transport.timers.disarm(this.#timer);
    this.#ground.list.remove(this);
  }
}
