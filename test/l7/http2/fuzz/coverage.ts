/** Which blocks of some modules have run, and how often: V8 counts them for its inspector. */
import { type Profiler, Session } from 'node:inspector';

export class Coverage {
  readonly #session = new Session();
  readonly #modules: RegExp;
  readonly #seen = new Set<string>();

  /** @param modules matches the addresses of those that count. */
  constructor(modules: RegExp) {
    this.#modules = modules;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** What has been seen: blocks, each with the magnitudes (by 8) of how often it ran. */
  get size(): number {
    return this.#seen.size;
  }

  /** @returns how much has run since the last call that had never run as often. */
  take(): number {
    const before = this.#seen.size;
    this.#session.post('Profiler.takePreciseCoverage', (_error, { result }) => {
      for (const script of result) if (this.#modules.test(script.url)) this.#add(script);
    });
    return this.#seen.size - before;
  }

  close(): void {
    this.#session.disconnect();
  }

  #add({ url, functions }: Profiler.ScriptCoverage): void {
    for (const { ranges } of functions) {
      for (const { startOffset, endOffset, count } of ranges)
        if (count > 0) this.#seen.add(`${url} ${startOffset} ${endOffset} ${Math.floor(Math.log2(count) / 3)}`);
    }
  }
}
