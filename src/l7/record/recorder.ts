/** What a worker counts. Names are Istio's where Istio has one, `nodeway_…` otherwise. */
import { PeerSeries, type Peers } from './peer-series.ts';
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
] as const;
export type Refusal = (typeof REFUSALS)[number];

export class Recorder {
  readonly #stats: Stats;
  readonly #refusals: Readonly<Record<Refusal, number>>;
  readonly #downstreamOpen: number;
  readonly #downstreamTotal: number;
  readonly #upstreamOpen: number;
  readonly #upstreamTotal: number;
  readonly #tunnels: number;
  readonly #retries: number;
  readonly #mirrored: number;
  readonly #stale: number;

  constructor(stats: Stats) {
    this.#stats = stats;
    const refusal = (reason: Refusal): readonly [Refusal, number] => [
      reason,
      stats.counter('nodeway_refused_connections_total', { reason }),
    ];
    this.#refusals = Object.fromEntries(REFUSALS.map(refusal)) as Record<Refusal, number>;
    this.#downstreamOpen = stats.gauge('nodeway_downstream_connections', {});
    this.#downstreamTotal = stats.counter('nodeway_downstream_connections_total', {});
    this.#upstreamOpen = stats.gauge('nodeway_upstream_connections', {});
    this.#upstreamTotal = stats.counter('nodeway_upstream_connections_total', {});
    this.#tunnels = stats.gauge('nodeway_tunnels', {});
    this.#retries = stats.counter('nodeway_retries_total', {});
    this.#mirrored = stats.counter('nodeway_mirrored_requests_total', {});
    this.#stale = stats.counter('nodeway_stale_connection_retries_total', {});
  }

  peers(peers: Peers): PeerSeries {
    return new PeerSeries(this.#stats, peers);
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

  tunnels(change: 1 | -1): void {
    this.#stats.add(this.#tunnels, change);
  }

  retried(): void {
    this.#stats.add(this.#retries, 1);
  }

  mirrored(): void {
    this.#stats.add(this.#mirrored, 1);
  }

  staleRetried(): void {
    this.#stats.add(this.#stale, 1);
  }
}
