/**
 * Tells of connections that could not be accepted because their listener has its share of the process's descriptors, or because no
 * descriptors or no memory are left. All are counted; whose they are is logged, once in a window for each listener and what it lacks.
 */
import type { Refusal } from '../record/recorder.ts';
import type { Scarce } from '../transport.ts';

const WINDOW_MS = 10_000;
const MESSAGES: Readonly<Record<Scarce, string>> = {
  descriptors: 'connections are refused: the process has too few file descriptors left for them',
  // The kernel counts what sockets take as the process's own, and those that have not got it stay in the listener's queue.
  memory: 'connections wait: the kernel has no memory for their sockets, by a limit of the cgroup, or fs.file-max files are open',
};

export interface ExhaustionOptions {
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
  readonly log: (level: 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly recorder: { refused(reason: Refusal): void };
}

export class Exhaustion {
  readonly #options: ExhaustionOptions;
  /** When each listener was last told of, and for what. */
  readonly #told = new Map<string, number>();

  constructor(options: ExhaustionOptions) {
    this.#options = options;
  }

  /** @param listener for people: whose connections, and which. */
  note(listener: string, of: Scarce): void {
    const { now, log, recorder } = this.#options;
    recorder.refused(`out_of_${of}`);
    for (const [other, at] of this.#told) if (now() - at > WINDOW_MS) this.#told.delete(other);
    const key = `${listener} ${of}`;
    if (this.#told.has(key)) return;
    this.#told.set(key, now());
    log('warn', MESSAGES[of], { listener });
  }
}
