/**
 * How a configuration takes effect: parts are taken over as they come, each within a fraction of a millisecond; `prepare` makes
 * what needs all of them; `commit` shows all of it at once; `settle` drops what was there before; `rebuild` makes what a change of
 * endpoints did not wait for.
 *
 *     take* → prepare (steps) → commit → settle (steps) → rebuild (steps, also between the changes that follow)
 *
 * Invariants (test/l7/runtime/visibility.test.ts, faults.test.ts):
 *  1. only `commit` changes what readers see, once somebody is served;
 *  2. a record that cannot be prepared keeps its previous version; the others go on.
 */
import { change, settled, upcoming, type Held } from '../../base/epoch.ts';
import { asksOfRequests, type TelemetryConfig } from '../config/telemetry.ts';
import { type GatewayConfig, type ScopeConfig, sniLayer, type WorkloadConfig } from '../config/workload.ts';
import type { MeshSettings, RecordKind, SnapshotRecords } from '../snapshot.ts';
import type { PackedKind } from '../packed/record-form.ts';
import type { Steps } from '../upstream/pick.ts';
import { AddressStaging } from './address-staging.ts';
import { ClusterStaging } from './cluster-staging.ts';
import type { Contents } from './contents.ts';
import { HostStaging } from './host-staging.ts';
import { Later } from './later.ts';
import type { DeltaPart } from './parts.ts';
import { Scope } from './scope.ts';
import { SharedStrings } from './shared-strings.ts';
import { ScopeSlot, Workload } from './workload.ts';

export interface RecordFault {
  readonly kind: RecordKind | 'endpoints';
  readonly id: string;
  readonly error: unknown;
}

export class Staging {
  readonly #contents: Contents;
  readonly #onFault: (fault: RecordFault) => void;
  readonly #onTelemetry: (telemetry: TelemetryConfig) => void;
  readonly #later = new Later();
  readonly #strings = new SharedStrings();
  readonly #clusters: ClusterStaging;
  readonly #hosts: HostStaging;
  readonly #addresses: AddressStaging;
  readonly #scopes = new Map<string, ScopeSlot>();
  /** Records that could not be prepared, since the worker began. */
  faults = 0;

  constructor(contents: Contents, onFault: (fault: RecordFault) => void, onTelemetry: (telemetry: TelemetryConfig) => void = () => {}) {
    this.#onTelemetry = onTelemetry;
    const { memory, layers } = contents;
    this.#contents = contents;
    this.#onFault = onFault;
    this.#clusters = new ClusterStaging(contents, this.#later, (id, error) => this.#fault('clusters', id, error));
    this.#hosts = new HostStaging(contents, this.#clusters, this.#later, this.#strings, (id, error) =>
      this.#fault('virtualHosts', id, error),
    );
    this.#addresses = new AddressStaging(contents.addresses, memory, layers, this.#later);
  }

  get clusters(): ClusterStaging {
    return this.#clusters;
  }

  /** Takes over a part of the next configuration. */
  take(part: DeltaPart): void {
    if (part.what !== 'routes') this.#hosts.close();
    switch (part.what) {
      case 'mesh':
        this.#setMesh(part.mesh);
        return;
      case 'set':
        for (const [id, record] of part.records) this.#guard(part.kind, id, () => this.#set(part.kind, id, record));
        return;
      case 'memory':
        return this.#contents.memory.add(part.slabs);
      case 'packed':
        for (const place of part.places) this.#guard(part.kind, this.#contents.memory.key(place), () => this.#setPacked(part.kind, place));
        return;
      case 'routes':
        this.#guard('virtualHosts', this.#hosts.openId, () => this.#hosts.addRoutes(part.routes));
        return;
      case 'remove':
        for (const id of part.ids) this.#guard(part.kind, id, () => this.#remove(part.kind, id));
        return;
      case 'endpoints':
        for (const delta of part.deltas) {
          this.#guard('endpoints', delta.cluster, () => this.#clusters.change(this.#strings.endpoints(delta)));
        }
    }
  }

  /** Makes what could not be made part by part. */
  *prepare(): Steps<void> {
    this.#hosts.close();
    yield* this.#clusters.prepare();
  }

  /** From now on everything that has been staged is in effect. */
  commit(version: number): void {
    this.#contents.epoch.committed = true;
    this.#contents.version = version;
  }

  /** Drops what was in effect before. Nothing may be staged until this is done. */
  *settle(): Steps<void> {
    yield* this.#later.steps();
    this.#contents.epoch.committed = false;
    this.#strings.clear();
    this.#contents.layers.sweep();
  }

  /** Values on their way; 0 once everything has settled. */
  get unsettled(): number {
    return this.#contents.epoch.open;
  }

  /** Balancers that were too costly to wait for. Others may be staged meanwhile. */
  rebuild(): Steps<void> {
    return this.#clusters.rebuild();
  }

  #guard(kind: RecordFault['kind'], id: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fault(kind, id, error);
    }
  }

  #fault(kind: RecordFault['kind'], id: string, error: unknown): void {
    this.faults++;
    this.#onFault({ kind, id, error });
  }

  #set<K extends RecordKind>(kind: K, id: string, record: SnapshotRecords[K]): void {
    const setters: { readonly [L in RecordKind]: (id: string, record: SnapshotRecords[L]) => void } = this.#setters;
    setters[kind](id, record);
  }

  #setPacked(kind: PackedKind, place: number): void {
    switch (kind) {
      case 'clusters':
        return this.#clusters.setPacked(place);
      case 'endpoints':
        return this.#clusters.setEndpoints(place);
      case 'virtualHosts':
        return this.#hosts.setPacked(place);
      case 'addresses':
        return this.#addresses.setPacked(place);
    }
  }

  readonly #setters: { readonly [K in RecordKind]: (id: string, record: SnapshotRecords[K]) => void } = {
    clusters: (id, config) => this.#clusters.set(id, this.#strings.cluster(config)),
    virtualHosts: (id, config) => this.#hosts.set(id, config),
    addresses: (id, config) => this.#addresses.set(id, config),
    gateways: (id, config) => this.#setGateway(id, config),
    scopes: (id, config) => this.#setScope(id, config),
    workloads: (id, config) => this.#setWorkload(id, config),
  };

  #remove(kind: RecordKind, id: string): void {
    switch (kind) {
      case 'clusters':
        return this.#clusters.remove(id);
      case 'virtualHosts':
        return this.#hosts.remove(id);
      case 'addresses':
        return this.#addresses.remove(id);
      case 'gateways':
        return this.#setGateway(id, null);
      case 'scopes':
        return this.#setScope(id, null);
      case 'workloads':
        return this.#setWorkload(id, null);
    }
  }

  #setMesh(mesh: MeshSettings): void {
    const contents = this.#contents;
    contents.settings = change(contents.settings, mesh, contents.epoch);
    this.#later.run(() => (contents.settings = settled(contents.settings, contents.epoch)));
  }

  #setGateway(id: string, config: GatewayConfig | null): void {
    const { gateways, layers } = this.#contents;
    const port = Number(id);
    const known = gateways.upcoming(port);
    if (config?.telemetry !== undefined) this.#onTelemetry(config.telemetry);
    if (known !== undefined) {
      this.#later.run(() => {
        layers.forget(known.table);
        layers.forget(known.names);
      });
    }
    // As Istio's gateways, those of here do not know names with a final dot.
    const gateway =
      config === null
        ? undefined
        : {
            config,
            table: layers.table([config.layer], config.port, null, false),
            names: layers.table([sniLayer(config.layer)], config.port, null),
          };
    this.#later.settleIf(gateways, gateways.stage(port, gateway));
  }

  #setScope(id: string, config: ScopeConfig | null): void {
    const slot = this.#scopeSlot(id);
    const known = upcoming<Scope | null>(slot.held);
    slot.held = change<Scope | null>(
      slot.held,
      config === null ? null : new Scope(config, this.#contents.layers, this.#contents.addresses),
      this.#contents.epoch,
    );
    this.#later.settle(slot);
    this.#later.run(() => {
      known?.dispose();
      this.#dropUnused(slot);
    });
  }

  #setWorkload(key: string, config: WorkloadConfig | null): void {
    const { workloads, byAddress, epoch } = this.#contents;
    const known = workloads.upcoming(key);
    this.#noteTelemetry(key, config);
    if (known !== undefined) this.#leave(known, config?.addresses ?? []);
    if (config === null) {
      this.#later.settleIf(workloads, workloads.stage(key, undefined));
      return;
    }
    const scope = this.#scopeSlot(config.scope);
    scope.uses++;
    const state = {
      identity: config.identity,
      addresses: config.addresses,
      inbound: config.inbound,
      telemetry: config.telemetry ?? null,
      scope,
    };
    const workload = known ?? new Workload(key, state, epoch);
    if (known === undefined) this.#later.settleIf(workloads, workloads.stage(key, workload));
    else known.stage(state);
    this.#later.settle(workload);
    for (const address of config.addresses) this.#later.settleIf(byAddress, byAddress.stage(address, workload));
  }

  #noteTelemetry(key: string, config: WorkloadConfig | null): void {
    const { toldCallees, askingCallees } = this.#contents;
    const inbound = config?.telemetry?.inbound;
    toldCallees.delete(key);
    askingCallees.delete(key);
    if (inbound !== undefined && (inbound.accessLogs.length > 0 || inbound.metrics !== undefined)) toldCallees.add(key);
    if (inbound !== undefined && asksOfRequests(inbound)) askingCallees.add(key);
    if (config?.telemetry === undefined) return;
    this.#onTelemetry(config.telemetry.outbound);
    this.#onTelemetry(config.telemetry.inbound);
  }

  /** Takes from a workload its addresses, but those that it keeps and those that another has got, and its scope. */
  #leave(workload: Workload, kept: readonly string[]): void {
    const { byAddress } = this.#contents;
    const { addresses, scope } = workload.upcoming;
    for (const address of addresses) {
      if (kept.includes(address) || byAddress.upcoming(address) !== workload) continue;
      this.#later.settleIf(byAddress, byAddress.stage(address, undefined));
    }
    this.#later.run(() => {
      scope.uses--;
      this.#dropUnused(scope);
    });
  }

  #scopeSlot(id: string): ScopeSlot {
    let slot = this.#scopes.get(id);
    if (slot === undefined) this.#scopes.set(id, (slot = new ScopeSlot(id, this.#contents.epoch)));
    return slot;
  }

  #dropUnused(slot: ScopeSlot): void {
    const held: Held<Scope | null> = slot.held;
    if (slot.uses === 0 && upcoming(held) === null && this.#scopes.get(slot.id) === slot) this.#scopes.delete(slot.id);
  }
}
