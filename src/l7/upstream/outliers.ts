/**
 * Passive detection of endpoints that fail (Istio's outlierDetection, Envoy's outlier_detection_impl.cc), for one client at one
 * cluster. What is known stands in the ledger, so that all workers add to it and see it:
 *
 *     in use ──errors in succession──▶ ejected ──base time × multiplier, at a sweep──▶ in use
 *        └── a sweep without ejection: the multiplier goes down by one
 *
 * An error is a status of 500 and above (or one of those that the rules name), or a failure of the client's own side (no connection, a reset, no answer in time); with
 * `split`, failures of the client's own side are counted by themselves. A success sets the counts to zero.
 *
 * Invariants (test/l7/upstream/outliers.test.ts):
 *  1. an endpoint that is ejected is used by nobody, unless too few are left (`minHealthPercent`);
 *  2. ejected endpoints are never more than `maxEjectionPercent` of all;
 *  3. an ejection ends at the first sweep after its time, and its endpoint begins with no errors;
 *  4. when nothing has failed, nothing is looked at: `filter` is null.
 */
import { Timer, type TimerWheel } from '../../base/timer-wheel.ts';
import type { OutlierConfig } from '../config/cluster.ts';
import type { Account } from './account.ts';
import type { Endpoint } from './endpoint.ts';
import { Fact, type Ledger } from './ledger.ts';
import type { EndpointFilter } from './pick.ts';

/** Envoy's max_ejection_time, unless the base time is longer. */
const MAX_EJECTION_MS = 300_000;

export const CAUSES = ['5xx', 'gateway_error', 'local_origin'] as const;
export type Cause = (typeof CAUSES)[number];

export interface OutlierGround {
  readonly timers: TimerWheel;
  /** `ended`: an endpoint is in use again; `refused`: too many are ejected already. */
  ejection(cluster: string, what: Cause | 'ended' | 'refused'): void;
}

/** The cluster as far as it matters here, as it is now. */
export interface OutlierScene {
  readonly config: { readonly name: string; readonly outliers?: OutlierConfig };
  readonly endpoints: readonly Endpoint[];
}

export class Outliers implements EndpointFilter {
  readonly #ledger: Ledger;
  readonly #row: number;
  readonly #scene: OutlierScene;
  readonly #accounts: (endpoint: Endpoint) => Account;
  readonly #ground: OutlierGround;
  /** Endpoints that this worker has ejected: those that leave the cluster meanwhile begin anew when they come back. */
  readonly #own = new Set<Endpoint>();
  #timer: Timer | null = null;

  constructor(ledger: Ledger, row: number, scene: OutlierScene, accounts: (endpoint: Endpoint) => Account, ground: OutlierGround) {
    this.#ledger = ledger;
    this.#row = row;
    this.#scene = scene;
    this.#accounts = accounts;
    this.#ground = ground;
  }

  /** What may be picked; null: everything. */
  filter(): EndpointFilter | null {
    const ejected = this.#ledger.fact(this.#row, Fact.Ejected);
    const { outliers } = this.#scene.config;
    if (ejected <= 0 || outliers === undefined) return null;
    this.#watch(outliers);
    const { length } = this.#scene.endpoints;
    const left = Math.max(0, length - ejected);
    return (left * 100) / length < outliers.minHealthPercent ? null : this;
  }

  allows(endpoint: Endpoint): boolean {
    return !this.#accounts(endpoint).isEjected;
  }

  get watching(): boolean {
    return this.#timer?.armed === true;
  }

  /** Nobody uses the cluster any more. */
  stop(): void {
    if (this.#timer !== null) this.#ground.timers.disarm(this.#timer);
  }

  // ── what happened ─────────────────────────────────────────────────────────────────────────────────────────────

  /** @param status of a response; that of gRPC by its counterpart in HTTP. */
  answered(endpoint: Endpoint, status: number): void {
    const { outliers } = this.#scene.config;
    if (outliers === undefined) return;
    const account = this.#accounts(endpoint);
    if (outliers.split) account.clear(Fact.LocalErrors);
    this.#status(outliers, endpoint, judged(outliers, status));
  }

  /** @param connected whether there was a connection. @param timeout whether it was the time that was up. */
  failed(endpoint: Endpoint, connected: boolean, timeout: boolean): void {
    const { outliers } = this.#scene.config;
    if (outliers === undefined) return;
    const account = this.#accounts(endpoint);
    if (!outliers.split) return this.#status(outliers, endpoint, timeout ? 504 : 503);
    // As in Envoy: a connection is a success of the client's own side, whatever follows on it.
    if (connected) account.clear(Fact.LocalErrors);
    if (account.error(Fact.LocalErrors) === outliers.consecutiveLocal) this.#eject(outliers, endpoint, 'local_origin');
  }

  /** A connection that carries other bytes is there. */
  connected(endpoint: Endpoint): void {
    const { outliers } = this.#scene.config;
    if (outliers === undefined) return;
    if (outliers.split) this.#accounts(endpoint).clear(Fact.LocalErrors);
    else this.#status(outliers, endpoint, 200);
  }

  #status(outliers: OutlierConfig, endpoint: Endpoint, status: number): void {
    const account = this.#accounts(endpoint);
    if (status < 500) {
      account.clear(Fact.Errors);
      account.clear(Fact.GatewayErrors);
      return;
    }
    if (status < 502 || status > 504) account.clear(Fact.GatewayErrors);
    else if (account.error(Fact.GatewayErrors) === outliers.consecutiveGateway) this.#eject(outliers, endpoint, 'gateway_error');
    if (account.error(Fact.Errors) === outliers.consecutive5xx) this.#eject(outliers, endpoint, '5xx');
  }

  // ── ejections ─────────────────────────────────────────────────────────────────────────────────────────────────

  #eject(outliers: OutlierConfig, endpoint: Endpoint, cause: Cause): void {
    const account = this.#accounts(endpoint);
    account.clear(cause === '5xx' ? Fact.Errors : cause === 'gateway_error' ? Fact.GatewayErrors : Fact.LocalErrors);
    if (account.isEjected || endpoint.removed) return;
    if (!this.#takePlace(outliers)) return this.#ground.ejection(this.#scene.config.name, 'refused');
    if (!account.eject(this.#now, maxMultiplier(outliers))) return void this.#ledger.addFact(this.#row, Fact.Ejected, -1);
    this.#own.add(endpoint);
    this.#ground.ejection(this.#scene.config.name, cause);
    this.#watch(outliers);
  }

  /** Among those that may be ejected at once. */
  #takePlace({ maxEjectionPercent }: OutlierConfig): boolean {
    const most = (this.#scene.endpoints.length * Math.min(100, maxEjectionPercent)) / 100;
    for (;;) {
      const ejected = this.#ledger.fact(this.#row, Fact.Ejected);
      if (ejected + 1 > most) return false;
      if (this.#ledger.changeFact(this.#row, Fact.Ejected, ejected, ejected + 1)) return true;
    }
  }

  /** Every worker that knows of an ejection looks at it, in case that another one is gone; one of them does the sweep. */
  #watch({ intervalMs }: OutlierConfig): void {
    this.#timer ??= new Timer(() => this.#onTimer());
    if (this.#timer.armed) return;
    const due = (this.#ledger.fact(this.#row, Fact.SweepAt) - this.#now) | 0;
    if (due <= 0 || due > intervalMs) {
      const seen = this.#ledger.fact(this.#row, Fact.SweepAt);
      this.#ledger.changeFact(this.#row, Fact.SweepAt, seen, (this.#now + intervalMs) | 0);
    }
    this.#ground.timers.arm(this.#timer, due <= 0 || due > intervalMs ? intervalMs : due);
  }

  #onTimer(): void {
    const { outliers } = this.#scene.config;
    for (const endpoint of this.#own) {
      if (endpoint.removed) this.#accounts(endpoint).readmit();
      if (!this.#accounts(endpoint).isEjected) this.#own.delete(endpoint);
    }
    const at = this.#ledger.fact(this.#row, Fact.SweepAt);
    const due = ((this.#now - at) | 0) >= 0;
    if (due && this.#ledger.changeFact(this.#row, Fact.SweepAt, at, (this.#now + (outliers?.intervalMs ?? 0)) | 0)) this.#sweep(outliers);
    if (outliers !== undefined && this.#scene.endpoints.some((endpoint) => this.#accounts(endpoint).wasEjected)) this.#watch(outliers);
  }

  /** @param outliers undefined: endpoints are not watched any more, so that all are in use. */
  #sweep(outliers: OutlierConfig | undefined): void {
    const seen = this.#ledger.fact(this.#row, Fact.Ejected);
    let ejected = 0;
    for (const endpoint of this.#scene.endpoints) {
      const account = this.#accounts(endpoint);
      if (!account.isEjected) account.recover();
      else if (outliers !== undefined && !account.isOver(this.#now, outliers.baseEjectionMs, longestEjection(outliers))) ejected++;
      else if (account.readmit()) this.#ground.ejection(this.#scene.config.name, 'ended');
    }
    // Endpoints that are gone do not count. Where another worker has just ejected one, the next sweep sets it right.
    this.#ledger.changeFact(this.#row, Fact.Ejected, seen, ejected);
  }

  /** In whole milliseconds of 32 bits, by the clock that all workers of a machine share. */
  get #now(): number {
    return Math.floor(this.#ground.timers.now) | 0;
  }
}

/** Where rules name the statuses that are errors: as in Envoy, another one counts as 200, and one of them as a 500 at least. */
function judged({ errorStatuses }: OutlierConfig, status: number): number {
  if (errorStatuses === undefined) return status;
  return errorStatuses.includes(status) ? Math.max(500, status) : Math.min(499, status);
}

/** In milliseconds. */
export function longestEjection({ baseEjectionMs }: OutlierConfig): number {
  return Math.max(MAX_EJECTION_MS, baseEjectionMs);
}

/** The multiplier grows until the product reaches the longest time. */
function maxMultiplier(outliers: OutlierConfig): number {
  return Math.max(1, Math.ceil(longestEjection(outliers) / Math.max(1, outliers.baseEjectionMs)) + 1);
}
