/** Many runs to few numbers. */
import type { IdleRun } from './idle.ts';
import type { Run } from './measure.ts';

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export const METRICS = ['rps', 'cpuUs', 'userUs', 'systemUs', 'p50', 'p99', 'residentMb', 'anonymousMb', 'idleShare'] as const;
export type Metric = (typeof METRICS)[number];

export const RATIOS = ['rps', 'cpuUs', 'p50'] as const;
export type RatioMetric = (typeof RATIOS)[number];

export interface Row {
  readonly cell: string;
  readonly proxy: string;
  readonly runs: number;
  readonly metrics: Readonly<Record<Metric, Spread>>;
  /** To the reference; of neighbours in time, so that a machine that slows down half-way slows down both. Null without such pairs. */
  readonly ratios: Readonly<Record<RatioMetric, Spread | null>>;
}

export interface IdleRow {
  readonly proxy: string;
  readonly runs: number;
  readonly connections: number;
  readonly bytesPerConnection: Spread;
  readonly residentMb: Spread;
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

/** In the order of the names given; runs that were discarded are left out. */
export function summarize(runs: readonly Run[], order: readonly string[], reference: string): Row[] {
  const kept = runs.filter(({ discarded }) => discarded === null);
  const cells = Map.groupBy(kept, ({ cell }) => cell);
  return [...cells].flatMap(([cell, ofCell]) => {
    const references = new Map(ofCell.filter(({ proxy }) => proxy === reference).map((run) => [run.repetition, run]));
    const groups = Map.groupBy(ofCell, ({ proxy }) => proxy);
    return order.flatMap((proxy) => {
      const own = groups.get(proxy);
      return own === undefined ? [] : [row(cell, proxy, own, references)];
    });
  });
}

function row(cell: string, proxy: string, runs: readonly Run[], references: ReadonlyMap<number, Run>): Row {
  const metrics = Object.fromEntries(METRICS.map((metric) => [metric, spread(runs.map((run) => run[metric]))]));
  const ratios = Object.fromEntries(RATIOS.map((metric) => [metric, ratio(metric, runs, references)]));
  return { cell, proxy, runs: runs.length, metrics: metrics as Row['metrics'], ratios: ratios as Row['ratios'] };
}

function ratio(metric: RatioMetric, runs: readonly Run[], references: ReadonlyMap<number, Run>): Spread | null {
  const pairs = runs.flatMap((run) => {
    const other = references.get(run.repetition);
    return other === undefined ? [] : [run[metric] / other[metric]];
  });
  return pairs.length === 0 ? null : spread(pairs);
}

export function summarizeIdle(runs: readonly IdleRun[]): IdleRow[] {
  return [...Map.groupBy(runs, ({ proxy }) => proxy)].map(([proxy, own]) => ({
    proxy,
    runs: own.length,
    connections: own[0]!.connections,
    bytesPerConnection: spread(own.map((run) => run.bytesPerConnection)),
    residentMb: spread(own.map((run) => run.residentMb)),
  }));
}
