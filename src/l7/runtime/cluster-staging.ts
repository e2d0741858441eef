/** Prepares clusters: their endpoints, and how to choose among them. */
import type { ChangingMap } from '../../base/changing-map.ts';
import type { Epoch } from '../../base/epoch.ts';
import type { HeaderNames } from '../message/header-names.ts';
import type { ClusterConfig } from '../config/cluster.ts';
import type { EndpointsDelta } from '../snapshot.ts';
import { Cluster, ClusterSlot, type ClusterState } from '../upstream/cluster.ts';
import { buildBalancers, ClusterDraft, type DraftResult } from '../upstream/cluster-draft.ts';
import type { Steps } from '../upstream/pick.ts';
import type { Later } from './later.ts';
import type { SlotRegistry } from './lease.ts';

export class ClusterStaging implements SlotRegistry {
  readonly #slots: ChangingMap<string, ClusterSlot>;
  readonly #names: HeaderNames;
  readonly #epoch: Epoch;
  readonly #later: Later;
  readonly #onFault: (id: string, error: unknown) => void;
  readonly #drafts = new Map<string, ClusterDraft>();
  /** Clusters whose balancers are to be built behind a commit. */
  readonly #stale = new Set<Cluster>();

  constructor(
    slots: ChangingMap<string, ClusterSlot>,
    names: HeaderNames,
    epoch: Epoch,
    later: Later,
    onFault: (id: string, error: unknown) => void,
  ) {
    this.#slots = slots;
    this.#names = names;
    this.#epoch = epoch;
    this.#later = later;
    this.#onFault = onFault;
  }

  set(id: string, config: ClusterConfig): void {
    // Routes and addresses that name it come after it, and find the name in the slot.
    const slot = this.#slotFor(id);
    this.#draft(slot.id).configure({ ...config, id: slot.id, name: config.name === id ? slot.id : config.name });
  }

  remove(id: string): void {
    this.#drafts.delete(id);
    const slot = this.#slots.get(id);
    const cluster = slot?.upcoming ?? null;
    if (slot === undefined || cluster === null) return;
    for (const endpoint of new ClusterDraft(cluster.upcoming, this.#names, this.#epoch).dropAll()) this.#later.settle(endpoint);
    cluster.dissolve();
    slot.stage(null);
    this.#later.settle(slot);
    this.#later.settle(cluster);
    this.#later.run(() => {
      cluster.upcoming.hash?.dispose();
      this.#stale.delete(cluster);
      this.#dropUnused(slot);
    });
  }

  /** Endpoints of a cluster that nobody has named are left out: its record is in the change before, in this one, or nowhere. */
  change(delta: EndpointsDelta): void {
    this.#draft(delta.cluster).change(delta);
  }

  acquire(id: string): ClusterSlot {
    const slot = this.#slotFor(id);
    slot.uses++;
    return slot;
  }

  release(slot: ClusterSlot): void {
    slot.uses--;
    this.#dropUnused(slot);
  }

  /** Makes what has been collected. */
  *prepare(): Steps<void> {
    for (const [id, draft] of this.#drafts) {
      this.#drafts.delete(id);
      if (!draft.complete) continue;
      try {
        this.#install(id, yield* draft.make());
      } catch (error) {
        draft.abandon();
        this.#dropUnused(this.#slotFor(id));
        this.#onFault(id, error);
      }
      yield;
    }
  }

  /** Builds the balancers that were too costly to wait for, one after the other. */
  *rebuild(): Steps<void> {
    for (const cluster of this.#stale) {
      this.#stale.delete(cluster);
      const { config, endpoints, preferred } = cluster.upcoming;
      cluster.renew(preferred, yield* buildBalancers(config, endpoints));
      yield;
    }
  }

  #draft(id: string): ClusterDraft {
    let draft = this.#drafts.get(id);
    if (draft === undefined) {
      draft = new ClusterDraft(this.#slots.get(id)?.upcoming?.upcoming ?? null, this.#names, this.#epoch);
      this.#drafts.set(id, draft);
    }
    return draft;
  }

  #install(id: string, { state, staged, stale }: DraftResult): void {
    const slot = this.#slotFor(id);
    for (const endpoint of staged) this.#later.settle(endpoint);
    const cluster = slot.upcoming;
    if (cluster === null) {
      slot.stage(new Cluster(state, this.#epoch));
      this.#later.settle(slot);
      return;
    }
    this.#dropPolicy(cluster.upcoming, state);
    cluster.stage(state);
    this.#later.settle(cluster);
    if (stale) this.#stale.add(cluster);
  }

  #dropPolicy({ hash }: ClusterState, next: ClusterState): void {
    if (hash !== null && hash !== next.hash) this.#later.run(() => hash.dispose());
  }

  #slotFor(id: string): ClusterSlot {
    let slot = this.#slots.get(id);
    if (slot === undefined) this.#slots.stage(id, (slot = new ClusterSlot(id, this.#epoch)));
    return slot;
  }

  #dropUnused(slot: ClusterSlot): void {
    if (slot.uses === 0 && slot.upcoming === null && this.#slots.get(slot.id) === slot) this.#slots.stage(slot.id, undefined);
  }
}
