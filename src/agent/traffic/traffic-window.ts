/**
 * What flowed in the last minute, from the workers' counters: the control thread reads them in slices every ten seconds, and once more
 * when somebody asks. It costs no worker anything.
 */
import type { Cancel, Clock } from '../../base/clock.ts';
import type { LabelText, Series, SeriesTable } from '../telemetry/series-table.ts';
import { BUCKETS } from '../../l7/record/stats.ts';
import type { PodSide } from '../../l7/record/pod-use.ts';
import { Count, COUNTS, type EdgeKey, type EdgeShare, edgeOf } from './edge.ts';
import { seriesLabels } from './series-labels.ts';

const INTERVAL_MS = 10_000;
const WINDOW_MS = 60_000;
const SLICE_MS = 5;
/** A graph beyond this is not readable, and 10 000 edges that are all in use take 20 MB. */
const MOST_EDGES = 10_000;

export type PodCounts = Readonly<Record<PodSide, number>>;

interface EdgeReading {
  readonly key: EdgeKey;
  /** An array and not a typed one: V8 keeps the numbers of so short a one outside its heap, which takes twice their size. */
  readonly counts: number[];
}

/** All counts at one time. */
interface Reading {
  /** Monotonic milliseconds. */
  readonly at: number;
  /** Of the process, in milliseconds. */
  readonly cpu: number;
  readonly edges: Map<string, EdgeReading>;
  /** By `namespace/name`. */
  readonly pods: Map<string, Record<PodSide, number>>;
  truncated: boolean;
}

export interface EdgeWindow {
  readonly key: EdgeKey;
  /** What was added in the window, by `Count`. */
  readonly counts: readonly number[];
}

export interface TrafficReport {
  /** How long the window is: less than a minute after the start. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly edges: readonly EdgeWindow[];
  /** There are more edges. */
  readonly truncated: boolean;
  /** By pod, in the window and since the start of the agent. */
  readonly pods: ReadonlyMap<string, { readonly window: PodCounts; readonly total: PodCounts }>;
}

export interface TrafficMeans {
  readonly clock: Clock;
  readonly series: SeriesTable;
  /** CPU time of the process so far, in milliseconds. */
  readonly cpu: () => number;
  /** Resolves when others have had their turn. */
  readonly turn: () => Promise<void>;
}

const NO_COUNTS: PodCounts = { outbound: 0, inbound: 0, local: 0 };

export class TrafficWindow {
  readonly #means: TrafficMeans;
  /** The oldest first. */
  #history: Reading[];
  readonly #shares = new WeakMap<LabelText, EdgeShare | null>();
  #sampling: Cancel | null = null;

  constructor(means: TrafficMeans) {
    this.#means = means;
    this.#history = [this.#empty()];
  }

  start(): void {
    this.#sampling = this.#means.clock.every(INTERVAL_MS, () => void this.#sample());
  }

  stop(): void {
    this.#sampling?.();
  }

  async report(): Promise<TrafficReport> {
    const now = await this.#read();
    const then = this.#history.findLast(({ at }) => at <= now.at - WINDOW_MS) ?? this.#oldest;
    const edges = [...now.edges].map(([id, { key, counts }]) => ({ key, counts: since(counts, then.edges.get(id)?.counts) }));
    const pods = [...now.pods].map(([pod, total]) => [pod, { total, window: podsSince(total, then.pods.get(pod) ?? NO_COUNTS) }] as const);
    return {
      seconds: (now.at - then.at) / 1000,
      cpuSeconds: (now.cpu - then.cpu) / 1000,
      edges,
      truncated: now.truncated,
      pods: new Map(pods),
    };
  }

  /** There is always one. */
  get #oldest(): Reading {
    return this.#history[0] as Reading;
  }

  async #sample(): Promise<void> {
    const reading = await this.#read();
    this.#history.push(reading);
    const oldest = this.#history.findLastIndex(({ at }) => at <= reading.at - WINDOW_MS);
    if (oldest > 0) this.#history = this.#history.slice(oldest);
  }

  async #read(): Promise<Reading> {
    const { clock, series } = this.#means;
    const reading = this.#empty();
    const { families } = series;
    let end = clock.monotonic() + SLICE_MS;
    for (const [name, add] of FAMILIES) {
      for (const one of families.get(name)?.values() ?? []) {
        this.#add(reading, one, add);
        if (clock.monotonic() < end) continue;
        await this.#means.turn();
        end = clock.monotonic() + SLICE_MS;
      }
    }
    for (const one of families.get('nodeway_pod_requests_total')?.values() ?? []) addPod(reading, one);
    shareWhatStands(reading, this.#history.at(-1)?.edges);
    return reading;
  }

  #empty(): Reading {
    const { clock, cpu } = this.#means;
    return { at: clock.monotonic(), cpu: cpu(), edges: new Map(), pods: new Map(), truncated: false };
  }

  #add(reading: Reading, series: Series, add: Add): void {
    const share = this.#share(series.labels);
    if (share === null) return;
    let edge = reading.edges.get(share.id);
    if (edge === undefined) {
      reading.truncated ||= reading.edges.size >= MOST_EDGES;
      if (reading.edges.size >= MOST_EDGES) return;
      reading.edges.set(share.id, (edge = { key: share.key, counts: new Array<number>(COUNTS).fill(0) }));
    }
    add(edge.counts, series, share);
  }

  #share(labels: LabelText): EdgeShare | null {
    let share = this.#shares.get(labels);
    if (share === undefined) this.#shares.set(labels, (share = edgeOf(seriesLabels(labels.key))));
    return share;
  }
}

/** Most edges of a large mesh are silent: readings of them have one array between them. */
function shareWhatStands({ edges }: Reading, last: ReadonlyMap<string, EdgeReading> | undefined): void {
  for (const [id, { counts }] of edges) {
    const before = last?.get(id);
    if (before?.counts.every((count, index) => count === counts[index])) edges.set(id, before);
  }
}

type Add = (counts: number[], series: Series, share: EdgeShare) => void;

const added =
  (count: number): Add =>
  (counts, series) =>
    plus(counts, count, series.value(0));

const FAMILIES: readonly (readonly [name: string, add: Add])[] = [
  [
    'istio_requests_total',
    (counts, series, { isError }) => {
      plus(counts, Count.Requests, series.value(0));
      if (isError) plus(counts, Count.Errors, series.value(0));
    },
  ],
  [
    'istio_request_duration_milliseconds',
    (counts, series) => {
      for (let i = 0; i <= BUCKETS.length; i++) plus(counts, Count.Buckets + i, series.value(i));
    },
  ],
  ['istio_tcp_connections_opened_total', added(Count.Opened)],
  ['istio_tcp_sent_bytes_total', added(Count.Sent)],
  ['istio_tcp_received_bytes_total', added(Count.Received)],
];

function plus(counts: number[], index: number, amount: number): void {
  counts[index] = (counts[index] as number) + amount;
}

function addPod({ pods }: Reading, series: Series): void {
  const { namespace = '', pod = '', side = '' } = seriesLabels(series.labels.key);
  const key = `${namespace}/${pod}`;
  let counts = pods.get(key);
  if (counts === undefined) pods.set(key, (counts = { ...NO_COUNTS }));
  if (side === 'outbound' || side === 'inbound' || side === 'local') counts[side] += series.value(0);
}

/** A series that was forgotten and came back begins anew: then what it has is what was added. */
const grown = (now: number, then: number): number => (now >= then ? now - then : now);

function since(now: readonly number[], then: readonly number[] | undefined): readonly number[] {
  return then === undefined ? now : now.map((count, index) => grown(count, then[index] as number));
}

function podsSince(now: PodCounts, then: PodCounts): PodCounts {
  return {
    outbound: grown(now.outbound, then.outbound),
    inbound: grown(now.inbound, then.inbound),
    local: grown(now.local, then.local),
  };
}
