/**
 * Counters of one worker in shared memory: the worker adds, the control thread reads, nobody waits. A series gets its cells
 * when it is first needed; its definition travels to the control thread by `publish`, its values never do.
 *
 * Invariant (test/l7/record/stats.test.ts): asking for a series never fails. When the memory is full, what is new is counted under
 * labels that say `overflow`; room for these is set aside with the first series of a name.
 */

export interface SeriesDefinition {
  /** First cell. A counter or gauge has one, a histogram one per bucket (the last one is +Inf, not cumulative), then its sum. */
  readonly cell: number;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Upper bounds, inclusive, of Istio's histograms (Envoy's default buckets), without +Inf. */
export const BUCKETS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000,
];
const HISTOGRAM_CELLS = BUCKETS.length + 2;

export class Stats {
  /** Virtual memory only, until a page of it is used. */
  static readonly CELLS = 1 << 20;
  readonly memory: SharedArrayBuffer;
  readonly cells: Float64Array;
  readonly #publish: (series: SeriesDefinition) => void;
  readonly #known = new Map<string, number>();
  /** By name: where the series lies that counts what has no cells of its own, and whether it has been published. */
  readonly #overflow = new Map<string, { readonly cell: number; published: boolean }>();
  /** From here on lies what not even the overflow of its name had room for: counted together, told to nobody. */
  readonly #sink: number;
  #next = 0;

  constructor(publish: (series: SeriesDefinition) => void, cells: number = Stats.CELLS) {
    this.memory = new SharedArrayBuffer(cells * 8);
    this.cells = new Float64Array(this.memory);
    this.#publish = publish;
    this.#sink = cells - HISTOGRAM_CELLS;
    if (this.#sink < 0) throw new RangeError(`a worker's counters need at least ${HISTOGRAM_CELLS} cells`);
  }

  counter(name: string, labels: Readonly<Record<string, string>>): number {
    return this.#series('counter', name, labels, 1);
  }

  gauge(name: string, labels: Readonly<Record<string, string>>): number {
    return this.#series('gauge', name, labels, 1);
  }

  histogram(name: string, labels: Readonly<Record<string, string>>): number {
    return this.#series('histogram', name, labels, HISTOGRAM_CELLS);
  }

  add(cell: number, amount: number): void {
    this.cells[cell] = (this.cells[cell] as number) + amount;
  }

  observe(histogram: number, value: number): void {
    let bucket = 0;
    while (bucket < BUCKETS.length && value > (BUCKETS[bucket] as number)) bucket++;
    this.add(histogram + bucket, 1);
    this.add(histogram + HISTOGRAM_CELLS - 1, value);
  }

  #series(kind: SeriesDefinition['kind'], name: string, labels: Readonly<Record<string, string>>, size: number): number {
    const key = `${name}\u0000${Object.entries(labels).flat().join('\u0000')}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.#setAside(name, size);
    if (this.#next + size > this.#sink) return this.#overflowOf(kind, name, labels);
    const series = { cell: this.#next, kind, name, labels };
    this.#next += size;
    this.#known.set(key, series.cell);
    this.#publish(series);
    return series.cell;
  }

  #setAside(name: string, size: number): void {
    if (this.#overflow.has(name) || this.#next + size > this.#sink) return;
    this.#overflow.set(name, { cell: this.#next, published: false });
    this.#next += size;
  }

  /** Past the end of the memory all new series of one name share cells: this bounds the memory, and the label shows it. */
  #overflowOf(kind: SeriesDefinition['kind'], name: string, labels: Readonly<Record<string, string>>): number {
    const overflow = this.#overflow.get(name);
    if (overflow === undefined) return this.#sink;
    if (!overflow.published) {
      overflow.published = true;
      const replaced = Object.fromEntries(Object.keys(labels).map((label) => [label, 'overflow']));
      this.#publish({ cell: overflow.cell, kind, name, labels: replaced });
    }
    return overflow.cell;
  }
}
