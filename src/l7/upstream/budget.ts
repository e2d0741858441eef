/**
 * What one client may use of one cluster (Istio's connectionPool): connections, requests that wait for one, requests, retries. The
 * counts are shared by all workers, so that the limits hold for the client as a whole, as they do in its own proxy; what a client
 * uses of one cluster says nothing about another.
 *
 *     wants a connection ──▶ below the limit, and nobody waits ──▶ counted
 *                       ├──▶ its endpoint has none at all ───────▶ counted, above the limit too (Envoy's rule: nobody may starve)
 *                       └──▶ waits its turn; whoever has an idle connection gives it up for that
 *
 * Those who wait have tickets, so that they are served in the order in which they came, whatever worker they are in. A worker that
 * frees a connection rings at the one that has the lowest ticket. A worker may keep a connection for its own up to PATIENCE tickets
 * out of turn: opening another one elsewhere costs more than it is worth to be exact there.
 *
 * Invariants (test/l7/upstream/budget.test.ts):
 *  1. connections never exceed the limit, but for one at an endpoint that had none;
 *  2. nobody waits while a connection may be opened, or while one is idle that could be given up for it;
 *  3. whoever waits is served when enough others have been: none is passed over more than PATIENCE times by a worker;
 *  4. when nothing is in use, nothing is counted.
 */
import type { PoolConfig } from '../config/cluster.ts';
import type { Account } from './account.ts';
import { Fact, type Ledger, Resource } from './ledger.ts';
import { RecentRequests } from './recent-requests.ts';

const PATIENCE = 16;
export const NO_LIMITS: PoolConfig = {};

/** Somebody who waits for a connection. */
export interface Waiter {
  readonly account: Account;
  ticket: number;
  /** A connection to the endpoint may be opened: it has been counted. */
  onTurn(): void;
}

/** Whoever keeps idle connections of the client to an endpoint of the cluster. */
export interface IdleHolder {
  closeOldest(): void;
}

export type Overflowed = (resource: Resource) => void;

export class Budget {
  readonly #ledger: Ledger;
  readonly #row: number;
  readonly #limits: () => PoolConfig;
  readonly #overflowed: Overflowed;
  readonly #recent: RecentRequests;
  /** In the order of their tickets. */
  readonly #queue = new Set<Waiter>();
  readonly #holders = new Set<IdleHolder>();
  #serving = false;
  #closing = false;

  /** @param now milliseconds, by the clock that all workers share. */
  constructor(ledger: Ledger, row: number, limits: () => PoolConfig, overflowed: Overflowed, now: () => number) {
    this.#recent = new RecentRequests(ledger, row, now);
    this.#ledger = ledger;
    this.#row = row;
    this.#limits = limits;
    this.#overflowed = overflowed;
  }

  /** As they are now. */
  get limits(): PoolConfig {
    return this.#limits();
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /** Whether a bell may be about it. */
  get alert(): boolean {
    return this.#queue.size > 0 || this.#holders.size > 0;
  }

  /** Whether there are more connections than may be. */
  get exceeded(): boolean {
    return this.used(Resource.Connections) > this.#limit;
  }

  used(resource: Resource): number {
    return this.#ledger.total(this.#row, resource);
  }

  // ── requests ──────────────────────────────────────────────────────────────────────────────────────────────────

  takeRequest(): boolean {
    const { maxRequests, retryBudget } = this.limits;
    if (!this.#take(Resource.Requests, maxRequests)) return false;
    if (retryBudget?.intervalMs !== undefined) this.#recent.begun(retryBudget.intervalMs);
    return true;
  }

  /** One that began before anybody counted. */
  addRequest(): void {
    this.#ledger.force(this.#row, Resource.Requests);
  }

  giveRequest(): void {
    this.#ledger.give(this.#row, Resource.Requests);
  }

  /** For a request that has no connection yet. */
  takePending(): boolean {
    return this.#take(Resource.Pending, this.limits.maxPending);
  }

  givePending(): void {
    this.#ledger.give(this.#row, Resource.Pending);
  }

  takeRetry(): boolean {
    const { maxRetries, retryBudget } = this.limits;
    if (retryBudget === undefined) return this.#take(Resource.Retries, maxRetries);
    const { percent, minConcurrency, intervalMs } = retryBudget;
    const busy = this.used(Resource.Requests) + this.used(Resource.Pending);
    const requests = intervalMs === undefined ? busy : Math.max(busy, this.#recent.count(intervalMs));
    return this.#take(Resource.Retries, Math.max(Math.floor((requests * percent) / 100), minConcurrency));
  }

  giveRetry(): void {
    this.#ledger.give(this.#row, Resource.Retries);
  }

  // ── connections ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether a connection may be opened now; then it has been counted. Without it, `wait` may follow. */
  takeConnection(account: Account): boolean {
    if (this.#ledger.frontWorker(this.#row) < 0 && (this.#open(account) || (this.#closeIdle() && this.#open(account)))) return true;
    this.#overflowed(Resource.Connections);
    return this.#openFirst(account);
  }

  /** A connection that was there before anybody counted. */
  addConnection(account: Account): void {
    account.addConnection();
    this.#ledger.force(this.#row, Resource.Connections);
  }

  giveConnection(account: Account): void {
    this.#ledger.give(this.#row, Resource.Connections);
    const left = account.giveConnection();
    if (this.#closing) return;
    this.#serve();
    // At an endpoint without any connection the next one may be opened whatever the limit.
    if (left === 0) this.#ledger.ringOthers(this.#row, true);
  }

  wait(waiter: Waiter): void {
    waiter.ticket = this.#nextTicket();
    this.#queue.add(waiter);
    this.#publish();
    // Another worker may have freed a connection before it could see that somebody waits.
    this.#serve();
    if (this.#queue.has(waiter)) this.#ledger.ringOthers(this.#row, false);
  }

  cancel(waiter: Waiter): void {
    if (!this.#queue.delete(waiter)) return;
    this.#publish();
    this.#passOn();
  }

  /** A connection is idle again. @param own who waits at its holder. @returns who gets it: that one; somebody else; nobody. */
  turnOf(own: Waiter | null): 'own' | 'other' | 'nobody' {
    const front = this.#ledger.frontWorker(this.#row);
    if (front < 0) return 'nobody';
    if (own !== null) return this.#isTurnOf(own) ? 'own' : 'other';
    return this.used(Resource.Connections) < this.#limit ? 'nobody' : 'other';
  }

  /** The waiter has got a connection that was there already. */
  leave(waiter: Waiter): void {
    if (this.#queue.delete(waiter)) this.#publish();
  }

  addHolder(holder: IdleHolder): void {
    this.#holders.add(holder);
  }

  removeHolder(holder: IdleHolder): void {
    this.#holders.delete(holder);
  }

  /** Somebody has rung: it may be this worker's turn, or another worker may need a connection that is idle here. */
  heed(): void {
    this.#serve();
    const others = this.#queue.size === 0 && this.#ledger.frontWorker(this.#row) >= 0;
    const used = this.used(Resource.Connections);
    if ((used > this.#limit || (others && used >= this.#limit)) && this.#closeIdle()) this.#passOn();
  }

  // ── pieces ────────────────────────────────────────────────────────────────────────────────────────────────────

  get #limit(): number {
    return this.limits.maxConnections ?? Infinity;
  }

  /** Whom it is the turn of, and whoever may have a connection whatever the limit. */
  #serve(): void {
    if (this.#serving) return;
    this.#serving = true;
    try {
      // Where the room has gone, an endpoint without connections may have somebody who waits: above the limit it is their turn.
      for (let served = false; this.#serveOne(); served = true) if (!served) this.#ledger.ringOthers(this.#row, true);
    } finally {
      this.#serving = false;
    }
    this.#passOn();
  }

  #serveOne(): boolean {
    let first = true;
    for (const waiter of this.#queue) {
      if ((first && this.#isTurnOf(waiter) && this.#open(waiter.account)) || this.#openFirst(waiter.account)) {
        this.#queue.delete(waiter);
        this.#publish();
        waiter.onTurn();
        return true;
      }
      first = false;
    }
    return false;
  }

  /** Somebody who waits elsewhere has not waited for much longer. */
  #isTurnOf({ ticket }: Waiter): boolean {
    const front = this.#ledger.frontWorker(this.#row);
    return front < 0 || ((ticket - this.#ledger.front(this.#row, front)) | 0) <= PATIENCE;
  }

  /** Its place is not given to anybody yet. @returns whether there was one. */
  #closeIdle(): boolean {
    const [holder] = this.#holders;
    if (holder === undefined) return false;
    this.#closing = true;
    holder.closeOldest();
    this.#closing = false;
    return true;
  }

  /** There is room, and nobody of this worker for it. */
  #passOn(): void {
    if (this.used(Resource.Connections) >= this.#limit) return;
    const front = this.#ledger.frontWorker(this.#row);
    if (front >= 0 && front !== this.#ledger.me) this.#ledger.ring(front);
  }

  #open(account: Account): boolean {
    if (!this.#ledger.take(this.#row, Resource.Connections, this.#limit)) return false;
    account.addConnection();
    return true;
  }

  /** Above the limit: whoever has an idle connection closes it. */
  #openFirst(account: Account): boolean {
    if (this.used(Resource.Connections) < this.#limit || !account.takeFirst()) return false;
    this.#ledger.force(this.#row, Resource.Connections);
    this.#ledger.ringOthers(this.#row, false);
    return true;
  }

  #take(resource: Resource, limit = Infinity): boolean {
    if (this.#ledger.take(this.#row, resource, limit)) return true;
    this.#overflowed(resource);
    return false;
  }

  #publish(): void {
    const [first] = this.#queue;
    this.#ledger.setFront(this.#row, first?.ticket ?? 0);
  }

  /** Never 0, which says that nobody waits. */
  #nextTicket(): number {
    return this.#ledger.addFact(this.#row, Fact.Ticket, 1) || this.#nextTicket();
  }
}
