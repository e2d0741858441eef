/**
 * An HTTP/1.1 connection to an endpoint: carries one request at a time, goes back to its pool after each.
 *
 *     idle ──sendHead──▶ head ──response head──▶ body ──end──▶ idle (or closed)
 *                          │ 1xx: stays            │
 *                          └──────── 101 ──────────┴──▶ detached: a tunnel owns the connection
 *
 * Invariants (test/l7/engine/upstream.test.ts): a connection goes back to the pool only when request and response
 * are both complete, nothing followed the response, and both ends agreed to keep it; bytes that nobody asked for close it.
 */
import type { HeadEdits } from '../exchange/head-edits.ts';
import type { ResponseSink, UpstreamStream } from '../exchange/ports.ts';
import { ChunkedScanner } from '../http1/chunked.ts';
import { persistent, responseFraming } from '../http1/framing.ts';
import { Framing, type Head } from '../message/head.ts';
import { HeadBuffer } from '../http1/head-buffer.ts';
import { parseResponseHead } from '../http1/parser.ts';
import type { CloseReason, ConnectionHandler, ConnectionId } from '../transport.ts';
import type { Context } from '../context.ts';
import type { Pool } from './pool.ts';

const State = { Idle: 0, Head: 1, Body: 2, Gone: 3 } as const;
type State = (typeof State)[keyof typeof State];

export class Http1Client implements ConnectionHandler, UpstreamStream {
  readonly id: ConnectionId;
  readonly pool: Pool;
  idleSince = 0;
  /** Requests that this connection has served. */
  served = 0;
  connected = false;
  readonly #context: Context;
  #state: State = State.Idle;
  #sink: ResponseSink | null = null;
  #requestWasHead = false;
  #requestComplete = false;
  #received = false;
  #keep = false;
  #framing: Framing = Framing.None;
  /** Bytes of the body that are still to come (Framing.Length). */
  #remaining = 0;
  #relaying = false;
  #chunked: ChunkedScanner | null = null;
  /** The beginning of a head that has not come whole. */
  #left: HeadBuffer | null = null;

  constructor(context: Context, pool: Pool, connectTimeoutMs: number) {
    this.#context = context;
    this.pool = pool;
    const { address, port } = pool.endpoint;
    const options = { address, port, netns: pool.netns, mark: context.mark, timeoutMs: connectTimeoutMs };
    this.id = context.transport.connect(options, this);
    context.recorder.upstreamConnections(1);
  }

  get relayTarget(): ConnectionId {
    return this.id;
  }

  sendHead(sink: ResponseSink, head: Head, edits: HeadEdits, isHead: boolean): void {
    this.#sink = sink;
    this.#state = State.Head;
    this.#requestWasHead = isHead;
    this.#requestComplete = false;
    this.#received = false;
    edits.text('\r\n');
    edits.send(this.id, head);
  }

  sendBody(bytes: Uint8Array, start: number, end: number): void {
    this.#context.send(this.id, bytes, start, end);
  }

  finishRequest(): void {
    this.#requestComplete = true;
  }

  pause(): void {
    this.#context.transport.pause(this.id);
  }

  resume(): void {
    this.#context.transport.resume(this.id);
  }

  /** HTTP/1 has no other way than to end the connection; what is still queued must not be sent. */
  cancel(): void {
    if (this.#state === State.Gone) return;
    this.#leave();
    this.#context.transport.reset(this.id);
  }

  close(): void {
    if (this.#state === State.Gone) return;
    this.#leave();
    this.#context.transport.close(this.id);
  }

  onConnect(): void {
    this.connected = true;
  }

  onData(start: number, end: number): void {
    this.connected = true;
    this.#received = true;
    const { arena } = this.#context.transport;
    if (this.#left === null) {
      this.#process(arena, start, end);
      return;
    }
    const left = this.#left;
    if (!left.add(arena, start, end)) return;
    this.#left = null;
    this.#process(left.bytes, 0, left.length);
  }

  onEnd(): void {
    if (this.#state === State.Body && this.#framing === Framing.UntilClose) this.#complete(false);
    else this.#fail(null, false);
  }

  onClose(reason: CloseReason): void {
    this.#fail(reason, false);
  }

  onBlocked(): void {
    this.#sink?.onUpstreamBlocked();
  }

  onDrained(): void {
    this.#sink?.onUpstreamDrained();
  }

  onRelayed(bytes: number): void {
    this.#relaying = false;
    this.#remaining -= bytes;
    if (this.#remaining === 0) this.#complete(true);
    // Otherwise FIN or a reset follows, or the client is gone: each is told by its own event.
  }

  /** Whether the response's body is being moved in the kernel. */
  get relaying(): boolean {
    return this.#relaying;
  }

  #process(bytes: Uint8Array, at: number, end: number): void {
    while (this.#state === State.Head) {
      const next = this.#processHead(bytes, at, end);
      if (next < 0) return;
      at = next;
    }
    if (this.#state === State.Body) this.#processBody(bytes, at, end);
    else if (this.#state === State.Idle && at < end) this.close();
  }

  /** @returns where to go on, or -1 when there is nothing to go on with. */
  #processHead(bytes: Uint8Array, at: number, end: number): number {
    const head = this.#context.responseHead;
    const next = parseResponseHead(bytes, at, end, head, this.#context.limits.heads);
    if (next === 0) {
      this.#left = new HeadBuffer();
      this.#left.add(bytes, at, end);
      return -1;
    }
    if (next < 0) {
      this.#fail(null, true);
      return -1;
    }
    if (head.status === 101) return this.#upgrade(head, bytes, next, end);
    if (head.status < 200) {
      this.#sink?.onInformational(head);
      return next < end ? next : -1;
    }
    return this.#answer(head, next, end);
  }

  #answer(head: Head, next: number, end: number): number {
    this.#framing = responseFraming(head, this.#requestWasHead, false);
    this.#remaining = head.contentLength;
    this.#keep = this.#framing !== Framing.UntilClose && persistent(head);
    this.#state = State.Body;
    if (this.#framing === Framing.Chunked) (this.#chunked ??= new ChunkedScanner()).reset();
    if (this.#sink === null || !this.#sink.onResponseHead(head, this.#framing)) {
      this.cancel();
      return -1;
    }
    if (this.#state !== State.Body) return -1;
    if (this.#framing === Framing.None || (this.#framing === Framing.Length && this.#remaining === 0)) {
      this.#complete(next === end);
      return -1;
    }
    return next < end ? next : -1;
  }

  #processBody(bytes: Uint8Array, at: number, end: number): void {
    const sink = this.#sink;
    if (sink === null) return this.close();
    switch (this.#framing) {
      case Framing.Length: {
        const stop = Math.min(end, at + this.#remaining);
        this.#remaining -= stop - at;
        sink.onResponseBody(bytes, at, stop);
        if (this.#remaining === 0) this.#complete(stop === end);
        else if (this.#remaining >= this.#context.limits.relayBytes) this.#relay();
        return;
      }
      case Framing.Chunked: {
        const scanner = this.#chunked as ChunkedScanner;
        const stop = scanner.scan(bytes, at, end);
        if (stop < 0) return this.#fail(null, true);
        sink.onResponseBody(bytes, at, stop);
        if (scanner.done) this.#complete(stop === end);
        return;
      }
      default:
        sink.onResponseBody(bytes, at, end);
    }
  }

  /** From here on the body goes from socket to socket in the kernel, when the client's wire allows it. */
  #relay(): void {
    const target = this.#sink?.relayTarget() ?? -1;
    if (target < 0 || this.#state !== State.Body) return;
    this.#relaying = true;
    this.#context.transport.relay(this.id, target, this.#remaining);
  }

  #upgrade(head: Head, bytes: Uint8Array, at: number, end: number): number {
    const sink = this.#sink;
    this.#leave();
    if (sink === null) this.#context.transport.close(this.id);
    else sink.onUpgraded(head, this.id, bytes, at, end);
    return -1;
  }

  /** @param clean nothing followed the response. */
  #complete(clean: boolean): void {
    const sink = this.#sink;
    this.#sink = null;
    this.served++;
    if (clean && this.#keep && this.#requestComplete) {
      this.#state = State.Idle;
      this.idleSince = this.#context.transport.now;
      this.pool.release(this);
    } else {
      this.close();
    }
    sink?.onResponseEnd();
  }

  #fail(reason: CloseReason | null, protocolError: boolean): void {
    const sink = this.#sink;
    const answered = this.#state === State.Body;
    this.#sink = null;
    this.close();
    sink?.onUpstreamGone({
      connected: this.connected,
      answered,
      reused: this.served > 0,
      received: this.#received,
      protocolError,
      reason,
    });
  }

  #leave(): void {
    this.#state = State.Gone;
    this.#sink = null;
    this.#left = null;
    this.pool.forget(this);
    this.#context.recorder.upstreamConnections(-1);
  }
}
