/** Collects the state of the agent's parts into one report. */
import type { Clock } from '../base/clock.ts';
import type { AgentStatus, PodStatus } from './admin/status.ts';
import type { AgentConfig } from './config.ts';
import type { Configuration } from './configuration.ts';
import type { GatewayListeners } from './enroll/gateway-listeners.ts';
import type { Reconciler } from './enroll/reconciler.ts';
import type { Readiness } from './readiness.ts';
import type { Rollout } from './rollout.ts';
import { ownVersion } from './version.ts';
import type { WorkerPool } from './worker-pool/pool.ts';

export interface StatusSources {
  readonly config: AgentConfig;
  readonly clock: Clock;
  readonly readiness: Readiness;
  readonly pool: WorkerPool;
  readonly rollout: Rollout;
  readonly reconciler: Reconciler | null;
  readonly gateways: GatewayListeners;
  readonly configuration: Configuration;
}

export class StatusReporter {
  draining = false;
  readonly #sources: StatusSources;
  readonly #version = ownVersion();
  readonly #startedAt: number;

  constructor(sources: StatusSources) {
    this.#sources = sources;
    this.#startedAt = sources.clock.monotonic();
  }

  report(): AgentStatus {
    const { config, clock, readiness, pool, rollout, gateways, configuration } = this.#sources;
    return {
      version: this.#version,
      pid: process.pid,
      node: config['node-name'],
      uptimeSeconds: Math.round((clock.monotonic() - this.#startedAt) / 1000),
      ready: readiness.ready,
      draining: this.draining,
      gates: readiness.report(),
      snapshot: rollout.version,
      propagation: configuration.propagation(),
      lastError: configuration.lastError,
      workers: pool.report(),
      workerRestarts: pool.restarts,
      pods: this.#pods(),
      gateways: gateways.report(),
      problems: configuration.problems(),
      sources: configuration.sources(),
    };
  }

  /** Every local pod, enrolled or not, and pods that are leaving. */
  #pods(): PodStatus[] {
    const { reconciler, configuration } = this.#sources;
    const held = new Map((reconciler?.report() ?? []).map((pod) => [pod.key, pod]));
    const local = configuration.localPods().map(({ key, enrolled, reason, addresses }) => {
      const { phase = 'absent', capturedAt = null, error = '' } = held.get(key) ?? {};
      held.delete(key);
      return { pod: key, enrolled, reason, phase, capturedAt, error, addresses };
    });
    const leaving = [...held.values()].map(({ key, phase, capturedAt, error }) => {
      return { pod: key, enrolled: false, reason: 'no longer there', phase, capturedAt, error, addresses: [] };
    });
    return [...local, ...leaving];
  }
}
