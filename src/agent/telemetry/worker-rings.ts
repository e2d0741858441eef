/**
 * The rings of all workers for one kind of record: read at intervals into one place. A worker that is replaced leaves nothing behind
 * but its count of what had no room.
 *
 * Invariants (test/agent/telemetry/worker-rings.test.ts):
 *  1. what a worker wrote before it was retired is taken;
 *  2. `dropped` never falls.
 */
import type { Cancel, Clock } from '../../base/clock.ts';
import { LogRing } from '../../l7/access-log/log-ring.ts';

/** A ring has room for some two thousand lines: forty thousand a second of one worker. */
const READ_MS = 50;

export interface RingReader {
  readonly clock: Clock;
  /** A record: `sink` as its writer named it; the bytes are valid during the call. */
  readonly take: (sink: string, bytes: Uint8Array) => void;
  /** All rings have been read. */
  readonly onRead?: () => void;
}

export class WorkerRings {
  readonly #reader: RingReader;
  readonly #rings = new Map<object, LogRing>();
  #reading: Cancel | null = null;
  /** Of workers that have ended. */
  #lost = 0;

  constructor(reader: RingReader) {
    this.#reader = reader;
  }

  /** A worker writes there from now on. */
  attach(worker: object, memory: SharedArrayBuffer): void {
    this.#rings.set(worker, new LogRing(memory));
    this.#reading ??= this.#reader.clock.every(READ_MS, () => this.read());
  }

  /** The worker has ended: what it had written is not lost. */
  retire(worker: object): void {
    const ring = this.#rings.get(worker);
    if (ring === undefined) return;
    this.read();
    this.#lost += ring.dropped;
    this.#rings.delete(worker);
  }

  read(): void {
    for (const ring of this.#rings.values()) ring.read(this.#reader.take);
    this.#reader.onRead?.();
  }

  /** Records that had no room, of all workers that there ever were. */
  get dropped(): number {
    let dropped = this.#lost;
    for (const ring of this.#rings.values()) dropped += ring.dropped;
    return dropped;
  }

  /** Reads what is there, and then no more. */
  close(): void {
    this.#reading?.();
    this.#reading = null;
    this.read();
  }
}
