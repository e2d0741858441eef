/**
 * A client's HTTP/1 connection: takes requests apart, one exchange at a time, and puts responses on the wire.
 *
 *     head ──whole head──▶ body ──whole body──▶ waiting ──response sent──▶ head, or closed
 *       │ refused            │ response sent first, the rest is short: read on
 *       ▼                    ▼ the rest is long
 *     lingering ◀────────────┘          lingering: FIN sent, what still comes is thrown away
 *
 * Invariants (test/l7/engine/http1-server.test.ts): a message that could be read in two ways is refused and the connection closed;
 * responses leave in the order of their requests; the next request is not looked at before the response is out; what is kept of
 * requests that came early is bounded by one read.
 */
import { Timer } from '../../base/timer-wheel.ts';
import type { Context } from '../context.ts';
import type { EngineParts } from '../engine-parts.ts';
import { Exchange } from '../exchange/exchange.ts';
import type { HeadEdits } from '../exchange/head-edits.ts';
import type { LocalReply } from '../exchange/local-reply.ts';
import type { DetachedConnection, Downstream } from '../exchange/ports.ts';
import { ChunkedScanner } from '../http1/chunked.ts';
import { persistent, requestFraming } from '../http1/framing.ts';
import { Framing, type Head } from '../message/head.ts';
import { HeadBuffer } from '../http1/head-buffer.ts';
import { H } from '../message/header-names.ts';
import { needsNormalizing, normalizePath } from '../message/normalize-path.ts';
import { parseError } from '../http1/parse-error.ts';
import { parseRequestHead } from '../http1/parser.ts';
import type { HeaderOps } from '../runtime/header-ops.ts';
import type { CloseReason, ConnectionHandler, ConnectionId } from '../transport.ts';
import { Dechunker } from './dechunker.ts';
import type { Origin } from './origin.ts';
import type { ServerList } from './server-list.ts';

const State = { Head: 0, Body: 1, Waiting: 2, Lingering: 3, Gone: 4 } as const;
type State = (typeof State)[keyof typeof State];

/** A response may be out before its request is: up to this many bytes are read and thrown away to keep the connection. */
const DISCARD_BYTES = 64 * 1024;
/** How long a client may take to notice that its request was refused before the connection is closed for good. */
const LINGER_MS = 5_000;

export class Http1Server implements ConnectionHandler, Downstream {
  readonly id: ConnectionId;
  /** Its place in the list of connections. */
  slot = -1;
  /** When the connection last carried something, for the idle sweep. */
  usedAt: number;
  readonly #context: Context;
  readonly #parts: EngineParts;
  readonly #origin: Origin;
  readonly #exchange: Exchange;
  readonly #list: ServerList;
  #state: State = State.Head;
  #framing: Framing = Framing.None;
  #remaining = 0;
  #chunked: ChunkedScanner | null = null;
  #relaying = false;
  #paused = false;
  /** No further request after the current one. */
  #last = false;
  #http10 = false;
  #dechunker: Dechunker | null = null;
  /** The beginning of a head that has not come whole. */
  #partial: HeadBuffer | null = null;
  /** Bytes that came before their time. */
  #left: Uint8Array | null = null;
  #timer: Timer | null = null;

  constructor(context: Context, parts: EngineParts, origin: Origin, id: ConnectionId, list: ServerList) {
    this.#context = context;
    this.#parts = parts;
    this.#origin = origin;
    this.id = id;
    this.#list = list;
    this.usedAt = context.transport.now;
    this.#exchange = new Exchange(context, parts, origin, this);
    list.add(this);
    context.recorder.downstreamConnections(1);
  }

  /** Whether a request is under way, or has begun to arrive. */
  get busy(): boolean {
    return this.#state !== State.Head || this.#left !== null || this.#partial !== null;
  }

  close(): void {
    if (this.#state === State.Gone) return;
    this.#leave();
    this.#context.transport.close(this.id);
  }

  // ── from the transport ────────────────────────────────────────────────────────────────────────────────────────

  onConnect(): void {}

  onData(start: number, end: number): void {
    const { arena } = this.#context.transport;
    const partial = this.#partial;
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
    // The client is done, or gone. As in Envoy, what it asked for is not carried on for nobody.
    this.#exchange.abandon();
    this.close();
  }

  onClose(_reason: CloseReason): void {
    this.#exchange.abandon();
    this.#leave();
  }

  onBlocked(): void {
    this.#exchange.onDownstreamBlocked();
  }

  onDrained(): void {
    this.#exchange.onDownstreamDrained();
  }

  onRelayed(bytes: number): void {
    this.#relaying = false;
    this.#remaining -= bytes;
    if (this.#remaining === 0 && this.#state === State.Body) this.#requestComplete();
  }

  // ── requests ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Bytes of the client, from the arena or from a buffer. */
  receive(bytes: Uint8Array, at: number, end: number): void {
    while (at < end) {
      switch (this.#state) {
        case State.Head:
          at = this.#receiveHead(bytes, at, end);
          break;
        case State.Body:
          at = this.#receiveBody(bytes, at, end);
          break;
        case State.Waiting:
          this.#left = bytes.slice(at, end);
          this.#pause();
          return;
        default:
          return;
      }
      if (at < 0) return;
    }
  }

  #receiveHead(bytes: Uint8Array, at: number, end: number): number {
    const head = this.#context.requestHead;
    const next = parseRequestHead(bytes, at, end, head, this.#context.limits.heads);
    if (next === 0) {
      this.#partial = new HeadBuffer();
      this.#partial.add(bytes, at, end);
      if (this.#timer === null || !this.#timer.armed) this.#armTimer(() => this.#onHeadTimeout(), this.#context.limits.headTimeoutMs);
      return -1;
    }
    if (this.#timer !== null) this.#context.transport.timers.disarm(this.#timer);
    if (next < 0) {
      this.#refuse(parseError(next));
      return -1;
    }
    if (needsNormalizing(head) && !this.#normalize(head)) return -1;
    this.#beginRequest(head);
    return next;
  }

  /** Puts the normalised path in the place of the one that came; everything behind sees only that. */
  #normalize(head: Head): boolean {
    const normal = normalizePath(head.path());
    if ('fault' in normal) {
      this.#refuse({ status: 400, message: 'the path hides a NUL' });
      return false;
    }
    const { bytes } = head;
    const whole = Buffer.concat([
      bytes.subarray(head.start, head.pathStart),
      Buffer.from(normal.path, 'latin1'),
      bytes.subarray(head.pathEnd, head.end),
    ]);
    const parsed = parseRequestHead(whole, 0, whole.length, head, { ...this.#context.limits.heads, maxHeadBytes: whole.length });
    if (parsed < 0) this.#refuse(parseError(parsed));
    return parsed > 0;
  }

  #beginRequest(head: Head): void {
    const framing = requestFraming(head);
    this.#framing = framing;
    this.#http10 = head.minor === 0;
    this.#last = !persistent(head);
    this.#dechunker = null;
    if (framing === Framing.None) {
      this.#state = State.Waiting;
      this.#exchange.begin(head, framing);
      this.#exchange.onRequestEnd();
      return;
    }
    this.#state = State.Body;
    this.#remaining = head.contentLength;
    if (framing === Framing.Chunked) (this.#chunked ??= new ChunkedScanner()).reset();
    this.#exchange.begin(head, framing);
    if (framing === Framing.Length && this.#remaining === 0) this.#requestComplete();
  }

  #receiveBody(bytes: Uint8Array, at: number, end: number): number {
    if (this.#framing === Framing.Chunked) {
      const scanner = this.#chunked as ChunkedScanner;
      const stop = scanner.scan(bytes, at, end);
      if (stop < 0) {
        this.#exchange.abandon();
        this.#refuse(parseError(stop));
        return -1;
      }
      this.#exchange.onRequestBody(bytes, at, stop);
      if (scanner.done) this.#requestComplete();
      return stop;
    }
    const stop = Math.min(end, at + this.#remaining);
    this.#remaining -= stop - at;
    this.#exchange.onRequestBody(bytes, at, stop);
    if (this.#remaining === 0) this.#requestComplete();
    else if (this.#remaining >= this.#context.limits.relayBytes) this.#relay();
    return stop;
  }

  #relay(): void {
    const target = this.#exchange.requestRelayTarget();
    if (target < 0 || this.#state !== State.Body) return;
    this.#relaying = true;
    this.#context.transport.relay(this.id, target, this.#remaining);
  }

  #requestComplete(): void {
    if (this.#state !== State.Body) return;
    if (this.#exchange.active) {
      this.#state = State.Waiting;
      this.#exchange.onRequestEnd();
    } else {
      this.#nextRequest();
    }
  }

  // ── responses ─────────────────────────────────────────────────────────────────────────────────────────────────

  sendInformational(head: Head): void {
    if (this.#http10) return;
    const { edits } = this.#context;
    edits.begin(head, 2);
    edits.text('\r\n');
    edits.send(this.id, head);
  }

  sendHead(head: Head, edits: HeadEdits, framing: Framing): void {
    if (head.status !== 101) {
      if (framing === Framing.UntilClose || this.#context.draining || this.#restIsLong()) this.#last = true;
      if (this.#http10 && framing === Framing.Chunked) this.#dechunk(head, edits);
      if (this.#last) edits.text('connection: close\r\n');
      else if (this.#http10) edits.text('connection: keep-alive\r\n');
    }
    edits.text('\r\n');
    edits.send(this.id, head);
  }

  /** HTTP/1.0 knows no chunks (RFC 9112 §6.1): the body ends with the connection. */
  #dechunk(head: Head, edits: HeadEdits): void {
    edits.removeName(head, H['transfer-encoding']);
    edits.removeName(head, H.trailer);
    this.#dechunker = new Dechunker();
    this.#last = true;
  }

  sendBody(bytes: Uint8Array, start: number, end: number): void {
    if (this.#dechunker === null) this.#context.send(this.id, bytes, start, end);
    else this.#dechunker.each(bytes, start, end, (from, to) => this.#context.send(this.id, bytes, from, to));
  }

  finish(): void {
    this.usedAt = this.#context.transport.now;
    if (this.#state === State.Waiting) this.#nextRequest();
    else if (this.#state === State.Body && (this.#last || this.#restIsLong() || this.#relaying)) this.#linger();
    else if (this.#state === State.Body) this.resumeBody();
  }

  sendLocal(reply: LocalReply, ops: HeaderOps | null): void {
    if (this.#context.draining || this.#restIsLong()) this.#last = true;
    const server = this.#origin.kind === 'outbound' ? 'envoy' : 'istio-envoy';
    const bytes = this.#parts.responses.local(reply, server, ops, this.#exchange.isHead, this.#last);
    this.#context.send(this.id, bytes, 0, bytes.length);
    this.finish();
  }

  abort(): void {
    if (this.#state === State.Gone) return;
    this.#leave();
    this.#context.transport.reset(this.id);
  }

  pauseBody(): void {
    if (this.#state === State.Body) this.#pause();
  }

  resumeBody(): void {
    if (this.#state === State.Body) this.#resume();
  }

  relayTarget(): ConnectionId {
    return this.#dechunker === null && this.#state !== State.Gone ? this.id : -1;
  }

  detach(): DetachedConnection {
    const early = this.#left;
    this.#leave();
    return { id: this.id, early };
  }

  peerIp(): string {
    return this.#context.transport.peerAddress(this.id).ip;
  }

  // ── between requests ──────────────────────────────────────────────────────────────────────────────────────────

  #nextRequest(): void {
    if (this.#last) return this.#left === null ? this.close() : this.#linger();
    this.#state = State.Head;
    if (this.#left !== null) this.#context.transport.defer(() => this.#receiveLeft());
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

  /** What remains of the request's body is too much to be read for nothing. */
  #restIsLong(): boolean {
    return this.#state === State.Body && (this.#framing === Framing.Chunked || this.#remaining > DISCARD_BYTES);
  }

  #refuse(error: { readonly status: number; readonly message: string }): void {
    this.#context.recorder.refused('bad_request');
    this.#last = true;
    const reply = { status: error.status, flag: 'DPE' as const, body: error.message, headers: '', details: 'http1.codec_error' };
    const bytes = this.#parts.responses.local(reply, this.#origin.kind === 'outbound' ? 'envoy' : 'istio-envoy', null, false, true);
    this.#context.send(this.id, bytes, 0, bytes.length);
    this.#linger();
  }

  #onHeadTimeout(): void {
    this.#context.recorder.refused('head_timeout');
    const reply = { status: 408, flag: '-' as const, body: '', headers: '', details: 'request_header_timeout' };
    const bytes = this.#parts.responses.local(reply, 'istio-envoy', null, false, true);
    this.#context.send(this.id, bytes, 0, bytes.length);
    this.#linger();
  }

  /** Closing with unread bytes would make the kernel send RST, which can destroy the response before the client has read it. */
  #linger(): void {
    this.#state = State.Lingering;
    this.#left = this.#partial = null;
    this.#context.transport.shutdown(this.id);
    this.#resume();
    this.#armTimer(() => this.close(), LINGER_MS);
  }

  #armTimer(fire: () => void, delayMs: number): void {
    const { timers } = this.#context.transport;
    if (this.#timer !== null) timers.disarm(this.#timer);
    this.#timer = new Timer(fire);
    timers.arm(this.#timer, delayMs);
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#context.transport.pause(this.id);
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#context.transport.resume(this.id);
  }

  #leave(): void {
    if (this.#state === State.Gone) return;
    this.#state = State.Gone;
    this.#left = this.#partial = null;
    if (this.#timer !== null) this.#context.transport.timers.disarm(this.#timer);
    this.#list.remove(this);
    this.#context.recorder.downstreamConnections(-1);
  }
}
