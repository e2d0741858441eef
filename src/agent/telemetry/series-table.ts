/**
 * The series of all workers by name and labels. Workers announce them once; their values stay in the workers' memory and are added up
 * when somebody asks.
 *
 * Invariants (test/agent/telemetry/series-table.test.ts):
 *  1. a counter never goes back while it is there: what a worker that ended, or that has forgotten a series, had counted stays in the
 *     sum for as long as another worker counts;
 *  2. a gauge is the sum of the workers that live;
 *  3. a series that no worker has any more goes: at once when the last one forgot it, after `orphanMs` when the last one ended.
 */
import type { Clock } from '../../base/clock.ts';
import { BUCKETS, type SeriesDefinition, bucketOf, cellsOf } from '../../l7/record/stats.ts';

/** A worker. */
export interface SeriesSource {
  /** Null until the worker has started. */
  readonly stats: Float64Array | null;
}

/** Text of labels as it is written, without braces. Series with the same labels share it. */
export interface LabelText {
  readonly key: string;
  readonly bytes: Buffer;
  uses: number;
}

/** A request that a bucket counted, and its trace. */
export interface BucketExemplar {
  readonly traceId: string;
  readonly value: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** One string for each kind. */
const KINDS = { counter: 'counter', gauge: 'gauge', histogram: 'histogram' } as const;

interface Part {
  readonly source: SeriesSource;
  readonly cell: number;
}

export class Series {
  readonly kind: SeriesDefinition['kind'];
  readonly name: string;
  readonly labels: LabelText;
  readonly parts: Part[] = [];
  /** Of workers that count it no longer. */
  base: Float64Array | null = null;
  /** By bucket; null: none has one. */
  exemplars: (BucketExemplar | undefined)[] | null = null;
  /** Since when no worker has it; -1: one does. */
  orphanSince = -1;

  /** @param name of its family: what a worker sends has strings of its own for each series, which would all be kept. */
  constructor(kind: SeriesDefinition['kind'], name: string, labels: LabelText) {
    this.kind = KINDS[kind];
    this.name = name;
    this.labels = labels;
  }

  /** @param index of the cell: 0 for a counter or gauge, the bucket or the sum of a histogram. */
  value(index: number): number {
    let sum = this.base?.[index] ?? 0;
    for (const { source, cell } of this.parts) sum += source.stats?.[cell + index] ?? 0;
    return sum;
  }
}

export class SeriesTable {
  readonly #clock: Clock;
  readonly #orphanMs: number;
  readonly #labels = new Map<string, LabelText>();
  readonly #families = new Map<string, Map<LabelText, Series>>();
  readonly #bySource = new Map<SeriesSource, Map<number, Series>>();
  readonly #orphans = new Set<Series>();

  /** @param orphanMs for how long series stay that only workers had which have ended. */
  constructor(clock: Clock, orphanMs: number) {
    this.#clock = clock;
    this.#orphanMs = orphanMs;
  }

  /** Series by name, in the order in which the names came. */
  get families(): ReadonlyMap<string, ReadonlyMap<LabelText, Series>> {
    this.#dropOrphans();
    return this.#families;
  }

  /** How many there are; a histogram is one. */
  get size(): number {
    let size = 0;
    for (const family of this.#families.values()) size += family.size;
    return size;
  }

  add(source: SeriesSource, definitions: readonly SeriesDefinition[]): void {
    let cells = this.#bySource.get(source);
    if (cells === undefined) this.#bySource.set(source, (cells = new Map()));
    // Series of one event follow each other, and have the same object of labels.
    let of: SeriesDefinition['labels'] | null = null;
    let labels: LabelText | null = null;
    for (const definition of definitions) {
      if (labels === null || definition.labels !== of) labels = this.#labelText((of = definition.labels));
      const series = this.#find(definition, labels);
      series.parts.push({ source, cell: definition.cell });
      series.orphanSince = -1;
      this.#orphans.delete(series);
      cells.set(definition.cell, series);
    }
  }

  /** The latest requests with traces in some histograms. */
  exemplify(source: SeriesSource, exemplars: readonly (BucketExemplar & { readonly cell: number })[]): void {
    const known = this.#bySource.get(source);
    for (const { cell, traceId, value, at } of exemplars) {
      const series = known?.get(cell);
      if (series?.kind !== 'histogram') continue;
      series.exemplars ??= new Array<BucketExemplar | undefined>(BUCKETS.length + 1);
      series.exemplars[bucketOf(value)] = { traceId, value, at };
    }
  }

  /** The worker has forgotten them; their last values are still there. */
  end(source: SeriesSource, cells: readonly number[]): void {
    const known = this.#bySource.get(source);
    for (const cell of cells) {
      const series = known?.get(cell);
      if (series === undefined) continue;
      known?.delete(cell);
      this.#take(series, source, cell);
      if (series.parts.length === 0) this.#drop(series);
    }
  }

  /** The worker has ended. */
  retire(source: SeriesSource): void {
    const known = this.#bySource.get(source) ?? new Map<number, Series>();
    this.#bySource.delete(source);
    for (const [cell, series] of known) {
      this.#take(series, source, cell);
      if (series.parts.length > 0) continue;
      if (series.kind === 'gauge') this.#drop(series);
      else this.#orphan(series);
    }
  }

  #take(series: Series, source: SeriesSource, cell: number): void {
    const { parts, kind } = series;
    parts.splice(
      parts.findIndex((part) => part.source === source && part.cell === cell),
      1,
    );
    if (kind === 'gauge' || source.stats === null) return;
    const base = (series.base ??= new Float64Array(cellsOf(kind)));
    for (let i = 0; i < base.length; i++) base[i] = (base[i] as number) + (source.stats[cell + i] as number);
  }

  #find({ kind, name }: SeriesDefinition, labels: LabelText): Series {
    let family = this.#families.get(name);
    if (family === undefined) this.#families.set(name, (family = new Map()));
    let series = family.get(labels);
    if (series === undefined) {
      labels.uses++;
      const [sibling] = family.values();
      family.set(labels, (series = new Series(kind, sibling?.name ?? name, labels)));
    }
    return series;
  }

  #labelText(labels: Readonly<Record<string, string>>): LabelText {
    const key = Object.entries(labels)
      .map(([label, value]) => `${label}="${escape(value)}"`)
      .join(',');
    let text = this.#labels.get(key);
    if (text === undefined) this.#labels.set(key, (text = { key, bytes: Buffer.from(key), uses: 0 }));
    return text;
  }

  #orphan(series: Series): void {
    series.orphanSince = this.#clock.monotonic();
    this.#orphans.add(series);
  }

  #dropOrphans(): void {
    const before = this.#clock.monotonic() - this.#orphanMs;
    for (const series of this.#orphans) if (series.orphanSince <= before) this.#drop(series);
  }

  #drop(series: Series): void {
    const { labels, name } = series;
    this.#orphans.delete(series);
    const family = this.#families.get(name);
    family?.delete(labels);
    if (family?.size === 0) this.#families.delete(name);
    if (--labels.uses === 0) this.#labels.delete(labels.key);
  }
}

function escape(value: string): string {
  return /[\\"\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value;
}
