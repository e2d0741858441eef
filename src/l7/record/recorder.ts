/** What a worker counts. Names are Istio's where Istio has one, `nodeway_…` otherwise. */
import { ExchangeMetrics } from './exchange-metrics.ts';
import type { ExchangeRecord, Peers, RecordLog } from './exchange-record.ts';
import type { PeerSeries } from './peer-series.ts';
import { PodUse } from './pod-use.ts';
import type { Stats } from './stats.ts';

/** Why the engine refused or gave up a connection; one counter each. */
export const REFUSALS = [
  'original_destination_missing',
  'own_port',
  'bad_request',
  'head_timeout',
  'workload_gone',
  'gateway_gone',
  'upstream_unreachable',
  'out_of_descriptors',
  'out_of_memory',
  'blocked',
  'http2_protocol_error',
  'http2_reset_flood',
  'http2_control_flood',
  'http2_empty_flood',
  'http2_header_flood',
  'http2_unread_flood',
] as const;
export type Refusal = (typeof REFUSALS)[number];

export type InjectedFault = 'delay' | 'abort';
/** What clients may use of a cluster, in the order of the ledger's resources. */
const LIMITS = ['connections', 'pending', 'requests', 'retries'] as const;

/** Reads the record of an exchange that is over. It copies what it needs, because the record is filled again. */
export interface RecordSink {
  record(record: ExchangeRecord): void;
}

export class Recorder {
  readonly #stats: Stats;
  readonly #metrics: ExchangeMetrics;
  readonly #pods: PodUse;
  readonly #sinks: readonly RecordSink[];
  readonly #refusals: Readonly<Record<Refusal, number>>;
  readonly #downstreamOpen: number;
  readonly #downstreamTotal: number;
  readonly #upstreamOpen: number;
  readonly #upstreamTotal: number;
  readonly #waiting: number;
  readonly #tunnels: number;
  /** By what happened and the cluster. */
  readonly #ejections = new Map<string, number>();
  readonly #retries: number;
  readonly #mirrored: number;
  readonly #stale: number;
  readonly #faults: number;
  readonly #injected: Readonly<Record<InjectedFault, number>>;
  readonly #spansDropped: number;
  readonly #overflows: readonly number[];

  /**
   * @param sinks who reads records besides the metrics.
   * @param silentSweeps after how many calls of `sweep` a pair of peers that says nothing loses its series; 0: never.
   */
  constructor(stats: Stats, sinks: readonly RecordSink[] = [], silentSweeps = 0) {
    this.#stats = stats;
    const tagOverflows = stats.counter('nodeway_series_overflow_total', { by: 'tags' });
    stats.countOverflows(stats.counter('nodeway_series_overflow_total', { by: 'memory' }));
    this.#metrics = new ExchangeMetrics(stats, silentSweeps, () => stats.add(tagOverflows, 1));
    this.#pods = new PodUse(stats, silentSweeps);
    this.#sinks = [this.#metrics, ...sinks];
    const refusal = (reason: Refusal): readonly [Refusal, number] => [
      reason,
      stats.counter('nodeway_refused_connections_total', { reason }),
    ];
    this.#refusals = Object.fromEntries(REFUSALS.map(refusal)) as Record<Refusal, number>;
    this.#downstreamOpen = stats.gauge('nodeway_downstream_connections', {});
    this.#downstreamTotal = stats.counter('nodeway_downstream_connections_total', {});
    this.#upstreamOpen = stats.gauge('nodeway_upstream_connections', {});
    this.#upstreamTotal = stats.counter('nodeway_upstream_connections_total', {});
    this.#waiting = stats.gauge('nodeway_upstream_requests_waiting', {});
    this.#tunnels = stats.gauge('nodeway_tunnels', {});
    this.#retries = stats.counter('nodeway_retries_total', {});
    this.#mirrored = stats.counter('nodeway_mirrored_requests_total', {});
    this.#stale = stats.counter('nodeway_stale_connection_retries_total', {});
    this.#injected = {
      delay: stats.counter('nodeway_injected_faults_total', { fault: 'delay' }),
      abort: stats.counter('nodeway_injected_faults_total', { fault: 'abort' }),
    };
    this.#spansDropped = stats.counter('nodeway_spans_dropped_total', { by: 'worker' });
    this.#overflows = LIMITS.map((limit) => stats.counter('nodeway_overflows_total', { limit }));
    this.#faults = stats.counter('nodeway_worker_faults_total', {});
  }

  /** Every sink gets the record. @throws what the last of them throws that does, afterwards. */
  exchange(record: ExchangeRecord): void {
    this.#pods.record(record);
    if (this.#sinks.length === 1 && record.log === null) this.#metrics.record(record);
    else this.#tellAll(record);
  }

  /** The messages so far of a call of gRPC that goes on. */
  messages(record: ExchangeRecord): void {
    this.#metrics.messages(record);
  }

  #tellAll(record: ExchangeRecord): void {
    const sinks = this.#sinks;
    let fault: Fault | null = null;
    for (let i = 0; i < sinks.length; i++) fault = faultOf(sinks[i]!, record) ?? fault;
    if (record.log !== null) fault = faultOfLog(record.log, record) ?? fault;
    if (fault !== null) throw fault.error;
  }

  /** Called at even intervals: forgets series of peers that have been silent. */
  sweep(): void {
    this.#metrics.sweep();
    this.#pods.sweep();
  }

  /** Cells of connections that are passed through as bytes. */
  connections(peers: Peers): PeerSeries {
    return this.#metrics.of(peers);
  }

  /** An exception while something was served. */
  fault(): void {
    this.#stats.add(this.#faults, 1);
  }

  refused(reason: Refusal): void {
    this.#stats.add(this.#refusals[reason], 1);
  }

  /** @param change 1: opened, -1: gone. */
  downstreamConnections(change: 1 | -1): void {
    this.#stats.add(this.#downstreamOpen, change);
    if (change > 0) this.#stats.add(this.#downstreamTotal, 1);
  }

  upstreamConnections(change: 1 | -1): void {
    this.#stats.add(this.#upstreamOpen, change);
    if (change > 0) this.#stats.add(this.#upstreamTotal, 1);
  }

  /** @param change 1: a request waits because its client has reached a limit, -1: it does not any more. */
  waitingRequests(change: 1 | -1): void {
    this.#stats.add(this.#waiting, change);
  }

  tunnels(change: 1 | -1): void {
    this.#stats.add(this.#tunnels, change);
  }

  /** Something would have been more than a limit of a client. @param limit index of LIMITS. */
  overflowed(limit: number): void {
    this.#stats.add(this.#overflows[limit] as number, 1);
  }

  /** An endpoint was ejected for a cause, is in use again (`ended`), or was not ejected because too many are (`refused`). */
  ejection(cluster: string, what: string): void {
    const key = `${what} ${cluster}`;
    let cell = this.#ejections.get(key);
    if (cell === undefined) this.#ejections.set(key, (cell = this.#ejectionCell(cluster, what)));
    this.#stats.add(cell, 1);
  }

  #ejectionCell(cluster: string, what: string): number {
    if (what === 'ended' || what === 'refused') return this.#stats.counter(`nodeway_ejections_${what}_total`, { cluster });
    return this.#stats.counter('nodeway_ejections_total', { cluster, cause: what });
  }

  retried(): void {
    this.#stats.add(this.#retries, 1);
  }

  mirrored(): void {
    this.#stats.add(this.#mirrored, 1);
  }

  /** A fault that a route asks for. */
  injected(fault: InjectedFault): void {
    this.#stats.add(this.#injected[fault], 1);
  }

  spanDropped(): void {
    this.#stats.add(this.#spansDropped, 1);
  }

  staleRetried(): void {
    this.#stats.add(this.#stale, 1);
  }
}

interface Fault {
  readonly error: unknown;
}

function faultOf(sink: RecordSink, record: ExchangeRecord): Fault | null {
  try {
    sink.record(record);
    return null;
  } catch (error) {
    return { error };
  }
}

function faultOfLog(log: RecordLog, record: ExchangeRecord): Fault | null {
  try {
    log.write(record);
    return null;
  } catch (error) {
    return { error };
  }
}
