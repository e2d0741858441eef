/**
 * Rings of all workers for one kind of line: read at intervals into one place. A worker that is replaced leaves nothing behind but its
 * count of what had no room.
 *
 * Invariants (test/agent/telemetry/worker-rings.test.ts):
 *  1. what a worker wrote before it was retired is taken;
 *  2. `dropped` never falls.
 */
import type { Cancel, Clock } from '../../base/clock.ts';
import { LineRing } from '../../base/line-ring.ts';

const READ_MS = 50;

export interface RingReader {
  readonly clock: Clock;
  /** Lines without their ends. @param sink as their writer named it. */
  readonly take: (lines: readonly Buffer[], sink: string) => void;
}

export class WorkerRings {
  readonly #reader: RingReader;
  /** By worker and sink. */
  readonly #rings = new Map<object, Map<string, LineRing>>();
  #reading: Cancel | null = null;
  /** Of workers that have ended. */
  #lost = 0;

  constructor(reader: RingReader) {
    this.#reader = reader;
  }

  /** A worker writes there from now on. */
  attach(worker: object, sink: string, memory: SharedArrayBuffer): void {
    let own = this.#rings.get(worker);
    if (own === undefined) this.#rings.set(worker, (own = new Map()));
    own.set(sink, new LineRing(memory));
    this.#reading ??= this.#reader.clock.every(READ_MS, () => this.read());
  }

  /** The worker has ended: what it had written is not lost. */
  retire(worker: object): void {
    const own = this.#rings.get(worker);
    if (own === undefined) return;
    this.read();
    for (const ring of own.values()) this.#lost += ring.dropped;
    this.#rings.delete(worker);
  }

  read(): void {
    for (const own of this.#rings.values()) {
      for (const [sink, ring] of own) {
        const lines: Buffer[] = [];
        ring.read((line) => lines.push(line));
        if (lines.length > 0) this.#reader.take(lines, sink);
      }
    }
  }

  /** Lines that had no room, of all workers that there ever were. */
  get dropped(): number {
    let dropped = this.#lost;
    for (const own of this.#rings.values()) for (const ring of own.values()) dropped += ring.dropped;
    return dropped;
  }

  /** Reads what is there, and then no more. */
  close(): void {
    this.#reading?.();
    this.#reading = null;
    this.read();
  }
}
