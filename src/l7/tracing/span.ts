/** A finished span as a worker hands it out: plain data, made only for requests that are traced. */

export interface Span {
  /** Key of the exporter. */
  readonly provider: string;
  /** 32 digits, or 16 where the trace came with so many. */
  readonly traceId: string;
  /** 16 digits. */
  readonly spanId: string;
  /** Empty: the trace begins here. */
  readonly parentId: string;
  readonly kind: 'client' | 'server';
  readonly name: string;
  /** Zipkin's and Jaeger's name of whoever reports it. */
  readonly service: string;
  /** Wall clock, in milliseconds with fractions. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly tags: readonly (readonly [key: string, value: string])[];
  readonly failed: boolean;
}

export interface SpanBatchMeans {
  /** Wall clock in milliseconds. */
  readonly now: () => number;
  /** Milliseconds on the transport's clock, in which exchanges keep their times. */
  readonly ticks: () => number;
  /** Calls back once, soon. */
  readonly later: (task: () => void) => void;
  readonly publish: (spans: readonly Span[]) => void;
  /** Counts spans that were not handed out. */
  readonly dropped: (count: number) => void;
}

/** Spans of a worker wait for each other, so that they cost one message. A flood is cut off: it is counted, and nothing waits for it. */
export class SpanBatch {
  /** Per batch. */
  static readonly MOST = 512;
  readonly #means: SpanBatchMeans;
  #spans: Span[] = [];
  #excess = 0;

  constructor(means: SpanBatchMeans) {
    this.#means = means;
  }

  /** Whether there is room for another one: else it need not be made. */
  get open(): boolean {
    if (this.#spans.length < SpanBatch.MOST) return true;
    this.#excess++;
    return false;
  }

  /** A time of the transport's clock on the wall clock. */
  wall(ticks: number): number {
    return this.#means.now() - (this.#means.ticks() - ticks);
  }

  add(span: Span): void {
    if (this.#spans.push(span) === 1) this.#means.later(() => this.#flush());
  }

  #flush(): void {
    const spans = this.#spans;
    this.#spans = [];
    this.#means.publish(spans);
    if (this.#excess > 0) this.#means.dropped(this.#excess);
    this.#excess = 0;
  }
}
