/**
 * Connections of one client to one endpoint. Whoever wants a stream gets it at once, waits for one, or is refused:
 *
 *     acquire ──▶ idle connection, or room for a new one ──▶ onStream
 *            ├──▶ all connections are in use ──▶ waits, first come first served ──▶ onStream (or cancelled)
 *            └──▶ too many wait ──▶ onRefused
 *
 * Without a guard there is always room. As in Envoy a request is pending until its connection is established.
 *
 * The most recently used connection is taken first: it is the least likely to have been closed by the peer meanwhile, and the rest
 * can grow old and go.
 *
 * Invariants (test/l7/upstream/pool.test.ts):
 *  1. `open` equals the connections that exist, and each of them is counted at the guard;
 *  2. every acquisition ends in exactly one of onStream, onRefused and cancel;
 *  3. nobody waits while a connection is idle or may be opened;
 *  4. a connection is in use by one stream at a time.
 */
import { Timer } from '../../base/timer-wheel.ts';
import type { Http1Wire } from '../http1/wire.ts';
import { OUTCOME } from '../message/outcome.ts';
import { send } from '../send.ts';
import type { Account } from './account.ts';
import type { Budget } from './budget.ts';
import type { Cluster } from './cluster.ts';
import type { Endpoint } from './endpoint.ts';
import { type GuardedGround, GuardedPool, type PoolCounts } from './guarded-pool.ts';
import { Http1Client, type ClientHome } from './http1-client.ts';
import { IdleList } from './idle-list.ts';
import type { StreamUser } from './stream-pool.ts';

export interface PoolGround extends GuardedGround {
  readonly wire: Http1Wire;
}

export class Pool extends GuardedPool implements ClientHome {
  open = 0;
  readonly #ground: PoolGround;
  readonly #idle = new IdleList();
  #idleTimer: Timer | null = null;

  constructor(ground: PoolGround, endpoint: Endpoint, netns: number, cluster: Cluster | null) {
    super(endpoint, netns, cluster);
    this.#ground = ground;
  }

  get idle(): number {
    return this.#idle.size;
  }

  protected get now(): number {
    return this.#ground.wire.transport.now;
  }

  protected get counts(): PoolCounts {
    return this.#ground.counts;
  }

  protected count(budget: Budget, account: Account): void {
    for (let i = 0; i < this.open; i++) budget.addConnection(account);
    for (let i = this.open - this.idle; i > 0; i--) budget.addRequest();
    if (this.idle > 0) budget.addHolder(this);
  }

  protected uncount(budget: Budget, account: Account): void {
    for (let i = this.open - this.idle; i > 0; i--) budget.giveRequest();
    for (let i = 0; i < this.open; i++) budget.giveConnection(account);
  }

  /** Calls the user back before it returns, unless the user has to wait. */
  acquire(user: StreamUser): void {
    const budget = this.guard?.budget ?? null;
    // A limit may have become lower than what is open.
    while (budget !== null && this.#idle.size > 0 && budget.exceeded) this.closeOldest();
    const idle = user.fresh ? null : this.#takeNewest(budget, user.cautious);
    if (budget !== null) return this.#acquireWithin(budget, user, idle);
    this.#hand(idle ?? this.#connect(user), user);
  }

  established(client: Http1Client): void {
    if (!client.pending) return;
    client.pending = false;
    if (this.guard !== null) this.givePending(this.guard.budget);
  }

  release(client: Http1Client): void {
    const budget = this.guard?.budget ?? null;
    if (budget !== null) budget.giveRequest();
    client.busy = false;
    if (this.endpoint.removed || this.#ground.draining || this.#isSpent(client)) return client.close();
    if (budget === null) return this.#keep(client, null);
    if (budget.exceeded) return client.close();
    this.#releaseWithin(budget, client);
  }

  forget(client: Http1Client, detached: boolean): (() => void) | null {
    this.open--;
    this.counts.upstreamConnections(-1);
    this.#stopTimer(client);
    if (this.#idle.remove(client) && this.#idle.size === 0) this.guard?.budget.removeHolder(this);
    const budget = this.guard?.budget ?? null;
    const account = this.account;
    if (budget === null || account === null) return null;
    this.established(client);
    const leave = (): void => {
      if (client.busy) budget.giveRequest();
      budget.giveConnection(account);
    };
    if (detached) return leave;
    leave();
    return null;
  }

  /** Closes what has been idle since before `since`. */
  closeIdle(since = Infinity): void {
    for (let client = this.#idle.oldest; client !== null && client.idleSince < since; client = this.#idle.oldest) client.close();
  }

  closeOldest(): void {
    this.#idle.oldest?.close();
  }

  // ── within limits ─────────────────────────────────────────────────────────────────────────────────────────────

  #acquireWithin(budget: Budget, user: StreamUser, idle: Http1Client | null): void {
    const account = this.account as Account;
    if (idle !== null) return this.#useIdle(budget, user, idle);
    if (!this.takePending(budget)) return user.onRefused(OUTCOME.overflow);
    // A user that needs a new connection takes the place of an idle one.
    if (budget.takeConnection(account)) return this.#open(budget, user);
    this.wait(budget, account, user, (waiter) => this.#open(budget, waiter));
  }

  #useIdle(budget: Budget, user: StreamUser, idle: Http1Client): void {
    if (budget.takeRequest()) return this.#hand(idle, user);
    this.#keep(idle, budget);
    user.onRefused(OUTCOME.overflow);
  }

  /** A connection has been counted, and its user is pending. */
  #open(budget: Budget, user: StreamUser): void {
    if (!budget.takeRequest()) {
      this.givePending(budget);
      budget.giveConnection(this.account as Account);
      return user.onRefused(OUTCOME.overflow);
    }
    const client = this.#connect(user);
    client.pending = true;
    this.#hand(client, user);
  }

  #hand(client: Http1Client, user: StreamUser): void {
    client.busy = true;
    user.onStream(client);
  }

  #releaseWithin(budget: Budget, client: Http1Client): void {
    const [first] = this.queue.values();
    const turn = budget.turnOf(first ?? null);
    if (turn === 'nobody') return this.#keep(client, budget);
    // Whoever's turn it is opens another one, as soon as this one is gone.
    if (first === undefined || turn === 'other' || first.user.fresh) return client.close();
    this.leaveQueue(budget, first);
    this.givePending(budget);
    this.#useIdle(budget, first.user, client);
  }

  // ── pieces ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param cautious not one that is about to close: it is let go of. */
  #takeNewest(budget: Budget | null, cautious: boolean): Http1Client | null {
    let client = this.#idle.takeNewest();
    if (client === null) return null;
    while (cautious && client !== null && this.#ground.wire.transport.ending(client.id)) {
      client.close();
      client = this.#idle.takeNewest();
    }
    if (this.#idle.size === 0) budget?.removeHolder(this);
    return client;
  }

  #keep(client: Http1Client, budget: Budget | null): void {
    this.#idle.add(client);
    if (budget === null) return;
    if (this.#idle.size === 1) budget.addHolder(this);
    const { idleTimeoutMs = 0 } = this.config;
    if (idleTimeoutMs === 0) return;
    this.#idleTimer ??= new Timer(() => this.#onIdleTimer());
    if (!this.#idleTimer.armed) this.#ground.wire.transport.timers.arm(this.#idleTimer, idleTimeoutMs);
  }

  #onIdleTimer(): void {
    const { transport } = this.#ground.wire;
    const { idleTimeoutMs = 0 } = this.config;
    this.closeUnused(0);
    const { oldest } = this.#idle;
    if (oldest === null || idleTimeoutMs === 0 || this.#idleTimer === null) return;
    transport.timers.arm(this.#idleTimer, oldest.idleSince + idleTimeoutMs - transport.now);
  }

  #connect(user: StreamUser): Http1Client {
    const { wire, mark } = this.#ground;
    const { maxConnectionMs } = this.config;
    this.open++;
    this.counts.upstreamConnections(1);
    const client = new Http1Client(wire, this, this.connectOptions(user, mark));
    const { introduction = null } = user;
    if (introduction !== null) {
      client.spent = true;
      send(wire.transport, client.id, introduction, 0, introduction.length);
    }
    if (maxConnectionMs !== undefined) this.#limitAge(client, maxConnectionMs);
    return client;
  }

  /** It ends with the request that it carries then. */
  #limitAge(client: Http1Client, maxConnectionMs: number): void {
    client.ageTimer = new Timer(() => {
      client.spent = true;
      if (!client.busy) client.close();
    });
    this.#ground.wire.transport.timers.arm(client.ageTimer, maxConnectionMs);
  }

  #stopTimer({ ageTimer }: Http1Client): void {
    if (ageTimer !== null) this.#ground.wire.transport.timers.disarm(ageTimer);
  }

  #isSpent(client: Http1Client): boolean {
    const { maxRequestsPerConnection = 0 } = this.config;
    return client.spent || (maxRequestsPerConnection > 0 && client.served >= maxRequestsPerConnection);
  }
}
