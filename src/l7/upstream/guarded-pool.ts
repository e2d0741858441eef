/**
 * What every pool owes the guard of its client, whatever its connections speak: each connection, request and request without a
 * connection is counted there once and given back once; whoever waits is in the budget's queue until it is their turn or they leave.
 *
 * Invariants (test/l7/upstream/pool.test.ts, http2-pool.test.ts):
 *  1. when nothing is open and nobody waits, nothing of the pool is counted at its guard;
 *  2. a guard that takes the place of another counts what is open, and the other one gives it back.
 */
import type { PoolConfig } from '../config/cluster.ts';
import { OUTCOME } from '../message/outcome.ts';
import type { ConnectOptions } from '../transport.ts';
import type { Account } from './account.ts';
import { type Budget, type IdleHolder, NO_LIMITS } from './budget.ts';
import type { Cluster } from './cluster.ts';
import { connectOptions } from './connect-options.ts';
import type { Endpoint, EndpointPool } from './endpoint.ts';
import { type Guard, isStillUsed } from './guards.ts';
import { Place } from './place.ts';
import type { StreamPool, StreamUser } from './stream-pool.ts';

/** What a worker's pools share. */
export interface GuardedGround {
  /** SO_MARK of upstream sockets, by which the datapath knows them. */
  readonly mark: number;
  /** No connection is kept any more. */
  readonly draining: boolean;
  readonly counts: PoolCounts;
}

/** What is told of all pools of a worker. */
export interface PoolCounts {
  /** @param change 1: a connection was opened, -1: it is gone. */
  upstreamConnections(change: 1 | -1): void;
  /** @param change 1: a request waits because of a limit, -1: it does not any more. */
  waitingRequests(change: 1 | -1): void;
}

export abstract class GuardedPool implements StreamPool, EndpointPool, IdleHolder {
  readonly endpoint: Endpoint;
  readonly netns: number;
  /** Null: the endpoint is an original destination. */
  readonly cluster: Cluster | null;
  protected guard: Guard | null = null;
  protected account: Account | null = null;
  /** The first in line first. */
  protected readonly queue = new Map<StreamUser, Place<StreamUser>>();
  /** Requests that count as ones without a connection: those that wait, and those whose connection is not established. */
  #pending = 0;

  constructor(endpoint: Endpoint, netns: number, cluster: Cluster | null) {
    this.endpoint = endpoint;
    this.netns = netns;
    this.cluster = cluster;
  }

  /** Connections, idle or not. */
  abstract get open(): number;
  abstract acquire(user: StreamUser): void;
  /** Closes what has been idle since before `since`. */
  abstract closeIdle(since?: number): void;
  abstract closeOldest(): void;
  /** Milliseconds of the transport's clock. */
  protected abstract get now(): number;
  protected abstract get counts(): PoolCounts;
  /** Counts what is open, and what it carries. */
  protected abstract count(budget: Budget, account: Account): void;
  /** Gives back what `count` has counted, and what came since. */
  protected abstract uncount(budget: Budget, account: Account): void;

  get waiting(): number {
    return this.queue.size;
  }

  /** Its client's limits begin to hold; what is open already counts. Whoever has no connection yet keeps their place first. */
  guardBy(guard: Guard): void {
    if (this.guard === guard || this.#pending > 0) return;
    if (this.guard !== null && this.account !== null) this.uncount(this.guard.budget, this.account);
    this.leaveGuard();
    const account = guard.account(this.endpoint);
    this.guard = guard;
    this.account = account;
    guard.pools++;
    this.count(guard.budget, account);
  }

  /** Only when nothing is open and nobody waits. */
  leaveGuard(): void {
    if (this.guard === null) return;
    this.guard.pools--;
    this.guard.budget.removeHolder(this);
    this.guard = this.account = null;
  }

  /** Somebody does not wait any longer. */
  cancel(user: StreamUser): void {
    const place = this.queue.get(user);
    const budget = this.guard?.budget;
    if (place === undefined || budget === undefined) return;
    this.#leave(user);
    this.givePending(budget);
    budget.cancel(place);
  }

  /** Closes what has been idle for longer than the rules say, or than `orElse`. */
  closeUnused(orElse: number): void {
    const { idleTimeoutMs = orElse } = this.config;
    if (idleTimeoutMs > 0) this.closeIdle(this.now - idleTimeoutMs + 0.01);
  }

  protected get config(): PoolConfig {
    return this.guard?.budget.limits ?? NO_LIMITS;
  }

  /** @param onTurn a connection has been counted for them, and they are still pending. */
  protected wait(budget: Budget, account: Account, user: StreamUser, onTurn: (user: StreamUser) => void): void {
    const place = new Place(account, user, () => {
      this.#leave(user);
      if (isStillUsed(this.endpoint, this.guard)) return onTurn(user);
      this.givePending(budget);
      budget.giveConnection(account);
      user.onRefused(OUTCOME.noHealthyUpstream, true);
    });
    this.queue.set(user, place);
    this.counts.waitingRequests(1);
    budget.wait(place);
  }

  /** Whoever waited gets a connection that was there already. */
  protected leaveQueue(budget: Budget, place: Place<StreamUser>): void {
    this.#leave(place.user);
    budget.leave(place);
  }

  #leave(user: StreamUser): void {
    if (this.queue.delete(user)) this.counts.waitingRequests(-1);
  }

  protected takePending(budget: Budget): boolean {
    if (!budget.takePending()) return false;
    this.#pending++;
    return true;
  }

  protected givePending(budget: Budget): void {
    this.#pending--;
    budget.givePending();
  }

  protected connectOptions(user: StreamUser, mark: number): ConnectOptions {
    return connectOptions(this.endpoint, this.config, { netns: this.netns, mark, timeoutMs: user.connectTimeoutMs });
  }
}
