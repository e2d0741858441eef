/**
 * Istio's metrics of exchanges and connections. Cells are found by the identities of the two peers and the service, which are data
 * that records share: a pod whose identity changes is another key. Peers whose labels are the same share their cells, whatever objects
 * they are. A pair that nobody used for `SILENT_SWEEPS` sweeps is forgotten with its cells: pods come and go, and so must their series.
 *
 * Invariant (test/l7/record/exchange-metrics.test.ts): nothing that is in use is forgotten, and what comes back counts again.
 */
import type { Identity, ServiceRef } from '../config/identity.ts';
import { grpcStatusOf } from '../message/grpc-status.ts';
import type { ExchangeRecord, FallbackService, Peers, Reporter } from './exchange-record.ts';
import { type Labels, NOT_GRPC, PeerSeries, peerLabels } from './peer-series.ts';
import type { Stats } from './stats.ts';

type ByService = Map<ServiceRef | string, PeerSeries>;
type ByCallee = WeakMap<Identity, ByService>;
type ByCaller = WeakMap<Identity, ByCallee>;

export class ExchangeMetrics {
  readonly #stats: Stats;
  readonly #silentSweeps: number;
  readonly #known = new Map<string, PeerSeries>();
  /** Those that have cells. */
  readonly #filled = new Set<PeerSeries>();
  #source: ByCaller = new WeakMap();
  #destination: ByCaller = new WeakMap();
  // Requests of one connection follow each other: the last pair is likely the next one.
  #lastReporter: Reporter | null = null;
  #lastCaller: Identity | null = null;
  #lastCallee: Identity | null = null;
  #lastService: ServiceRef | FallbackService | null = null;
  #last: PeerSeries | null = null;

  /** @param silentSweeps after how many sweeps without use a pair is forgotten; 0: never. */
  constructor(stats: Stats, silentSweeps: number) {
    this.#stats = stats;
    this.#silentSweeps = silentSweeps;
  }

  record(record: ExchangeRecord): void {
    const { status, flags, grpcStatus, endedAt, startedAt, requestBytes, requestHeadBytes, responseBytes, responseHeadBytes } = record;
    const series = this.of(record);
    const sent = requestHeadBytes + requestBytes;
    const received = responseHeadBytes + responseBytes;
    if (grpcStatus === NOT_GRPC) return series.request(status, flags, NOT_GRPC, endedAt - startedAt, sent, received);
    series.request(status, flags, grpcStatus < 0 ? grpcStatusOf(status) : grpcStatus, endedAt - startedAt, sent, received);
    this.messages(record);
  }

  /** Of a call of gRPC that goes on. */
  messages(record: ExchangeRecord): void {
    this.of(record).messages(record.requestMessages, record.responseMessages);
  }

  of(peers: Peers): PeerSeries {
    const { reporter, caller, callee } = peers;
    const service = peers.service ?? peers.fallbackService;
    const same = reporter === this.#lastReporter && caller === this.#lastCaller && callee === this.#lastCallee;
    if (same && service === this.#lastService && this.#last !== null) return this.#last;
    const found = this.#find(peers, service);
    this.#lastReporter = reporter;
    this.#lastCaller = caller;
    this.#lastCallee = callee;
    this.#lastService = service;
    this.#last = found;
    return found;
  }

  /** Called at even intervals. */
  sweep(): void {
    this.#stats.reuse();
    if (this.#silentSweeps === 0) return;
    const before = this.#known.size;
    for (const series of this.#filled) if (series.silent++ >= this.#silentSweeps) series.release();
    for (const [key, series] of this.#known) if (!this.#filled.has(series)) this.#known.delete(key);
    if (this.#known.size < before) this.#forgetPaths();
  }

  /** The ways to series by identities cannot be walked; those that are still in use are found again by their labels. */
  #forgetPaths(): void {
    this.#source = new WeakMap();
    this.#destination = new WeakMap();
    this.#last = null;
  }

  #find(peers: Peers, service: ServiceRef | FallbackService): PeerSeries {
    const callers = peers.reporter === 'source' ? this.#source : this.#destination;
    let callees = callers.get(peers.caller);
    if (callees === undefined) callers.set(peers.caller, (callees = new WeakMap()));
    let services = callees.get(peers.callee);
    if (services === undefined) callees.set(peers.callee, (services = new Map()));
    let series = services.get(service);
    if (series === undefined) services.set(service, (series = this.#byLabels(peerLabels(peers))));
    return series;
  }

  #byLabels(labels: Labels): PeerSeries {
    const key = Object.values(labels).join('\u0000');
    let series = this.#known.get(key);
    if (series === undefined) this.#known.set(key, (series = new PeerSeries(this.#stats, labels, this.#filled)));
    return series;
  }
}
