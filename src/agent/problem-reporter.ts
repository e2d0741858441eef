/** Logs each problem twice: when it appears, and when it is gone. */
import type { Log } from './log.ts';
import type { Problem, ProblemNews } from './model/problem.ts';
import { refKey } from './model/problem.ts';
import { reportOf } from './model/report.ts';

type Known = ReadonlyMap<string, Problem>;
const NONE: Known = new Map();

export class ProblemReporter {
  readonly #log: Log;
  /** By subject; those that have any. */
  readonly #known = new Map<string, Known>();

  constructor(log: Log) {
    this.#log = log;
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

  #tell(before: Known, now: Known): void {
    for (const [key, problem] of now) {
      if (before.has(key)) continue;
      const { severity, message, ...fields } = reportOf(problem);
      this.#log[severity === 'error' ? 'error' : 'warn']({ problem: severity, ...fields }, message);
    }
    for (const [key, problem] of before) {
      if (now.has(key)) continue;
      const { message, ...fields } = reportOf(problem);
      this.#log.info({ ...fields }, `resolved: ${message}`);
    }
  }
}

/** Without its place: a problem that has moved within its file is the same one. */
function keyOf({ severity, object, path, message, file }: Problem): string {
  return `${severity} ${object === null ? file : refKey(object)} ${path} ${message}`;
}
