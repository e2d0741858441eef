/**
 * Brings a compiled configuration into effect, in an order in which no connection meets a gap:
 *
 *     ports of Gateways that are gone are closed -> workers get the change -> new ports are opened -> pods are reconciled
 */
import type { PackedDelta } from '../l7/packed/packed-delta.ts';
import type { PackedSnapshot } from '../l7/packed/packed-records.ts';
import type { Snapshot } from '../l7/snapshot.ts';
import type { GatewayListeners } from './enroll/gateway-listeners.ts';
import type { WantedPod } from './enroll/wanted-pod.ts';

export interface RolloutTarget {
  configure(snapshot: PackedSnapshot, delta: PackedDelta): void;
}

export interface PodTarget {
  want(pods: readonly WantedPod[]): void;
}

export interface RolloutOptions {
  readonly workers: RolloutTarget;
  /** Null without a datapath. */
  readonly pods: PodTarget | null;
  readonly gateways: Pick<GatewayListeners, 'drop' | 'serve'>;
}

export class Rollout {
  readonly #options: RolloutOptions;
  current: Snapshot | null = null;
  #wanted: readonly WantedPod[] | null = null;

  constructor(options: RolloutOptions) {
    this.#options = options;
  }

  get version(): number {
    return this.current?.version ?? 0;
  }

  /** @param delta null: no record has changed. @param wanted the same array while they are the same. */
  apply(snapshot: PackedSnapshot, delta: PackedDelta | null, wanted: readonly WantedPod[]): void {
    if (delta !== null) this.#handOut(snapshot, delta);
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#options.pods?.want(wanted);
  }

  #handOut(snapshot: PackedSnapshot, delta: PackedDelta): void {
    const { workers, gateways } = this.#options;
    const ports = new Set([...snapshot.records.gateways.values()].map(({ port }) => port));
    this.current = snapshot;
    gateways.drop(ports);
    workers.configure(snapshot, delta);
    gateways.serve(ports);
  }
}
