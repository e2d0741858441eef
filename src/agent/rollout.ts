/**
 * Brings a compiled configuration into force, in an order in which no connection meets a gap:
 *
 *     ports of Gateways that are gone are closed -> workers get the change -> new ports are opened -> pods are reconciled
 *
 * A pod that is no longer enrolled stays in the snapshot until the last connection that the kernel had sent here on its behalf has been accepted.
 */
import type { Snapshot, SnapshotDelta } from '../l7/snapshot.ts';
import type { GatewayListeners } from './enroll/gateway-listeners.ts';
import type { WantedPod } from './enroll/wanted-pod.ts';

export interface RolloutTarget {
  configure(snapshot: Snapshot, delta: SnapshotDelta): void;
}

export interface PodTarget {
  want(pods: readonly WantedPod[]): void;
  served(): ReadonlySet<string>;
}

export interface RolloutOptions {
  readonly workers: RolloutTarget;
  /** Null without a datapath. */
  readonly pods: PodTarget | null;
  readonly gateways: Pick<GatewayListeners, 'drop' | 'serve'>;
  readonly difference: (previous: Snapshot | null, next: Snapshot) => SnapshotDelta;
}

export class Rollout {
  readonly #options: RolloutOptions;
  #compiled: Snapshot | null = null;
  #kept: ReadonlySet<string> = new Set();
  current: Snapshot | null = null;

  constructor(options: RolloutOptions) {
    this.#options = options;
  }

  get version(): number {
    return this.current?.version ?? 0;
  }

  apply(compiled: Snapshot, wanted: readonly WantedPod[]): void {
    this.#compiled = compiled;
    this.#handOut();
    this.#options.pods?.want(wanted);
  }

  /** Drops from the snapshot what was kept for pods that have left since. */
  refresh(): void {
    const served = this.#options.pods?.served() ?? new Set<string>();
    if ([...this.#kept].some((key) => !served.has(key))) this.#handOut();
  }

  #handOut(): void {
    if (this.#compiled === null) return;
    const { workers, gateways, pods, difference } = this.#options;
    const kept = leftBehind(this.#compiled, pods?.served() ?? new Set());
    const next: Snapshot = { ...keep(this.#compiled, this.current, kept), version: this.version + 1 };
    const delta = difference(this.current, next);
    const ports = new Set(Object.keys(next.gateways).map(Number));
    this.#kept = kept;
    this.current = next;
    gateways.drop(ports);
    workers.configure(next, delta);
    gateways.serve(ports);
  }
}

function leftBehind(next: Snapshot, served: ReadonlySet<string>): Set<string> {
  return new Set([...served].filter((key) => next.workloads[key] === undefined));
}

/** `next` with the workloads `keys` of `previous`, and what they see of the mesh. */
function keep(next: Snapshot, previous: Snapshot | null, keys: ReadonlySet<string>): Snapshot {
  if (previous === null || keys.size === 0) return next;
  const workloads = { ...next.workloads };
  const scopes = { ...next.scopes };
  for (const key of keys) {
    const workload = previous.workloads[key];
    if (workload === undefined) continue;
    workloads[key] = workload;
    const scope = previous.scopes[workload.scope];
    if (scope !== undefined) scopes[workload.scope] ??= scope;
  }
  return { ...next, workloads, scopes };
}
