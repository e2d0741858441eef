/** What is told of each side of a workload's traffic besides Istio's metrics, compiled when the configuration comes. */
import type { AccessLog } from '../access-log/access-log.ts';
import { asksOfRequests, type TelemetryConfig } from '../config/telemetry.ts';
import { MetricPolicies } from './metric-policy.ts';
import type { Telling } from './log.ts';

export const NOTHING_TOLD: Telling = { log: null, metrics: null, asks: false };

export class Tellings {
  readonly metrics: MetricPolicies;
  readonly #accessLog: AccessLog;
  readonly #known = new WeakMap<TelemetryConfig, Telling>();

  constructor(accessLog: AccessLog) {
    this.#accessLog = accessLog;
    this.metrics = new MetricPolicies(accessLog.names);
  }

  // A worker is asked for the same few again and again.
  #lastOwn: TelemetryConfig | null = null;
  #lastOwnTelling: Telling | null = null;
  #lastCallee: TelemetryConfig | null = null;
  #lastCalleeTelling: Telling | null = null;

  /** Of whoever reports an exchange. */
  own(config: TelemetryConfig): Telling | null {
    if (config !== this.#lastOwn) {
      this.#lastOwn = config;
      this.#lastOwnTelling = this.of(config);
    }
    return this.#lastOwnTelling;
  }

  /** Of a callee. */
  callee(config: TelemetryConfig): Telling | null {
    if (config !== this.#lastCallee) {
      this.#lastCallee = config;
      this.#lastCalleeTelling = this.of(config);
    }
    return this.#lastCalleeTelling;
  }

  /** Null: nothing. */
  of(config: TelemetryConfig): Telling | null {
    if (config.accessLogs.length === 0 && config.metrics === undefined) return null;
    let telling = this.#known.get(config);
    if (telling === undefined) {
      const log = this.#accessLog.policy(config.accessLogs);
      telling = { log, metrics: this.metrics.of(config.metrics), asks: asksOfRequests(config) };
      this.#known.set(config, telling);
    }
    return telling;
  }
}
