/**
 * A service port, or a subset of it, as seen by some clients: its endpoints and how to choose among them.
 *
 * Invariants (test/l7/upstream/cluster.test.ts):
 *  1. an endpoint that stays in the configuration keeps its object, and so its pools and counts;
 *  2. `pick` never returns an endpoint that is not in the configuration, also while a new ring is being built, and null when the
 *     cluster has gone;
 *  3. what is staged is not seen before the commit.
 */
import { change, current, settled, upcoming, type Changing, type Epoch, type Held } from '../../base/epoch.ts';
import type { ClusterConfig } from '../config/cluster.ts';
import type { Endpoint } from './endpoint.ts';
import { NO_ODDS, oddsByWeight } from './odds.ts';
import type { HashPolicy } from './hash-policy.ts';
import { type Balancer, type EndpointFilter, firstAllowed, indexBelow, type Odds } from './pick.ts';

/** Makes clusters when they are looked at. */
export interface ClusterSource {
  fill(slot: ClusterSlot): void;
}

/** Routes refer to a slot, so that they need not be built again when a cluster comes, changes or goes. */
export class ClusterSlot implements Changing {
  readonly id: string;
  /** Routes that refer to it, those that are staged included. */
  uses = 0;
  readonly #epoch: Epoch;
  /** Null when it has filled the slot. */
  #source: ClusterSource | null;
  #held: Held<Cluster | null> = null;

  /** @param source asked when the cluster is first looked at; null: there is none until one is staged. */
  constructor(id: string, epoch: Epoch, source: ClusterSource | null = null) {
    this.id = id;
    this.#epoch = epoch;
    this.#source = source;
  }

  /** Whether somebody has looked at the cluster, so that it has an object. */
  get filled(): boolean {
    return this.#source === null;
  }

  get cluster(): Cluster | null {
    if (this.#source !== null) this.fill();
    return current(this.#held, this.#epoch);
  }

  /** What `cluster` will be. */
  get upcoming(): Cluster | null {
    if (this.#source !== null) this.fill();
    return upcoming(this.#held);
  }

  /** Makes the cluster, if nobody has looked at it before. */
  fill(): void {
    const source = this.#source;
    this.#source = null;
    source?.fill(this);
  }

  /** What readers see at first. */
  begin(cluster: Cluster | null): void {
    this.#held = cluster;
  }

  /** To be settled after the commit. */
  stage(cluster: Cluster | null): void {
    this.#held = change(this.#held, cluster, this.#epoch);
  }

  settle(): boolean {
    this.#held = settled(this.#held, this.#epoch);
    return true;
  }
}

/** A cluster between two changes. */
export interface ClusterState {
  readonly config: ClusterConfig;
  /** Where the hash of a request comes from; null without consistent hashing. */
  readonly hash: HashPolicy | null;
  readonly endpoints: readonly Endpoint[];
  /** Of many endpoints, by `addressKey`, once one of them has changed; whoever drafts the next state takes it over. */
  byKey?: Map<string, Endpoint> | null;
  /** Over the endpoints of the preferred family; over all of them where there is only one. */
  preferred: Balancer;
  /** Over those of the other family, where there are endpoints of both. */
  other: Balancer | null;
}

/** What a cluster is before it is filled, and after it was removed. */
export const NOBODY: Balancer = { pick: () => null, odds: () => NO_ODDS };

export class Cluster implements Changing {
  readonly #epoch: Epoch;
  #held: Held<ClusterState>;

  constructor(state: ClusterState, epoch: Epoch) {
    this.#held = state;
    this.#epoch = epoch;
  }

  get config(): ClusterConfig {
    return current(this.#held, this.#epoch).config;
  }

  get hash(): HashPolicy | null {
    return current(this.#held, this.#epoch).hash;
  }

  get endpoints(): readonly Endpoint[] {
    return current(this.#held, this.#epoch).endpoints;
  }

  get upcoming(): ClusterState {
    return upcoming(this.#held);
  }

  /**
   * The endpoint for the next attempt, or null when there is none.
   * @param hash of the request's key; -1 without one.
   * @param avoid endpoints to pass over if there is another one (at most 5 more draws, as Envoy's host predicate).
   * @param family of the endpoint, where the cluster has endpoints of both; 0: the one that the service prefers.
   * @param filter which of them may be used; null: all. @param now milliseconds.
   */
  pick(
    hash: number,
    random: () => number,
    avoid: readonly Endpoint[] | null,
    family: 0 | 4 | 6,
    filter: EndpointFilter | null = null,
    now = 0,
  ): Endpoint | null {
    const { endpoints } = current(this.#held, this.#epoch);
    if (endpoints.length === 0) return null;
    const balancer = this.#balancer(family);
    let endpoint = balancer.pick(hash, random, filter, now);
    for (let draw = 0; avoid !== null && endpoint !== null && draw < 5 && avoid.includes(endpoint); draw++) {
      endpoint = balancer.pick(-1, random, filter, now);
    }
    // While the balancer of a changed cluster is being built, the old one may know none of those that are there now.
    return endpoint ?? firstAllowed(endpoints, indexBelow(endpoints.length, random()), filter);
  }

  /** What `pick` would do for a first attempt, for people. */
  odds(hash: number, family: 0 | 4 | 6, filter: EndpointFilter | null, now: number): Odds {
    const odds = this.#balancer(family).odds(hash, filter, now);
    return odds.size > 0 ? odds : oddsByWeight(this.endpoints, () => 1, filter);
  }

  #balancer(family: 0 | 4 | 6): Balancer {
    const { config, preferred, other } = current(this.#held, this.#epoch);
    return other !== null && family !== 0 && family !== config.family ? other : preferred;
  }

  /** It is removed: whoever still holds it finds no endpoint. To be settled after the commit. */
  dissolve(): void {
    this.stage({ ...this.upcoming, endpoints: [], preferred: NOBODY, other: null });
  }

  /** To be settled after the commit. */
  stage(state: ClusterState): void {
    this.#held = change(this.#held, state, this.#epoch);
  }

  /** Is replaced by what has been built meanwhile. @param old the balancer in whose place it comes. */
  renew(old: Balancer, { preferred, other }: Pick<ClusterState, 'preferred' | 'other'>): void {
    for (const state of [current(this.#held, this.#epoch), upcoming(this.#held)]) {
      if (state.preferred === old) Object.assign(state, { preferred, other });
    }
  }

  settle(): boolean {
    this.#held = settled(this.#held, this.#epoch);
    return true;
  }
}
