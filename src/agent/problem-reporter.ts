/** Logs each problem twice: when it appears, and when it is gone. */
import type { Log } from './log.ts';
import type { Problem } from './model/problem.ts';
import { refKey } from './model/problem.ts';
import { reportOf } from './model/report.ts';

export class ProblemReporter {
  readonly #log: Log;
  #known: ReadonlyMap<string, Problem> = new Map();

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param problems all that there are now. */
  report(problems: readonly Problem[]): void {
    const now = new Map(problems.map((problem) => [keyOf(problem), problem]));
    for (const [key, problem] of now) {
      if (this.#known.has(key)) continue;
      const { severity, message, ...fields } = reportOf(problem);
      this.#log[severity === 'error' ? 'error' : 'warn']({ problem: severity, ...fields }, message);
    }
    for (const [key, problem] of this.#known) {
      if (now.has(key)) continue;
      const { message, ...fields } = reportOf(problem);
      this.#log.info({ ...fields }, `resolved: ${message}`);
    }
    this.#known = now;
  }
}

/** Without its place: a problem that has moved within its file is the same one. */
function keyOf({ severity, object, path, message, file }: Problem): string {
  return `${severity} ${object === null ? file : refKey(object)} ${path} ${message}`;
}
