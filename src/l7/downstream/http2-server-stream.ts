/**
 * The client's side of an exchange on a stream of HTTP/2.
 *
 *     begun ──response head──▶ answering ──end──▶ over           a request that is not whole by then is given up: NO_ERROR (RFC 9113 §8.1)
 *       └── 101, 2xx of CONNECT ──▶ tunnel: content is bytes in both directions
 */
import { Exchange, type ExchangeStack } from '../exchange/exchange.ts';
import type { Origin } from '../exchange/origin.ts';
import type { ExchangeTools } from '../exchange/tools.ts';
import { SERVER_LINES } from '../exchange/response-headers.ts';
import { localLines } from '../http1/local-response.ts';
import { parseRequestHead } from '../http1/parser.ts';
import { type Http2Connection, Http2Stream, LostCause } from '../http2/connection.ts';
import { ErrorCode } from '../http2/frame.ts';
import { StreamState } from '../http2/stream-state.ts';
import type { Http2Wire } from '../http2/wire.ts';
import type { HeadChanges } from '../message/head-changes.ts';
import { TargetForm, type Head } from '../message/head.ts';
import type { LocalReply } from '../message/local-reply.ts';
import { OUTCOME } from '../message/outcome.ts';
import { type Downstream, NOT_RAW, type Trailers, UNKNOWN_LENGTH } from '../message/stream.ts';
import { NOTHING, wireBytes } from '../message/wire-text.ts';
import type { ConnectionId } from '../transport.ts';
import type { ServerList } from './server-list.ts';

/** What the HTTP/2 connections of a worker share. */
export interface Http2Ground {
  readonly http2: Http2Wire;
  readonly tools: ExchangeTools;
  readonly list: ServerList;
}

/** The connection that carries it. */
export interface ServerCarrier extends Http2Connection<Http2ServerStream> {
  readonly ground: Http2Ground;
  readonly stack: ExchangeStack;
  readonly origin: Origin;
  sendResponse(stream: Http2ServerStream, head: Head, changes: HeadChanges, status: number, endStream: boolean): void;
  /** Of a block that has been written. */
  sendWritten(stream: Http2ServerStream, endStream: boolean): void;
}

export class Http2ServerStream extends Http2Stream implements Downstream {
  readonly isHttp2 = true;
  readonly #connection: ServerCarrier;
  #exchange: Exchange | null = null;
  #isHead = false;
  /** The request asks for a tunnel, whose bytes wait until there is one. */
  #tunnel: 'no' | 'asked' | 'open' = 'no';
  #early: Uint8Array[] | null = null;
  #earlyEnd = false;
  #responding = false;

  constructor(connection: ServerCarrier, id: number, window: number) {
    super(id, window);
    this.#connection = connection;
  }

  get blocked(): boolean {
    return this.sendBlocked;
  }

  begin(head: Head, whole: boolean): void {
    const { ground, stack, origin } = this.#connection;
    const exchange = new Exchange(ground.tools, stack, origin, this, head);
    this.#exchange = exchange;
    const length = whole ? 0 : head.contentLength >= 0 ? head.contentLength : UNKNOWN_LENGTH;
    const tunnel = !whole && (head.upgrade || head.form === TargetForm.Authority);
    if (tunnel) this.#tunnel = 'asked';
    exchange.begin(head, tunnel ? 0 : length);
    this.#isHead = exchange.isHead;
    exchange.start();
    if (whole || tunnel) exchange.onRequestEnd(null);
  }

  /** Answers a request that cannot be read. */
  refuse(status: number, body: string): void {
    this.#connection.ground.tools.recorder.refused('bad_request');
    this.local({ outcome: OUTCOME.badRequest, status, body, lines: NOTHING });
  }

  // ── from the connection ───────────────────────────────────────────────────────────────────────────────────────

  override onContent(bytes: Uint8Array, start: number, end: number): void {
    if (this.#tunnel === 'asked') (this.#early ??= []).push(bytes.slice(start, end));
    else this.#exchange?.onRequestData(bytes, start, end);
  }

  override onPeerEnd(trailers: Trailers): void {
    if (this.#tunnel === 'asked') this.#earlyEnd = true;
    else this.#exchange?.onRequestEnd(trailers);
  }

  override onLost(code: ErrorCode, cause: LostCause): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    const outcome = cause !== LostCause.Malformed ? OUTCOME.clientGone : this.#responding ? OUTCOME.requestBroken : OUTCOME.badRequest;
    exchange?.abandon(outcome, code);
  }

  onSendBlocked(): void {
    this.#exchange?.onDownstreamBlocked();
  }

  onSendDrained(): void {
    this.#exchange?.onDownstreamDrained();
  }

  onSendEnded(): void {
    const connection = this.#connection;
    connection.guard.answered();
    connection.sendEnded(this);
    // The client need not send what nobody reads any more.
    if (this.state === StreamState.HalfLocal && this.#exchange === null) connection.cancel(this, ErrorCode.NoError);
  }

  // ── responses ─────────────────────────────────────────────────────────────────────────────────────────────────

  informational(head: Head, changes: HeadChanges): void {
    this.#connection.sendResponse(this, head, changes, head.status, false);
  }

  head(head: Head, changes: HeadChanges, length: number): void {
    this.#responding = true;
    const tunnel = head.status === 101 || (this.#tunnel === 'asked' && head.status < 300);
    const ends = !tunnel && length === 0;
    this.#connection.sendResponse(this, head, changes, head.status === 101 ? 200 : head.status, ends);
    if (ends) this.onSendEnded();
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    this.#connection.outflow.data(this, bytes, start, end);
  }

  end(trailers: Trailers): void {
    this.#exchange = null;
    if (this.sendClosed) this.#giveUpRequest();
    else this.#connection.outflow.end(this, trailers);
  }

  local(reply: LocalReply): void {
    const { blocks, date } = this.#connection.wire;
    const { status, body } = reply;
    const server = SERVER_LINES[this.#connection.origin.serverName];
    const lines = localLines({ reply, date: date.text, server });
    this.#exchange = null;
    blocks.local(this.#connection.encoder, status, wireBytes(lines));
    const bodiless = body === '' || this.#isHead || status === 204 || status === 304;
    this.#connection.sendWritten(this, bodiless);
    if (bodiless) return this.onSendEnded();
    const bytes = Buffer.from(body, 'latin1');
    this.data(bytes, 0, bytes.length);
    this.end(null);
  }

  reset(code: ErrorCode = ErrorCode.Internal): void {
    this.#exchange = null;
    this.#connection.cancel(this, code);
  }

  pause(): void {
    this.#connection.inflow.pause(this.inflow);
  }

  resume(): void {
    const ended = this.state !== StreamState.Open && this.state !== StreamState.HalfLocal;
    this.#connection.inflow.resume(this.id, this.inflow, ended);
  }

  rawTarget(): ConnectionId {
    return NOT_RAW;
  }

  detach(): null {
    return null;
  }

  openTunnel(): void {
    this.#tunnel = 'open';
    const early = this.#early;
    this.#early = null;
    for (const piece of early ?? []) this.#exchange?.onRequestData(piece, 0, piece.length);
    if (this.#earlyEnd) this.#exchange?.onRequestEnd(null);
  }

  peerIp(): string {
    return this.#connection.wire.transport.peerAddress(this.#connection.id).ip;
  }

  peerAddress(): string {
    const { ip, port } = this.#connection.wire.transport.peerAddress(this.#connection.id);
    return `${ip}:${port}`;
  }

  restore(bytes: Uint8Array, start: number, length: number): Head {
    const { requestHead, limits } = this.#connection.wire;
    parseRequestHead(bytes, start, start + length, requestHead, { ...limits.heads, maxHeadBytes: length });
    return requestHead;
  }

  #giveUpRequest(): void {
    if (this.state === StreamState.HalfLocal) this.#connection.cancel(this, ErrorCode.NoError);
  }
}
