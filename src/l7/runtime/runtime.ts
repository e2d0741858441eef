/**
 * The configuration as requests and connections of a worker read it. It is changed by Staging only, as a whole and at once; a
 * cluster keeps its endpoints' pools and counts, a workload keeps its identity. Connections hold on to workloads and clusters, never
 * to tables, so that a change takes effect with the next request.
 *
 * Invariants (test/l7/runtime/):
 *  1. nothing is prepared when it is asked for: whatever is in effect is ready (first-request.test.ts);
 *  2. between two commits every answer is the one of the last commit (visibility.test.ts).
 */
import { current } from '../../base/epoch.ts';
import type { TelemetryConfig } from '../config/telemetry.ts';
import type { HeaderNames } from '../message/header-names.ts';
import type { MeshSettings, SnapshotDelta } from '../snapshot.ts';
import type { ClusterSlot } from '../upstream/cluster.ts';
import { finish } from '../upstream/pick.ts';
import { Contents } from './contents.ts';
import { partsOf } from './parts.ts';
import { type RecordFault, Staging } from './staging.ts';
import type { Workload } from './workload.ts';

export type { Table } from './layers.ts';
export type { Scope } from './scope.ts';
export type { Workload } from './workload.ts';

export class Runtime {
  readonly names: HeaderNames;
  readonly workloads: Contents['workloads'];
  readonly gateways: Contents['gateways'];
  readonly staging: Staging;
  /** Called for records that could not be prepared: the version before stays in effect. */
  onFault: (fault: RecordFault) => void = () => {};
  /** Called for what is told of a workload's or gateway's traffic, when it is staged. */
  onTelemetry: (telemetry: TelemetryConfig) => void = () => {};
  readonly #contents: Contents;

  constructor(names: HeaderNames) {
    const contents = new Contents(names);
    this.names = names;
    this.workloads = contents.workloads;
    this.gateways = contents.gateways;
    this.staging = new Staging(
      contents,
      (fault) => this.onFault(fault),
      (telemetry) => this.onTelemetry(telemetry),
    );
    this.#contents = contents;
  }

  get mesh(): MeshSettings {
    return current(this.#contents.settings, this.#contents.epoch);
  }

  get version(): number {
    return this.#contents.version;
  }

  /** Whether more than Istio's metrics, or less, may be told of a callee of this node in its callers' passes. */
  get calleesTold(): boolean {
    return this.#contents.toldCallees.size > 0;
  }

  /** Whether that may need a note of the request: then requests are noted that nobody else logs. */
  get calleesAsk(): boolean {
    return this.#contents.askingCallees.size > 0;
  }

  workloadAt(ip: string): Workload | null {
    return this.#contents.byAddress.get(ip) ?? null;
  }

  get clusters(): Iterable<ClusterSlot> {
    return this.staging.clusters.slots;
  }

  /** The slot of a cluster; an empty one if it is unknown. */
  slot(id: string): ClusterSlot {
    return this.staging.clusters.slot(id);
  }

  /** Whether listeners are served: from then on a change is not seen before its commit. */
  get serving(): boolean {
    return !this.#contents.epoch.direct;
  }

  serve(): void {
    this.#contents.epoch.direct = false;
  }

  /** A change from beginning to end, packed or not. For callers that can wait for it. @param slabs of packed records, the new ones. */
  apply(delta: SnapshotDelta, slabs: readonly SharedArrayBuffer[] = []): void {
    for (const part of partsOf(delta, slabs)) this.staging.take(part);
    finish(this.staging.prepare());
    this.staging.commit(delta.version);
    finish(this.staging.settle());
    finish(this.staging.rebuild());
  }
}
