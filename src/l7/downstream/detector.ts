/**
 * Finds out which protocol a client speaks when nothing declares it.
 *
 *     silent ──bytes──▶ HTTP/1 or the preface of HTTP/2: an Http1Server takes over
 *        │              TLS, where names say where it goes: passed to where its name says, once the ClientHello is there
 *        │              anything else: passed through
 *        │              not enough yet: wait for more
 *        └─20 ms──▶ upstream connection opened, so that a server that speaks first is heard
 *                       ├─ the server speaks: passed through
 *                       ├─ it cannot be reached: an HTTP client gets its answer by the rules, if it speaks within GRACE_MS
 *                       └─ the client speaks after all: as above; for HTTP/1 the connection is given up
 *
 * Invariants (test/l7/downstream/detector.test.ts; with real servers: test/l7/engine/captured.test.ts, "detection"): bytes that were read
 * reach whoever takes over, once and in order; exactly one of HTTP, tunnel and refusal follows for a connection that the client does not
 * close itself; an upstream connection that is not used is closed.
 */
import { Timer } from '../../base/timer-wheel.ts';
import { sniff } from '../http1/sniff.ts';
import { send } from '../send.ts';
import { readServerName } from '../tls-hello/client-hello.ts';
import type { CloseReason, ConnectionHandler, ConnectionId, Transport } from '../transport.ts';
import type { EarlyServer, OpaqueConnection } from './opaque.ts';

/** A client that has sent this much without being recognised is not an HTTP client. */
const ENOUGH = 8 * 1024;
/** A client whose server cannot be reached may wait for its greeting, or may be about to ask by HTTP. */
const GRACE_MS = 1000;

export interface DetectorPlan {
  readonly transport: Transport;
  /** Hands the connection over to HTTP together with what was read; null: bytes are never looked at. */
  readonly serveHttp: ((bytes: Uint8Array) => void) | null;
  readonly detectTimeoutMs: number;
  /** Whether the name that a TLS client asks for says where it goes. */
  readonly byName: boolean;
  /** Opens the upstream connection; null when there is nowhere to go. @param name that the client asks for by TLS; null: none. */
  readonly openUpstream: (early: (early: EarlyServer) => void, name: Uint8Array | null) => OpaqueConnection | null;
  /** The connection was refused, because there is no upstream. */
  readonly onRefused: () => void;
}

export class Detector implements ConnectionHandler {
  readonly #plan: DetectorPlan;
  readonly #id: ConnectionId;
  readonly #timer: Timer;
  #opaque: OpaqueConnection | null = null;
  #unreachable = false;
  #seen: Uint8Array | null = null;
  #name: Uint8Array | null = null;
  #decided = false;

  constructor(plan: DetectorPlan, id: ConnectionId) {
    this.#plan = plan;
    this.#id = id;
    this.#timer = new Timer(() => this.#onTimer());
    if (plan.serveHttp !== null || plan.byName) plan.transport.timers.arm(this.#timer, plan.detectTimeoutMs);
    else plan.transport.defer(() => this.#passThrough());
  }

  onConnect(): void {}

  onData(start: number, end: number): void {
    const { arena } = this.#plan.transport;
    const { serveHttp, byName } = this.#plan;
    this.#seen = this.#seen === null ? arena.slice(start, end) : Buffer.concat([this.#seen, arena.subarray(start, end)]);
    if (serveHttp === null && !byName) return;
    const found = sniff(this.#seen, 0, this.#seen.length);
    if (found === 'more' && this.#seen.length < ENOUGH) return;
    if ((found === 'http1' || found === 'http2') && serveHttp !== null) return this.#becomeHttp(serveHttp, this.#seen);
    if (found === 'tls' && byName && !this.#readName(this.#seen)) return;
    this.#passThrough();
  }

  /** @returns false when more of the ClientHello is needed. */
  #readName(seen: Uint8Array): boolean {
    const hello = readServerName(seen);
    if (hello.state === 'more') return false;
    if (hello.state === 'none') return true;
    this.#name = hello.name;
    // It may have been opened without knowing the name, because the client was slow.
    this.#cancelUpstream();
    this.#unreachable = false;
    return true;
  }

  onEnd(): void {
    // FIN before anything was decided: the server sees it too.
    this.#passThrough('first');
  }

  onClose(_reason: CloseReason): void {
    this.#stop();
    this.#cancelUpstream();
  }

  onBlocked(): void {}
  onDrained(): void {}
  onRelayed(): void {}

  #onTimer(): void {
    if (this.#unreachable) this.#refuse();
    else this.#open();
  }

  #becomeHttp(serve: (bytes: Uint8Array) => void, seen: Uint8Array): void {
    this.#stop();
    this.#cancelUpstream();
    serve(seen);
  }

  #passThrough(ended: 'none' | 'first' | 'second' = 'none'): void {
    if (this.#decided) return;
    if (this.#unreachable) return this.#refuse();
    this.#open();
    if (this.#opaque === null) return;
    this.#stop();
    this.#opaque.join(this.#seen, ended);
  }

  #open(): void {
    if (this.#opaque !== null || this.#decided) return;
    this.#opaque = this.#plan.openUpstream((early) => this.#onServer(early), this.#name);
    if (this.#opaque === null) this.#onUnreachable();
  }

  #onServer(early: EarlyServer): void {
    switch (early.kind) {
      case 'unreachable':
        this.#opaque = null;
        return this.#onUnreachable();
      case 'ended':
        return this.#passThrough('second');
      case 'spoke':
        send(this.#plan.transport, this.#id, early.bytes, 0, early.bytes.length);
        return this.#passThrough();
    }
  }

  #onUnreachable(): void {
    const { serveHttp, byName, transport } = this.#plan;
    if (this.#decided || (serveHttp === null && !byName) || this.#unreachable) return this.#refuse();
    this.#unreachable = true;
    transport.timers.arm(this.#timer, GRACE_MS);
  }

  #refuse(): void {
    if (this.#decided) return;
    this.#stop();
    this.#plan.onRefused();
    this.#plan.transport.reset(this.#id);
  }

  #cancelUpstream(): void {
    this.#opaque?.cancel();
    this.#opaque = null;
  }

  #stop(): void {
    this.#decided = true;
    this.#plan.transport.timers.disarm(this.#timer);
  }
}
