/**
 * Finds out what a client speaks where nothing says so.
 *
 *     silent ──bytes──▶ HTTP/1: an Http1Server takes over
 *        │              anything else: passed through
 *        │              not enough yet: wait for more
 *        └─20 ms──▶ upstream connection opened, so that a server that speaks first is heard
 *                       ├─ the server speaks: passed through
 *                       └─ the client speaks after all: as above; for HTTP/1 the connection is given up
 */
import { Timer } from '../../base/timer-wheel.ts';
import type { Context } from '../context.ts';
import type { EngineParts } from '../engine-parts.ts';
import { sniff } from '../http1/sniff.ts';
import { OpaqueConnection, opaqueTarget, type EarlyServer } from '../tcp/opaque.ts';
import type { CloseReason, ConnectionHandler, ConnectionId } from '../transport.ts';
import type { CapturedOrigin } from './origin.ts';

/** A client that has sent this much without being recognised is not an HTTP client. */
const ENOUGH = 8 * 1024;

export class Detector implements ConnectionHandler {
  readonly #context: Context;
  readonly #parts: EngineParts;
  readonly #origin: CapturedOrigin;
  readonly #id: ConnectionId;
  readonly #cluster: string | null;
  /** Hands the connection over to HTTP/1 together with what was read; null: bytes are never looked at. */
  readonly #serveHttp: ((bytes: Uint8Array) => void) | null;
  readonly #timer: Timer;
  #opaque: OpaqueConnection | null = null;
  #seen: Uint8Array | null = null;
  #decided = false;

  constructor(
    context: Context,
    parts: EngineParts,
    origin: CapturedOrigin,
    id: ConnectionId,
    cluster: string | null,
    serveHttp: ((bytes: Uint8Array) => void) | null,
  ) {
    this.#context = context;
    this.#parts = parts;
    this.#origin = origin;
    this.#id = id;
    this.#cluster = cluster;
    this.#serveHttp = serveHttp;
    this.#timer = new Timer(() => this.#open());
    if (serveHttp !== null) context.transport.timers.arm(this.#timer, context.limits.detectTimeoutMs);
    else context.transport.defer(() => this.#passThrough());
  }

  onConnect(): void {}

  onData(start: number, end: number): void {
    const { arena } = this.#context.transport;
    this.#seen = this.#seen === null ? arena.slice(start, end) : Buffer.concat([this.#seen, arena.subarray(start, end)]);
    if (this.#serveHttp === null) return;
    const found = sniff(this.#seen, 0, this.#seen.length);
    if (found === 'more' && this.#seen.length < ENOUGH) return;
    if (found === 'http1') this.#becomeHttp(this.#serveHttp, this.#seen);
    else this.#passThrough();
  }

  onEnd(): void {
    // FIN before anything was decided: let the server see it too.
    this.#passThrough('first');
  }

  onClose(_reason: CloseReason): void {
    this.#stop();
    this.#opaque?.cancel();
    this.#opaque = null;
  }

  onBlocked(): void {}
  onDrained(): void {}
  onRelayed(): void {}

  #becomeHttp(serve: (bytes: Uint8Array) => void, seen: Uint8Array): void {
    this.#stop();
    this.#opaque?.cancel();
    this.#opaque = null;
    serve(seen);
  }

  #passThrough(ended: 'none' | 'first' | 'second' = 'none'): void {
    if (this.#decided) return;
    this.#open();
    if (this.#opaque === null) return;
    this.#stop();
    this.#opaque.join(this.#seen, ended);
  }

  #open(): void {
    if (this.#opaque !== null || this.#decided) return;
    const target = opaqueTarget(this.#context, this.#parts, this.#origin, this.#cluster);
    if (target === null) {
      this.#refuse();
      return;
    }
    this.#opaque = new OpaqueConnection(this.#context, this.#parts, this.#origin, target, this.#id, (early) => this.#onServer(early));
  }

  #onServer(early: EarlyServer): void {
    switch (early.kind) {
      case 'unreachable':
        this.#opaque = null;
        return this.#refuse();
      case 'ended':
        return this.#passThrough('second');
      case 'spoke':
        this.#context.send(this.#id, early.bytes, 0, early.bytes.length);
        return this.#passThrough();
    }
  }

  #refuse(): void {
    if (this.#decided) return;
    this.#stop();
    this.#context.recorder.refused('upstream_unreachable');
    this.#context.transport.reset(this.#id);
  }

  #stop(): void {
    this.#decided = true;
    this.#context.transport.timers.disarm(this.#timer);
  }
}
