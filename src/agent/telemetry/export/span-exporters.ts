/** The exporters of spans, one for each provider of MeshConfig that says where traces go. */
import type { Span } from '../../../l7/tracing/span.ts';
import type { ExporterConfig } from '../../model/compile/index.ts';
import { SpanQueue, type SpanQueueMeans } from './span-queue.ts';

export interface ExporterReport {
  readonly provider: string;
  readonly sent: number;
  readonly dropped: number;
  readonly failed: number;
}

export class SpanExporters {
  readonly #means: SpanQueueMeans;
  readonly #queues = new Map<string, SpanQueue>();
  /** Of spans whose provider has gone meanwhile. */
  #homeless = 0;

  constructor(means: SpanQueueMeans) {
    this.#means = means;
  }

  /** Those that have not changed go on with what they have. */
  configure(exporters: ReadonlyMap<string, ExporterConfig>): void {
    for (const [name, queue] of this.#queues) {
      if (exporters.get(name) === queue.config) continue;
      queue.close();
      this.#queues.delete(name);
    }
    for (const [name, config] of exporters) if (!this.#queues.has(name)) this.#queues.set(name, new SpanQueue(config, this.#means));
  }

  add(spans: readonly Span[]): void {
    for (const [provider, own] of Map.groupBy(spans, (span) => span.provider)) {
      const queue = this.#queues.get(provider);
      if (queue === undefined) this.#homeless += own.length;
      else queue.add(own);
    }
  }

  report(): ExporterReport[] {
    const reports = [...this.#queues].map(([provider, { sent, dropped, failed }]) => ({ provider, sent, dropped, failed }));
    return this.#homeless === 0 ? reports : [...reports, { provider: '', sent: 0, dropped: this.#homeless, failed: 0 }];
  }

  close(): void {
    for (const queue of this.#queues.values()) queue.close();
  }
}
