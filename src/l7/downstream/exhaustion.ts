/**
 * Tells of connections that could not be accepted because their listener has its share of the process's descriptors, or because no
 * descriptors or no memory are left. All are counted; whose they are is logged, once in a window for each listener.
 */
import type { Refusal } from '../record/recorder.ts';

const WINDOW_MS = 10_000;

export interface ExhaustionOptions {
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
  readonly log: (level: 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly recorder: { refused(reason: Refusal): void };
}

export class Exhaustion {
  readonly #options: ExhaustionOptions;
  /** When each listener was last told of. */
  readonly #told = new Map<string, number>();

  constructor(options: ExhaustionOptions) {
    this.#options = options;
  }

  /** @param listener for people: whose connections, and which. */
  note(listener: string): void {
    const { now, log, recorder } = this.#options;
    recorder.refused('out_of_descriptors');
    for (const [other, at] of this.#told) if (now() - at > WINDOW_MS) this.#told.delete(other);
    if (this.#told.has(listener)) return;
    this.#told.set(listener, now());
    log('warn', 'connections are refused: the process has too few file descriptors left for them', { listener });
  }
}
