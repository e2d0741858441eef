/**
 * Sums the counters of all workers by series. The counts of a worker that has ended stay in the sums, so no counter ever goes back.
 * Its gauges do not stay.
 */
import { BUCKETS, type SeriesDefinition } from '../../l7/record/stats.ts';

export interface CounterSource {
  readonly series: readonly SeriesDefinition[];
  /** Null until the worker has started. */
  readonly stats: Float64Array | null;
}

export interface SummedSeries {
  readonly kind: SeriesDefinition['kind'];
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** As the worker's cells: one value, or the buckets (not cumulative) and the sum. */
  readonly values: number[];
}

export class WorkerCounters {
  readonly #retired = new Map<string, SummedSeries>();

  retire(source: CounterSource): void {
    addAll(this.#retired, source, (series) => series.kind !== 'gauge');
  }

  sum(sources: readonly CounterSource[]): SummedSeries[] {
    const total = new Map<string, SummedSeries>();
    for (const [key, series] of this.#retired) total.set(key, { ...series, values: [...series.values] });
    for (const source of sources) addAll(total, source, () => true);
    return [...total.values()];
  }
}

function addAll(total: Map<string, SummedSeries>, source: CounterSource, wanted: (series: SeriesDefinition) => boolean): void {
  const { stats } = source;
  if (stats === null) return;
  for (const series of source.series) if (wanted(series)) add(total, series, stats);
}

function add(total: Map<string, SummedSeries>, series: SeriesDefinition, stats: Float64Array): void {
  const size = series.kind === 'histogram' ? BUCKETS.length + 2 : 1;
  const key = `${series.name}\u0000${Object.entries(series.labels).flat().join('\u0000')}`;
  let entry = total.get(key);
  if (entry === undefined) {
    entry = { kind: series.kind, name: series.name, labels: series.labels, values: new Array<number>(size).fill(0) };
    total.set(key, entry);
  }
  for (let i = 0; i < size; i++) entry.values[i] = (entry.values[i] as number) + (stats[series.cell + i] as number);
}
