/** What all parts of one worker's engine share. Made once by the engine; nothing here is global. */
import { HeadEdits } from './exchange/head-edits.ts';
import { HeadStore } from './exchange/head-store.ts';
import { Head, type HeadLimits } from './message/head.ts';
import { HeaderNames } from './message/header-names.ts';
import type { OriginalDestinations } from './engine-port.ts';
import type { Recorder } from './record/recorder.ts';
import { Runtime } from './runtime/runtime.ts';
import type { Pools } from './upstream/pools.ts';
import type { ConnectionId, Transport } from './transport.ts';

/** Limits and time-outs that are the engine's, not a route's. All times in milliseconds. */
export interface EngineLimits {
  readonly heads: HeadLimits;
  /** From the first byte of a request's head, or from the accept, until the head is complete: 408. */
  readonly headTimeoutMs: number;
  /** Connections that carry nothing, on either side (Envoy's default: 1 h). */
  readonly idleTimeoutMs: number;
  /** How long a client may stay silent before its upstream connection is opened for a server that speaks first. */
  readonly detectTimeoutMs: number;
  /** Request bodies up to this size are kept for retries (Envoy's default for a sidecar's buffers is 1 MiB; Istio's retries need far less). */
  readonly retryBufferBytes: number;
  /** Bodies of known length and tunnels are moved in the kernel from this size up. */
  readonly relayBytes: number;
}

export const DEFAULT_ENGINE_LIMITS: EngineLimits = {
  heads: { maxHeadBytes: 60 * 1024, maxHeaders: 100 },
  headTimeoutMs: 60_000,
  idleTimeoutMs: 3_600_000,
  detectTimeoutMs: 20,
  retryBufferBytes: 64 * 1024,
  relayBytes: 64 * 1024,
};

export interface ContextOptions {
  readonly transport: Transport;
  readonly recorder: Recorder;
  readonly originalDestinations: OriginalDestinations;
  /** SO_MARK of upstream sockets, by which the datapath knows them. */
  readonly mark: number;
  /** Uniform over 32 bits. */
  readonly random: () => number;
  /** Wall clock in milliseconds, for the Date header. */
  readonly now: () => number;
  readonly log: (level: 'warn' | 'error', message: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly limits: EngineLimits;
}

/** Bytes of the engine's arena that hold templates; the rest are slots for kept heads. */
const TEMPLATE_BYTES = 16 * 1024;

export class Context {
  readonly transport: Transport;
  readonly recorder: Recorder;
  readonly originalDestinations: OriginalDestinations;
  readonly mark: number;
  readonly random: () => number;
  readonly now: () => number;
  readonly log: ContextOptions['log'];
  readonly limits: EngineLimits;
  readonly names = new HeaderNames();
  readonly runtime = new Runtime(this.names);
  /** Parsed heads: valid until the next head of that direction is parsed. */
  readonly requestHead: Head;
  readonly responseHead: Head;
  readonly edits: HeadEdits;
  readonly heads: HeadStore;
  /** Set by the engine right after construction: pools refer back to the context. */
  pools!: Pools;
  /** No further requests on kept connections. */
  draining = false;
  #templateEnd: number;
  #dateLine: Uint8Array = new Uint8Array(0);
  #dateSecond = -1;

  constructor(options: ContextOptions) {
    this.transport = options.transport;
    this.recorder = options.recorder;
    this.originalDestinations = options.originalDestinations;
    this.mark = options.mark;
    this.random = options.random;
    this.now = options.now;
    this.log = options.log;
    this.limits = options.limits;
    this.requestHead = new Head(this.names, options.limits.heads);
    this.responseHead = new Head(this.names, options.limits.heads);
    this.edits = new HeadEdits(options.transport);
    this.#templateEnd = options.transport.ownStart;
    this.heads = new HeadStore(options.transport, options.transport.ownStart + TEMPLATE_BYTES, options.transport.ownEnd);
  }

  /** Puts bytes into the arena for good and returns where. For the few templates that every message is made from. */
  template(text: string): number {
    const at = this.#templateEnd;
    const bytes = Buffer.from(text, 'latin1');
    if (at + bytes.length > this.transport.ownStart + TEMPLATE_BYTES) throw new RangeError('no room left for templates');
    this.transport.arena.set(bytes, at);
    this.#templateEnd = at + bytes.length;
    return at;
  }

  /** Writes a slice of the arena, or copies a slice of something else into it first. */
  send(connection: ConnectionId, bytes: Uint8Array, start: number, end: number): void {
    const { transport } = this;
    if (bytes === transport.arena) {
      transport.write(connection, start, end);
      return;
    }
    for (let from = start; from < end; from += COPY_STEP) {
      const to = Math.min(end, from + COPY_STEP);
      const at = transport.reserve(to - from);
      transport.arena.set(bytes.subarray(from, to), at);
      transport.write(connection, at, at + to - from);
    }
  }

  /** `date: …` with CRLF (RFC 9110 §5.6.7), made once a second. */
  dateLine(): Uint8Array {
    const now = this.now();
    const second = Math.floor(now / 1000);
    if (second !== this.#dateSecond) {
      this.#dateSecond = second;
      this.#dateLine = Buffer.from(`date: ${new Date(now).toUTCString()}\r\n`, 'latin1');
    }
    return this.#dateLine;
  }
}

const COPY_STEP = 32 * 1024;
