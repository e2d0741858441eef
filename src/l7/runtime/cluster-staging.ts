/** Prepares clusters: their endpoints, and how to choose among them. */
import { ChangingMap } from '../../base/changing-map.ts';
import { Epoch } from '../../base/epoch.ts';
import type { ClusterConfig, EndpointConfig } from '../config/cluster.ts';
import type { EndpointsDelta } from '../snapshot.ts';
import { Cluster, ClusterSlot, type ClusterSource, type ClusterState } from '../upstream/cluster.ts';
import { buildBalancers, ClusterDraft, type DraftResult } from '../upstream/cluster-draft.ts';
import { finish, type Steps } from '../upstream/pick.ts';
import type { Contents } from './contents.ts';
import type { Later } from './later.ts';
import type { SlotRegistry } from './lease.ts';
import { RecordTable } from './record-table.ts';

/** A power of two. */
const SHARDS = 64;

/**
 * Of a cluster that is light (src/l7/packed/light.ts) only the places of its packed records are known until somebody looks at it: then
 * its slot is filled, and from then on changes go to the objects too.
 */
export class ClusterStaging implements SlotRegistry, ClusterSource {
  readonly #contents: Contents;
  readonly #later: Later;
  readonly #onFault: (id: string, error: unknown) => void;
  /** A slot exists as long as something refers to it, whether or not its cluster exists. */
  readonly #slots = new ChangingMap<string, ClusterSlot>(new Epoch(), SHARDS);
  readonly #configs: RecordTable;
  /** All endpoints of a cluster, by its id. */
  readonly #endpoints: RecordTable;
  readonly #drafts = new Map<string, ClusterDraft>();
  /** Clusters whose balancers are to be built behind a commit. */
  readonly #stale = new Set<Cluster>();

  constructor(contents: Contents, later: Later, onFault: (id: string, error: unknown) => void) {
    this.#contents = contents;
    this.#later = later;
    this.#onFault = onFault;
    this.#configs = new RecordTable(contents.memory, contents.epoch);
    this.#endpoints = new RecordTable(contents.memory, contents.epoch);
  }

  /** Of all clusters that somebody has referred to. */
  get slots(): Iterable<ClusterSlot> {
    return this.#slots.values();
  }

  /** The slot of a cluster; an empty one if it is unknown. */
  slot(id: string): ClusterSlot {
    const known = this.#slots.get(id);
    if (known !== undefined) return known;
    const number = this.#configs.find(id);
    const exists = this.#configs.current(number) !== 0 || this.#configs.upcoming(number) !== 0;
    return exists ? this.#slotFor(id) : new ClusterSlot(id, this.#contents.epoch);
  }

  set(id: string, config: ClusterConfig): void {
    // Routes and addresses that name it come after it, and find the name in the slot.
    const slot = this.#slotFor(id);
    slot.fill();
    this.#forget(this.#configs, id);
    this.#draft(slot.id).configure({ ...config, id: slot.id, name: config.name === id ? slot.id : config.name });
  }

  /** @param place of its packed record. */
  setPacked(place: number): void {
    const id = this.#contents.memory.key(place);
    const slot = this.#slots.get(id);
    if (slot?.filled === true) this.#draft(id).configure(this.#configAt(place));
    this.#stage(this.#configs, id, place);
  }

  /** @param place of the packed record of all endpoints. */
  setEndpoints(place: number): void {
    const id = this.#contents.memory.key(place);
    const slot = this.#slots.get(id);
    if (slot?.filled === true) this.#draft(id).replace(this.#endpointsAt(place));
    this.#stage(this.#endpoints, id, place);
  }

  remove(id: string): void {
    this.#drafts.delete(id);
    const slot = this.#slots.get(id);
    if (slot?.filled === true) this.#removeFilled(slot);
    this.#forget(this.#configs, id);
    this.#forget(this.#endpoints, id);
  }

  #removeFilled(slot: ClusterSlot): void {
    const cluster = slot.upcoming;
    if (cluster === null) return;
    for (const endpoint of this.#newDraft(cluster).dropAll()) this.#later.settle(endpoint);
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
    const { cluster } = delta;
    this.#slotFor(cluster).fill();
    this.#forget(this.#endpoints, cluster);
    this.#draft(cluster).change(delta);
  }

  /** Makes the cluster of packed records as readers see it, and stages what is on its way. */
  fill(slot: ClusterSlot): void {
    try {
      this.#fill(slot);
    } catch (error) {
      this.#onFault(slot.id, error);
    }
  }

  #fill(slot: ClusterSlot): void {
    const known = this.#slots.get(slot.id);
    // Nothing configured refers to it any more, but an exchange that has begun.
    if (known === undefined) this.#slots.stage(slot.id, slot);
    else if (known !== slot) return slot.begin(known.cluster);
    const [config, endpoints] = [this.#configs.find(slot.id), this.#endpoints.find(slot.id)];
    const now = [this.#configs.current(config), this.#endpoints.current(endpoints)] as const;
    const next = [this.#configs.upcoming(config), this.#endpoints.upcoming(endpoints)] as const;
    if (now[0] !== 0) slot.begin(new Cluster(finish(this.#draftOf(null, ...now).make()).state, this.#contents.epoch));
    if (this.#contents.epoch.committed || (now[0] === next[0] && now[1] === next[1])) return;
    if (next[0] === 0) this.#removeFilled(slot);
    else this.#install(slot.id, finish(this.#draftOf(slot.upcoming, ...next).make()));
  }

  #draftOf(before: Cluster | null, config: number, endpoints: number): ClusterDraft {
    const draft = this.#newDraft(before);
    draft.configure(this.#configAt(config));
    draft.replace(endpoints === 0 ? [] : this.#endpointsAt(endpoints));
    return draft;
  }

  #newDraft(before: Cluster | null): ClusterDraft {
    return new ClusterDraft(before?.upcoming ?? null, this.#contents.names, this.#contents.epoch);
  }

  #configAt(place: number): ClusterConfig {
    return this.#contents.memory.read(place) as ClusterConfig;
  }

  #endpointsAt(place: number): readonly EndpointConfig[] {
    return this.#contents.memory.read(place) as readonly EndpointConfig[];
  }

  #stage(table: RecordTable, id: string, place: number): void {
    const known = table.find(id);
    this.#later.settleIf(table, table.stage(known < 0 ? table.add(id) : known, place));
  }

  /** What is known of it is in objects now, or gone. */
  #forget(table: RecordTable, id: string): void {
    const known = table.find(id);
    if (known >= 0) this.#later.settleIf(table, table.stage(known, 0));
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
      draft = this.#newDraft(this.#slots.get(id)?.upcoming ?? null);
      this.#drafts.set(id, draft);
    }
    return draft;
  }

  #install(id: string, { state, staged, stale }: DraftResult): void {
    const slot = this.#slotFor(id);
    for (const endpoint of staged) this.#later.settle(endpoint);
    const cluster = slot.upcoming;
    if (cluster === null) {
      slot.stage(new Cluster(state, this.#contents.epoch));
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
    if (slot === undefined) this.#slots.stage(id, (slot = new ClusterSlot(id, this.#contents.epoch, this)));
    return slot;
  }

  #dropUnused(slot: ClusterSlot): void {
    if (slot.uses > 0 || (slot.filled && slot.upcoming !== null)) return;
    if (this.#slots.get(slot.id) === slot) this.#slots.stage(slot.id, undefined);
  }
}
