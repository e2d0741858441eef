/**
 * Istio's metrics of exchanges and connections. Cells are found by the identities of the two peers and the service, which are data
 * that records share: a pod whose identity changes is another key, and what nobody refers to any more is collected.
 */
import type { Identity, ServiceRef } from '../config/identity.ts';
import type { ExchangeRecord, FallbackService, Peers, Reporter } from './exchange-record.ts';
import { PeerSeries } from './peer-series.ts';
import type { Stats } from './stats.ts';

type ByService = Map<ServiceRef | string, PeerSeries>;
type ByCallee = WeakMap<Identity, ByService>;

export class ExchangeMetrics {
  readonly #stats: Stats;
  readonly #source: WeakMap<Identity, ByCallee> = new WeakMap();
  readonly #destination: WeakMap<Identity, ByCallee> = new WeakMap();
  // Requests of one connection follow each other: the last pair is likely the next one.
  #lastReporter: Reporter | null = null;
  #lastCaller: Identity | null = null;
  #lastCallee: Identity | null = null;
  #lastService: ServiceRef | FallbackService | null = null;
  #last: PeerSeries | null = null;

  constructor(stats: Stats) {
    this.#stats = stats;
  }

  record(record: ExchangeRecord): void {
    this.of(record).request(record.status, record.flags, record.endedAt - record.startedAt);
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

  #find(peers: Peers, service: ServiceRef | FallbackService): PeerSeries {
    const callers = peers.reporter === 'source' ? this.#source : this.#destination;
    let callees = callers.get(peers.caller);
    if (callees === undefined) callers.set(peers.caller, (callees = new WeakMap()));
    let services = callees.get(peers.callee);
    if (services === undefined) callees.set(peers.callee, (services = new Map()));
    let series = services.get(service);
    if (series === undefined) services.set(service, (series = new PeerSeries(this.#stats, peers)));
    return series;
  }
}
