/**
 * Writes to the API server, one after the other and not too fast. A write is the state that something should have: a newer one for the
 * same thing takes the place of one that waits. What fails for a while is tried again; what is refused is reported and left.
 *
 * Invariants (test/agent/status/write-queue.test.ts):
 *  1. the last write that was put for a key is carried out, unless it is refused ("the last one counts");
 *  2. there is at most one write for a key in the queue, and not more than MAX_WRITES in all ("bounded");
 *  3. between two writes passes SPACING_MS at least ("not too fast").
 */
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { sleep } from '../../base/sleep.ts';
import type { Log } from '../log.ts';
import { ApiFailure } from '../sources/kubernetes/failure.ts';
import type { Pace } from '../sources/kubernetes/pace.ts';
import { mayPass } from './api-calls.ts';

/** 20 a second from one agent: a node's pods in some seconds. */
const SPACING_MS = 50;
/** More things than an agent has to write about; what does not fit is told again when it changes. */
const MAX_WRITES = 10_000;

export type Write = (stop: AbortSignal) => Promise<void>;

export interface WriteQueueOptions {
  readonly clock: Clock;
  readonly pace: Pace;
  readonly log: Log;
}

export class WriteQueue {
  readonly #options: WriteQueueOptions;
  readonly #writes = new Map<string, Write>();
  readonly #stop = new AbortController();
  /** Refusals that were logged. */
  readonly #told = new Set<string>();
  #run: Promise<void> | null = null;
  written = 0;
  failed = 0;
  dropped = 0;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#writes.size;
  }

  put(key: string, write: Write): void {
    if (this.#stop.signal.aborted) return;
    if (!this.#writes.has(key) && this.#writes.size >= MAX_WRITES) {
      this.dropped++;
      return;
    }
    this.#writes.set(key, write);
    this.#run ??= this.#work();
  }

  /** What waits is not written any more. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#writes.clear();
    await this.#run;
  }

  async #work(): Promise<void> {
    const { pace } = this.#options;
    // A turn later: what is put in this turn is put as a whole.
    await Promise.resolve();
    for (let next = this.#first(); next !== null; next = this.#first()) {
      const [key, write] = next;
      try {
        await write(this.#stop.signal);
        pace.reset();
        this.written++;
        this.#done(key, write);
        await this.#space();
      } catch (error) {
        if (this.#stop.signal.aborted) break;
        this.failed++;
        await this.#failed(key, write, error);
      }
    }
    this.#run = null;
  }

  #first(): [string, Write] | null {
    const [first] = this.#writes;
    return first ?? null;
  }

  /** A newer one for the key stays. */
  #done(key: string, write: Write): void {
    if (this.#writes.get(key) === write) this.#writes.delete(key);
  }

  async #failed(key: string, write: Write, error: unknown): Promise<void> {
    const { log, pace } = this.#options;
    if (!mayPass(error)) {
      this.#done(key, write);
      const message = messageOf(error);
      const kind = error instanceof ApiFailure && error.reason === 'forbidden' ? 'forbidden' : message;
      if (!this.#told.has(kind) && this.#told.size < 100) {
        this.#told.add(kind);
        log.warn({ about: key, error: message }, 'the API server refuses a status; it is not written');
      }
      return this.#space();
    }
    // At the end, so that one that cannot be written holds up no other.
    if (this.#writes.get(key) === write) {
      this.#writes.delete(key);
      this.#writes.set(key, write);
    }
    const { retryAfterMs } = error;
    await pace.wait(this.#stop.signal, retryAfterMs > 0 ? { leastMs: retryAfterMs, longestMs: retryAfterMs } : {});
  }

  #space(): Promise<void> {
    return sleep(this.#options.clock, SPACING_MS, this.#stop.signal);
  }
}
