/** Logs each problem twice: when it appears, and when it is gone. Remembers the last error. */
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Log } from './log.ts';
import type { Problem, ProblemNews } from './model/problem.ts';
import { refKey } from './model/problem.ts';
import { reportOf } from './model/report.ts';

type Known = ReadonlyMap<string, Problem>;
const NONE: Known = new Map();

export interface LastError {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The object, and what was wrong with it. */
  readonly message: string;
}

export class ProblemReporter {
  /** Also after it was resolved; null: there was none since the start. */
  lastError: LastError | null = null;
  readonly #log: Log;
  readonly #clock: Pick<Clock, 'now'>;
  /** By subject; those that have any. */
  readonly #known = new Map<string, Known>();

  constructor(log: Log, clock: Pick<Clock, 'now'>) {
    this.#log = log;
    this.#clock = clock;
  }

  report(news: readonly ProblemNews[]): void {
    for (const { subject, problems } of news) {
      const before = this.#known.get(subject) ?? NONE;
      const now: Known = new Map(problems.map((problem) => [keyOf(problem), problem]));
      if (now.size === 0) this.#known.delete(subject);
      else this.#known.set(subject, now);
      this.#tell(before, now);
    }
  }

  /** A part of the configuration that could not be compiled: what was there before stays in effect. */
  fault(part: string, error: unknown): void {
    const fields = { part, error: messageOf(error), stack: (error as Error | undefined)?.stack };
    this.#log.error(fields, 'a part of the configuration could not be compiled; what was there before stays in effect');
    this.#remember(part, messageOf(error));
  }

  #tell(before: Known, now: Known): void {
    for (const [key, problem] of now) {
      if (before.has(key)) continue;
      const { severity, message, ...fields } = reportOf(problem);
      this.#log[severity === 'error' ? 'error' : 'warn']({ problem: severity, ...fields }, message);
      if (severity === 'error') this.#remember(fields.object, message);
    }
    for (const [key, problem] of before) {
      if (now.has(key)) continue;
      const { message, ...fields } = reportOf(problem);
      this.#log.info({ ...fields }, `resolved: ${message}`);
    }
  }

  #remember(subject: string, message: string): void {
    this.lastError = { at: this.#clock.now(), message: subject === '' ? message : `${subject}: ${message}` };
  }
}

/** Without its place: a problem that has moved within its file is the same one. */
function keyOf({ severity, object, path, message, file }: Problem): string {
  return `${severity} ${object === null ? file : refKey(object)} ${path} ${message}`;
}
