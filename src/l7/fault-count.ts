/**
 * Counts faults that ended only what they concerned. The first of a window are logged with what was being done. When too many come
 * within one window, the worker is no longer fit, and `unfit` is called.
 */
import { messageOf } from '../base/errors.ts';

const WINDOW_MS = 10_000;
const MOST_IN_WINDOW = 1000;
/** Logged in each window; the counter has the others. */
const LOGGED_IN_WINDOW = 10;

export interface FaultCountOptions {
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
  readonly log: (level: 'error', message: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly unfit: (cause: string) => void;
}

export class FaultCount {
  readonly #options: FaultCountOptions;
  #since = -Infinity;
  #count = 0;

  constructor(options: FaultCountOptions) {
    this.#options = options;
  }

  count(error: unknown, doing: string): void {
    const { now, log, unfit } = this.#options;
    if (now() - this.#since > WINDOW_MS) {
      this.#since = now();
      this.#count = 0;
    }
    this.#count++;
    const stack = error instanceof Error ? error.stack : undefined;
    if (this.#count <= LOGGED_IN_WINDOW)
      log('error', 'fault while serving; only what was being done ends', { doing, error: messageOf(error), stack });
    if (this.#count === MOST_IN_WINDOW)
      unfit(`${MOST_IN_WINDOW} faults within ${WINDOW_MS} ms, the last one while ${doing}: ${messageOf(error)}`);
  }
}
