/** The exporters of spans or of records of logs, one for each provider of MeshConfig that says where these go. */
import type { ExporterConfig } from '../../model/compile/index.ts';
import { type ExportMeans, ExportQueue } from './export-queue.ts';

export interface ExporterReport {
  readonly provider: string;
  readonly sent: number;
  readonly dropped: number;
  readonly failed: number;
}

export class Exporters<T> {
  readonly #means: ExportMeans<T>;
  readonly #isServed: (config: ExporterConfig) => boolean;
  readonly #queues = new Map<string, ExportQueue<T>>();
  /** Whose provider has gone meanwhile. */
  #homeless = 0;

  /** @param isServed whether an exporter takes these. */
  constructor(means: ExportMeans<T>, isServed: (config: ExporterConfig) => boolean) {
    this.#means = means;
    this.#isServed = isServed;
  }

  /** Those that have not changed go on with what they have. */
  configure(exporters: ReadonlyMap<string, ExporterConfig>): void {
    for (const [name, queue] of this.#queues) {
      if (exporters.get(name) === queue.config) continue;
      queue.close();
      this.#queues.delete(name);
    }
    for (const [name, config] of exporters) {
      if (this.#isServed(config) && !this.#queues.has(name)) this.#queues.set(name, new ExportQueue(config, this.#means));
    }
  }

  /** @param provider key of the exporter. */
  add(provider: string, items: readonly T[]): void {
    const queue = this.#queues.get(provider);
    if (queue === undefined) this.#homeless += items.length;
    else queue.add(items);
  }

  report(): ExporterReport[] {
    const reports = [...this.#queues].map(([provider, { sent, dropped, failed }]) => ({ provider, sent, dropped, failed }));
    return this.#homeless === 0 ? reports : [...reports, { provider: '', sent: 0, dropped: this.#homeless, failed: 0 }];
  }

  close(): void {
    for (const queue of this.#queues.values()) queue.close();
  }
}
