/**
 * For how long a thread has been stuck: without a heartbeat, though it could have run. Time for which it waited for a processor does not
 * count. On a node that is short of them a thread may be late without a fault of its own, and to replace it would cut off its connections
 * and give the node more to do.
 */
import { readdirSync, readFileSync } from 'node:fs';

export class StuckWatch {
  readonly #waited: () => number | null;
  #beat = 0;
  #checks = 0;
  #at = 0;
  #waitedBefore: number | null = null;

  /** @param waited milliseconds for which the thread has waited for a processor since it began; null: not known. */
  constructor(waited: () => number | null) {
    this.#waited = waited;
  }

  /** Called regularly. @returns at how many of these calls in succession, up to this one, the heartbeat had not moved; in parts where it waited. */
  check(beat: number, now: number): number {
    if (beat !== this.#beat) {
      this.#beat = beat;
      this.#checks = 0;
      this.#waitedBefore = null;
      return 0;
    }
    const waited = this.#waited();
    this.#checks += 1 - this.#share(waited, now - this.#at);
    this.#waitedBefore = waited;
    this.#at = now;
    return this.#checks;
  }

  /** Which part of the time since the call before it waited. */
  #share(waited: number | null, elapsed: number): number {
    if (waited === null || this.#waitedBefore === null || elapsed <= 0) return 0;
    return Math.min(1, Math.max(0, waited - this.#waitedBefore) / elapsed);
  }
}

const TASKS = '/proc/self/task';

/** Of a thread of this process, by its name: the second number of /proc/PID/task/TID/schedstat, in milliseconds; null where there is none. */
export function waitedForProcessor(name: string): number | null {
  try {
    const task = readdirSync(TASKS).find((id) => readFileSync(`${TASKS}/${id}/comm`, 'utf8').trimEnd() === name);
    if (task === undefined) return null;
    const [, waited] = readFileSync(`${TASKS}/${task}/schedstat`, 'utf8').split(' ');
    return Number(waited) / 1e6;
  } catch {
    // A kernel without these files, or a thread that has just ended.
    return null;
  }
}
