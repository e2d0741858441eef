/**
 * Counters of one worker in shared memory: the worker adds, the control thread reads, nobody waits. A series gets its cells when it
 * is first needed; its definition travels to the control thread by `publish`, its values never do.
 *
 * Cells of a series that nobody needs any more are given back in two steps, so that the control thread can read their last values:
 *
 *     in use ──release──▶ resting ──reuse (the next sweep)──▶ free ──▶ in use, from zero
 *
 * Invariants (test/l7/record/stats.test.ts):
 *  1. asking for a series never fails: when the memory is full, what is new is counted under labels that say `overflow`; room for
 *     these is set aside with the first series of a name;
 *  2. no two series in use share a cell;
 *  3. released cells keep their values until `reuse`, which the control thread has had time for.
 */

export interface SeriesDefinition {
  /** First cell. A counter or gauge has one, a histogram one per bucket (the last one is +Inf, not cumulative), then its sum. */
  readonly cell: number;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What the control thread must know of the cells. */
/** One request that a histogram counted, for those who look at the histogram. */
export interface Exemplar {
  /** First cell of the histogram. */
  readonly cell: number;
  readonly value: number;
  readonly traceId: string;
}

export interface StatsAudience {
  /** A series has got cells. */
  added(series: SeriesDefinition): void;
  /** The series at these cells has ended. */
  ended(cells: readonly number[]): void;
  exemplar?(exemplar: Exemplar): void;
}

/** Upper bounds, inclusive, of Istio's histograms (Envoy's default buckets), without +Inf. */
export const BUCKETS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000,
];
const HISTOGRAM_CELLS = BUCKETS.length + 2;

/** The bucket that counts a value. */
export function bucketOf(value: number): number {
  let bucket = 0;
  while (bucket < BUCKETS.length && value > (BUCKETS[bucket] as number)) bucket++;
  return bucket;
}

/** Cells of a series of that kind. */
export const cellsOf = (kind: SeriesDefinition['kind']): number => (kind === 'histogram' ? HISTOGRAM_CELLS : 1);

export class Stats {
  /** Virtual memory only, until a page of it is used. */
  static readonly CELLS = 1 << 20;
  readonly memory: SharedArrayBuffer;
  readonly cells: Float64Array;
  readonly #audience: StatsAudience;
  /** By name: where the series lies that counts what has no cells of its own, and whether it has been published. */
  readonly #overflow = new Map<string, { readonly cell: number; published: boolean }>();
  /** By size: first cells that may be used again. */
  readonly #free = new Map<number, number[]>();
  #resting: { readonly cell: number; readonly size: number }[] = [];
  /** From here on lies what not even the overflow of its name had room for: counted together, told to nobody. */
  readonly #sink: number;
  #next = 0;
  #overflows = -1;

  constructor(audience: StatsAudience, cells: number = Stats.CELLS) {
    this.memory = new SharedArrayBuffer(cells * 8);
    this.cells = new Float64Array(this.memory);
    this.#audience = audience;
    this.#sink = cells - HISTOGRAM_CELLS;
    if (this.#sink < 0) throw new RangeError(`a worker's counters need at least ${HISTOGRAM_CELLS} cells`);
  }

  /** Each call is another series: the control thread adds up those with the same labels. */
  counter(name: string, labels: Readonly<Record<string, string>>): number {
    return this.#series('counter', name, labels);
  }

  gauge(name: string, labels: Readonly<Record<string, string>>): number {
    return this.#series('gauge', name, labels);
  }

  histogram(name: string, labels: Readonly<Record<string, string>>): number {
    return this.#series('histogram', name, labels);
  }

  /** For series that nobody wants: their values are told to nobody. */
  get nowhere(): number {
    return this.#sink;
  }

  /** @param counter of series that had no room. */
  countOverflows(counter: number): void {
    this.#overflows = counter;
  }

  exemplar(exemplar: Exemplar): void {
    this.#audience.exemplar?.(exemplar);
  }

  add(cell: number, amount: number): void {
    this.cells[cell] = (this.cells[cell] as number) + amount;
  }

  observe(histogram: number, value: number): void {
    this.add(histogram + bucketOf(value), 1);
    this.add(histogram + HISTOGRAM_CELLS - 1, value);
  }

  /** Nobody adds to these series any more. Cells that count an overflow stay. */
  release(series: Iterable<readonly [cell: number, kind: SeriesDefinition['kind']]>): void {
    const cells: number[] = [];
    for (const [cell, kind] of series) {
      if (this.#isShared(cell)) continue;
      cells.push(cell);
      this.#resting.push({ cell, size: cellsOf(kind) });
    }
    if (cells.length > 0) this.#audience.ended(cells);
  }

  /** What was released before the last call may be given out again. */
  reuse(): void {
    for (const { cell, size } of this.#resting) {
      this.cells.fill(0, cell, cell + size);
      const free = this.#free.get(size);
      if (free === undefined) this.#free.set(size, [cell]);
      else free.push(cell);
    }
    this.#resting = [];
  }

  #series(kind: SeriesDefinition['kind'], name: string, labels: Readonly<Record<string, string>>): number {
    const size = cellsOf(kind);
    this.#setAside(name, size);
    const cell = this.#free.get(size)?.pop() ?? this.#fresh(size);
    if (cell < 0) return this.#overflowOf(kind, name, labels);
    this.#audience.added({ cell, kind, name, labels });
    return cell;
  }

  #fresh(size: number): number {
    if (this.#next + size > this.#sink) return -1;
    this.#next += size;
    return this.#next - size;
  }

  #isShared(cell: number): boolean {
    if (cell >= this.#sink) return true;
    for (const overflow of this.#overflow.values()) if (overflow.cell === cell) return true;
    return false;
  }

  #setAside(name: string, size: number): void {
    if (this.#overflow.has(name) || this.#next + size > this.#sink) return;
    this.#overflow.set(name, { cell: this.#next, published: false });
    this.#next += size;
  }

  /** Past the end of the memory all new series of one name share cells: this bounds the memory, and the label shows it. */
  #overflowOf(kind: SeriesDefinition['kind'], name: string, labels: Readonly<Record<string, string>>): number {
    if (this.#overflows >= 0) this.add(this.#overflows, 1);
    const overflow = this.#overflow.get(name);
    if (overflow === undefined) return this.#sink;
    if (!overflow.published) {
      overflow.published = true;
      const replaced = Object.fromEntries(Object.keys(labels).map((label) => [label, 'overflow']));
      this.#audience.added({ cell: overflow.cell, kind, name, labels: replaced });
    }
    return overflow.cell;
  }
}
