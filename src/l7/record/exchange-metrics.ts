/**
 * Istio's metrics of exchanges and connections. Cells are found by the identities of the two peers and the service, which are data
 * that records share: a pod whose identity changes is another key. Peers whose labels are the same share their cells, whatever objects
 * they are. A pair that nobody used for `SILENT_SWEEPS` sweeps is forgotten with its cells: pods come and go, and so must their series.
 *
 * Pairs with rules of their own are found beside those that have none, for which nothing is asked or made.
 *
 * Invariants (test/l7/record/exchange-metrics.test.ts):
 *  1. nothing that is in use is forgotten, and what comes back counts again;
 *  2. whatever requests say, no more than MOST_TAGGED pairs have tags of theirs: those beyond say `overflow`, and are counted.
 */
import type { Identity, ServiceRef } from '../config/identity.ts';
import { grpcStatusOf } from '../message/grpc-status.ts';
import type { ExchangeRecord, FallbackService, MetricRules, Peers, Reporter } from './exchange-record.ts';
import { NOT_GRPC, PeerSeries, peerLabels } from './peer-series.ts';
import { PeerTable } from './peer-table.ts';
import type { Stats } from './stats.ts';

/** Series whose tags come from requests: so many of a worker have labels of their own, a quarter of its memory at most. */
const MOST_TAGGED = 4096;
const OVERFLOW = 'overflow';
/** Between values of tags, in keys. */
const TAGS = '\u0001';

export class ExchangeMetrics {
  readonly #stats: Stats;
  readonly #silentSweeps: number;
  readonly #known = new Map<string, PeerSeries>();
  /** Those that have cells. */
  readonly #filled = new Set<PeerSeries>();
  #plain = new PeerTable<PeerSeries>();
  /** By the values of their tags. */
  #ruled = new WeakMap<MetricRules, PeerTable<Map<string, PeerSeries>>>();
  readonly #ruleNumbers = new WeakMap<MetricRules, number>();
  #rulesKnown = 0;
  #tagged = 0;
  readonly #overflowed: () => void;
  // Requests of one connection follow each other: the last pair is likely the next one.
  #lastReporter: Reporter | null = null;
  #lastCaller: Identity | null = null;
  #lastCallee: Identity | null = null;
  #lastService: ServiceRef | FallbackService | null = null;
  #last: PeerSeries | null = null;

  /**
   * @param silentSweeps after how many sweeps without use a pair is forgotten; 0: never.
   * @param overflowed tags of a request had no room.
   */
  constructor(stats: Stats, silentSweeps: number, overflowed: () => void = () => {}) {
    this.#stats = stats;
    this.#silentSweeps = silentSweeps;
    this.#overflowed = overflowed;
  }

  record(record: ExchangeRecord): void {
    const series = this.of(record);
    this.#count(series, record);
    if (record.traceId !== '') series.exemplar(record.traceId, record.endedAt - record.startedAt);
  }

  #count(series: PeerSeries, record: ExchangeRecord): void {
    const { status, flags, grpcStatus, endedAt, startedAt, requestBytes, requestHeadBytes, responseBytes, responseHeadBytes } = record;
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
    if (peers.rules !== null) return this.#ofRuled(peers, peers.rules);
    const { reporter, caller, callee } = peers;
    const service = peers.service ?? peers.fallbackService;
    const same = reporter === this.#lastReporter && caller === this.#lastCaller && callee === this.#lastCallee;
    if (same && service === this.#lastService && this.#last !== null) return this.#last;
    const found = this.#plain.find(peers, () => this.#byLabels(peers, ''));
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
    this.#tagged = [...this.#known.keys()].filter((key) => key.includes(TAGS)).length;
  }

  /** The ways to series by identities cannot be walked; those that are still in use are found again by their labels. */
  #forgetPaths(): void {
    this.#plain = new PeerTable();
    this.#ruled = new WeakMap();
    this.#last = null;
  }

  #ofRuled(peers: Peers, rules: MetricRules): PeerSeries {
    let table = this.#ruled.get(rules);
    if (table === undefined) this.#ruled.set(rules, (table = new PeerTable()));
    const byTags = table.find(peers, () => new Map<string, PeerSeries>());
    const key = peers.tags.join(TAGS);
    const known = byTags.get(key);
    if (known !== undefined) return known;
    if (peers.tags.length > 0 && this.#tagged >= MOST_TAGGED) return this.#ofOverflow(peers, rules, byTags);
    const found = this.#byLabels(peers, `${this.#numberOf(rules)}${TAGS}${key}`);
    byTags.set(key, found);
    return found;
  }

  #ofOverflow(peers: Peers, rules: MetricRules, byTags: Map<string, PeerSeries>): PeerSeries {
    this.#overflowed();
    let found = byTags.get(OVERFLOW);
    if (found !== undefined) return found;
    const { reporter, caller, callee, service, fallbackService } = peers;
    const tags = peers.tags.map(() => OVERFLOW);
    found = this.#byLabels({ reporter, caller, callee, service, fallbackService, rules, tags }, `${this.#numberOf(rules)} ${OVERFLOW}`);
    byTags.set(OVERFLOW, found);
    return found;
  }

  #numberOf(rules: MetricRules): number {
    let number = this.#ruleNumbers.get(rules);
    if (number === undefined) this.#ruleNumbers.set(rules, (number = ++this.#rulesKnown));
    return number;
  }

  #byLabels(peers: Peers, suffix: string): PeerSeries {
    const labels = peerLabels(peers);
    const key = `${Object.values(labels).join('\u0000')}\u0000${suffix}`;
    let series = this.#known.get(key);
    if (series !== undefined) return series;
    if (suffix.includes(TAGS)) this.#tagged++;
    this.#known.set(key, (series = new PeerSeries(this.#stats, labels, this.#filled, peers)));
    return series;
  }
}
