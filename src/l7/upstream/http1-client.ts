/**
 * An HTTP/1.1 connection to an endpoint: carries one request at a time, goes back to its pool after each.
 *
 *     idle ──head──▶ head ──response head──▶ body ──end──▶ idle (or gone)
 *                      │ 1xx: stays            │
 *                      └── 101, 2xx of CONNECT ┴──▶ detached: a tunnel owns the connection
 *
 * Invariants (test/l7/upstream/http1-client.test.ts):
 *  1. a connection goes back to the pool only when request and response are both complete, nothing followed the response, and both
 *     ends agreed to keep it; it is read from there;
 *  2. bytes that nobody asked for close it, and so does a 101 that no request asked for;
 *  3. its sink hears of a whole response, of an upgrade, or of a failure: of one of them, once, unless it has given the request up;
 *  4. what the peer sent before the connection broke is delivered first.
 */
import type { Timer } from '../../base/timer-wheel.ts';
import { ChunkedScanner } from '../http1/chunked.ts';
import { persistent, responseFraming } from '../http1/framing.ts';
import { HeadBuffer } from '../http1/head-buffer.ts';
import { parseResponseHead } from '../http1/parser.ts';
import type { Http1Wire } from '../http1/wire.ts';
import type { HeadChanges } from '../message/head-changes.ts';
import { Framing, type Head } from '../message/head.ts';
import { OUTCOME, type Outcome } from '../message/outcome.ts';
import { addressText, type OwnText } from '../message/own-text.ts';
import { UNKNOWN_LENGTH, type RequestKind, type ResponseSink, type Trailers, type UpstreamStream } from '../message/stream.ts';
import { CloseReason, type ConnectionHandler, type ConnectionId, type ConnectOptions } from '../transport.ts';

const State = { Idle: 0, Head: 1, Body: 2, Gone: 3 } as const;
type State = (typeof State)[keyof typeof State];

/** Whoever keeps the connection between requests. */
export interface ClientHome {
  /** The connection is idle and may be used again. */
  release(client: Http1Client): void;
  /** The connection is established. */
  established(client: Http1Client): void;
  /** The connection is gone, or somebody else's from now on (`detached`), who calls what is returned when it is gone. */
  forget(client: Http1Client, detached: boolean): (() => void) | null;
}

export class Http1Client implements ConnectionHandler, UpstreamStream {
  readonly exclusive = true;
  readonly id: ConnectionId;
  idleSince = 0;
  /** Its neighbours in the list of idle connections, which its home maintains. */
  older: Http1Client | null = null;
  newer: Http1Client | null = null;
  connected = false;
  #localText: OwnText | null = null;
  // Of its home.
  /** It carries a request. */
  busy = false;
  /** Its request counts as one without a connection. */
  pending = false;
  /** It is not used again. */
  spent = false;
  ageTimer: Timer | null = null;
  /** Requests that this connection has served. */
  served = 0;
  readonly #wire: Http1Wire;
  readonly #home: ClientHome;
  #state: State = State.Idle;
  #sink: ResponseSink | null = null;
  #kind: RequestKind | null = null;
  #requestChunked = false;
  #requestComplete = false;
  #received = false;
  #paused = false;
  #keep = false;
  #framing: Framing = Framing.None;
  /** Bytes of the body that are still to come (Framing.Length). */
  #remaining = 0;
  #chunked: ChunkedScanner | null = null;
  /** The beginning of an incomplete head. */
  #partial: HeadBuffer | null = null;

  constructor(wire: Http1Wire, home: ClientHome, options: ConnectOptions) {
    this.#wire = wire;
    this.#home = home;
    this.id = wire.transport.connect(options, this);
  }

  // ── requests ──────────────────────────────────────────────────────────────────────────────────────────────────

  hold(sink: ResponseSink): void {
    this.#sink = sink;
  }

  unused(): void {
    if (this.#state === State.Gone) return;
    this.#sink = null;
    this.idleSince = this.#wire.transport.now;
    this.#home.release(this);
  }

  head(sink: ResponseSink, head: Head, changes: HeadChanges, length: number, kind: RequestKind): void {
    this.#sink = sink;
    this.#kind = kind;
    this.#state = State.Head;
    this.#requestComplete = false;
    this.#received = false;
    this.#requestChunked = length === UNKNOWN_LENGTH;
    this.#wire.heads.request(this.id, head, changes, length);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.#requestChunked) this.#wire.bodies.chunk(this.id, bytes, start, end);
    else this.#wire.bodies.data(this.id, bytes, start, end);
  }

  end(trailers: Trailers): void {
    this.#requestComplete = true;
    if (this.#requestChunked) this.#wire.bodies.lastChunk(this.id, trailers);
  }

  pause(): void {
    this.#paused = true;
    this.#wire.transport.pause(this.id);
  }

  resume(): void {
    this.#paused = false;
    this.#wire.transport.resume(this.id);
  }

  /** Asking costs a system call, and it stays the same. */
  localText(): OwnText {
    return (this.#localText ??= addressText(this.#wire.transport.localAddress(this.id)));
  }

  rawTarget(): ConnectionId {
    return this.id;
  }

  /** HTTP/1 has no other way than to end the connection; what is still queued must not be sent. */
  reset(): void {
    if (this.#state === State.Gone) return;
    this.#leave();
    this.#wire.transport.reset(this.id);
  }

  close(): void {
    if (this.#state === State.Gone) return;
    this.#leave();
    this.#wire.transport.close(this.id);
  }

  // ── from the transport ────────────────────────────────────────────────────────────────────────────────────────

  onConnect(): void {
    this.connected = true;
    this.#home.established(this);
  }

  onData(start: number, end: number): void {
    if (!this.connected) this.onConnect();
    this.#received = true;
    const { arena } = this.#wire.transport;
    const partial = this.#partial;
    if (partial === null) return this.#process(arena, start, end);
    if (!partial.add(arena, start, end)) return;
    this.#partial = null;
    this.#process(partial.bytes, 0, partial.length);
  }

  onEnd(): void {
    if (this.#state === State.Body && this.#framing === Framing.UntilClose) this.#complete(false, null);
    else this.#fail(OUTCOME.terminated);
  }

  onClose(reason: CloseReason): void {
    this.#fail(
      this.connected ? OUTCOME.terminated : reason === CloseReason.ConnectTimeout ? OUTCOME.connectTimeout : OUTCOME.connectFailure,
    );
  }

  onBlocked(): void {
    this.#sink?.onBlocked();
  }

  onDrained(): void {
    this.#sink?.onDrained();
  }

  onRelayed(bytes: number): void {
    this.#remaining -= bytes;
    this.#sink?.onMoved(bytes);
    if (this.#remaining === 0 && this.#state === State.Body) this.#complete(true, null);
    // Otherwise FIN or a reset follows, or the client is gone: each has its own event.
  }

  // ── responses ─────────────────────────────────────────────────────────────────────────────────────────────────

  #process(bytes: Uint8Array, at: number, end: number): void {
    while (this.#state === State.Head && at >= 0 && at < end) at = this.#processHead(bytes, at, end);
    if (at < 0 || at >= end) return;
    if (this.#state === State.Body) this.#processBody(bytes, at, end);
    else if (this.#state === State.Idle) this.#fail(OUTCOME.terminated);
  }

  /** @returns where to continue, or -1 when there is nothing left. */
  #processHead(bytes: Uint8Array, at: number, end: number): number {
    const head = this.#wire.responseHead;
    const next = parseResponseHead(bytes, at, end, head, this.#wire.limits.heads);
    if (next === 0) {
      this.#partial = new HeadBuffer();
      this.#partial.add(bytes, at, end);
      return -1;
    }
    if (next < 0) return this.#fail(OUTCOME.protocolError);
    const { status } = head;
    if (status === 101 || (this.#kind?.isConnect === true && status >= 200 && status < 300)) return this.#upgrade(head, bytes, next, end);
    if (status >= 200) return this.#answer(head, next, end);
    this.#sink?.onInformational(head);
    return next;
  }

  #answer(head: Head, next: number, end: number): number {
    this.#framing = responseFraming(head, this.#kind?.isHead === true, false);
    this.#remaining = head.contentLength;
    this.#keep = this.#framing !== Framing.UntilClose && persistent(head);
    this.#state = State.Body;
    if (this.#framing === Framing.Chunked) (this.#chunked ??= new ChunkedScanner('server')).reset();
    if (this.#sink === null || !this.#sink.onHead(head, this.#length())) {
      this.reset();
      return -1;
    }
    if (this.#state !== State.Body) return -1;
    if (this.#framing === Framing.None || (this.#framing === Framing.Length && this.#remaining === 0)) {
      this.#complete(next === end, null);
      return -1;
    }
    return next;
  }

  #length(): number {
    if (this.#framing === Framing.None) return 0;
    return this.#framing === Framing.Length ? this.#remaining : UNKNOWN_LENGTH;
  }

  #processBody(bytes: Uint8Array, at: number, end: number): void {
    const sink = this.#sink;
    if (sink === null) return this.close();
    switch (this.#framing) {
      case Framing.Length: {
        const stop = Math.min(end, at + this.#remaining);
        this.#remaining -= stop - at;
        sink.onData(bytes, at, stop);
        if (this.#state !== State.Body) return;
        if (this.#remaining === 0) this.#complete(stop === end, null);
        else if (this.#remaining >= this.#wire.limits.relayBytes) this.#relay(sink);
        return;
      }
      case Framing.Chunked:
        return this.#processChunks(sink, bytes, at, end);
      default:
        sink.onData(bytes, at, end);
    }
  }

  #processChunks(sink: ResponseSink, bytes: Uint8Array, at: number, end: number): void {
    const scanner = this.#chunked as ChunkedScanner;
    while (at < end && !scanner.done) {
      at = scanner.nextData(bytes, at, end);
      if (at < 0) return void this.#fail(OUTCOME.protocolError);
      if (scanner.dataEnd > scanner.dataStart) sink.onData(bytes, scanner.dataStart, scanner.dataEnd);
      if (this.#state !== State.Body) return;
    }
    if (scanner.done) this.#complete(at === end, scanner.trailers);
  }

  /** From here on the body goes from socket to socket in the kernel, when the client's wire allows it. */
  #relay(sink: ResponseSink): void {
    const target = sink.rawTarget();
    if (target >= 0) this.#wire.transport.relay(this.id, target, this.#remaining);
  }

  /** Only a request that asked for it may be answered so: no rule applies to what follows. */
  #upgrade(head: Head, bytes: Uint8Array, next: number, end: number): -1 {
    if (head.status === 101 && this.#kind?.upgrade !== true) return this.#fail(OUTCOME.protocolError);
    const sink = this.#sink;
    if (sink === null) this.close();
    else sink.onUpgraded(head, { id: this.id, early: next < end ? bytes.slice(next, end) : null, released: this.#leave(true) });
    return -1;
  }

  /** @param clean nothing followed the response. */
  #complete(clean: boolean, trailers: Trailers): void {
    const sink = this.#sink;
    this.#sink = null;
    this.served++;
    if (clean && this.#keep && this.#requestComplete) {
      this.#state = State.Idle;
      this.idleSince = this.#wire.transport.now;
      // What the turn had read already may have completed a response that was to wait; the next one is not to.
      if (this.#paused) this.resume();
      this.#home.release(this);
    } else {
      this.close();
    }
    sink?.onEnd(trailers);
  }

  #fail(outcome: Outcome): -1 {
    const sink = this.#sink;
    const stale = this.served > 0 && !this.#received && outcome !== OUTCOME.protocolError;
    this.#sink = null;
    this.close();
    sink?.onFailed({ outcome, stale });
    return -1;
  }

  #leave(detached = false): (() => void) | null {
    this.#state = State.Gone;
    this.#sink = null;
    this.#partial = null;
    return this.#home.forget(this, detached);
  }
}
