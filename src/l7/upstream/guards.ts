/**
 * What a worker knows of its clients at clusters whose rules limit or watch them. A guard is made when a client first uses such a
 * cluster, and dropped when it has not been used for long; clusters without such rules have none.
 */
import type { PoolConfig } from '../config/cluster.ts';
import type { Odds } from './pick.ts';
import type { Cluster } from './cluster.ts';
import { Account } from './account.ts';
import { Budget, NO_LIMITS, type Overflowed } from './budget.ts';
import type { Endpoint } from './endpoint.ts';
import type { Tried } from './tried.ts';
import { Ledger, type LedgerMemory } from './ledger.ts';
import { type OutlierGround, Outliers } from './outliers.ts';

const UNUSED_MS = 10 * 60_000;

/** A row of the ledger that all workers share, or of one of this worker's own where that is full. */
interface Place {
  readonly ledger: Ledger;
  readonly row: number;
}

/** Of an address, for as many endpoints as have had it and are not forgotten. */
interface AccountPlace extends Place {
  readonly account: Account;
  endpoints: number;
}

export interface GuardGround extends OutlierGround {
  /** Uniform over 32 bits. */
  readonly random: () => number;
  readonly overflowed: Overflowed;
}

/** Who wants an endpoint. */
export interface Picker {
  /** Key of the workload. */
  readonly client: string;
  readonly family: 0 | 4 | 6;
}

export class Guard {
  readonly budget: Budget;
  readonly outliers: Outliers;
  lastUsed = 0;
  /** Pools that count on it. */
  pools = 0;
  readonly #key: string;
  readonly #place: Place;
  readonly #attach: (key: string) => Place;
  readonly #accounts = new Map<Endpoint, Account>();
  /** Where they are counted, by address: an endpoint that goes and comes back is another object with the same row. */
  readonly #places = new Map<string, AccountPlace>();

  constructor(cluster: Cluster, key: string, attach: (key: string) => Place, ground: GuardGround) {
    this.#key = key;
    this.#attach = attach;
    this.#place = attach(key);
    const limits = (): PoolConfig => cluster.config.pool ?? NO_LIMITS;
    this.budget = new Budget(this.#place.ledger, this.#place.row, limits, ground.overflowed, () => ground.timers.now);
    this.outliers = new Outliers(this.#place.ledger, this.#place.row, cluster, (endpoint) => this.account(endpoint), ground);
  }

  account(endpoint: Endpoint): Account {
    const known = this.#accounts.get(endpoint);
    if (known !== undefined) return known;
    const key = accountKey(this.#key, endpoint.address, endpoint.port);
    const place = this.#places.get(key) ?? this.#newPlace(key);
    place.endpoints++;
    this.#accounts.set(endpoint, place.account);
    return place.account;
  }

  #newPlace(key: string): AccountPlace {
    const { ledger, row } = this.#attach(key);
    const place = { ledger, row, account: new Account(ledger, row), endpoints: 0 };
    this.#places.set(key, place);
    return place;
  }

  get idle(): boolean {
    return this.pools === 0 && !this.outliers.watching && this.budget.waiting === 0 && !this.#place.ledger.isCounting(this.#place.row);
  }

  /** Forgets endpoints that are gone. */
  sweep(): void {
    for (const endpoint of this.#accounts.keys()) {
      const key = accountKey(this.#key, endpoint.address, endpoint.port);
      const place = this.#places.get(key);
      if (!endpoint.removed || place === undefined || (place.endpoints === 1 && place.ledger.isCounting(place.row))) continue;
      this.#accounts.delete(endpoint);
      if (--place.endpoints > 0) continue;
      place.ledger.detach(place.row);
      this.#places.delete(key);
    }
  }

  drop(): void {
    this.outliers.stop();
    for (const { ledger, row } of this.#places.values()) ledger.detach(row);
    this.#places.clear();
    this.#accounts.clear();
    this.#place.ledger.detach(this.#place.row);
  }
}

/** Whether an endpoint that was chosen some time ago may still be used: it may have gone, or have been ejected. */
export function isStillUsed(endpoint: Endpoint, guard: Guard | null): boolean {
  return !endpoint.removed && guard?.outliers.filter()?.allows(endpoint) !== false;
}

export class Guards {
  readonly #ledgers: Ledger[];
  readonly #ground: GuardGround;
  readonly #all = new Map<Cluster, Map<string, Guard>>();

  constructor(ledger: Ledger, ground: GuardGround) {
    this.#ledgers = [ledger];
    this.#ground = ground;
  }

  /** Null: no rule asks for one. @param client key of the workload. */
  of(cluster: Cluster, client: string, now = this.#ground.timers.now): Guard | null {
    const { pool, outliers } = cluster.config;
    if (pool === undefined && outliers === undefined) return null;
    const guard = this.#all.get(cluster)?.get(client) ?? this.#make(cluster, client);
    guard.lastUsed = now;
    return guard;
  }

  /** An endpoint that is in use; see Cluster.pick. @param tried by the same request; null: nothing yet, or it may be chosen again. */
  pick(cluster: Cluster, hash: number, client: Picker, tried: Tried | null): Endpoint | null {
    const { now } = this.#ground.timers;
    const filter = this.of(cluster, client.client, now)?.outliers.filter() ?? null;
    const { random } = this.#ground;
    if (tried === null) return cluster.pick(hash, random, null, client.family, filter, now);
    const narrow = tried.narrow(filter);
    const elsewhere = narrow === null ? null : cluster.pick(hash, random, tried.avoided, client.family, narrow, now);
    if (elsewhere !== null) return elsewhere;
    if (narrow !== null) tried.forgetPriorities();
    return cluster.pick(hash, random, tried.avoided, client.family, filter, now);
  }

  /** What `pick` would do, for people; and who is ejected. */
  odds(cluster: Cluster, hash: number, client: Picker): Odds {
    const { now } = this.#ground.timers;
    const filter = this.of(cluster, client.client, now)?.outliers.filter() ?? null;
    return cluster.odds(hash, client.family, filter, now);
  }

  /** Other workers have rung. */
  heed(): void {
    for (const guards of this.#all.values()) for (const { budget } of guards.values()) if (budget.alert) budget.heed();
  }

  sweep(now: number): void {
    for (const [cluster, guards] of this.#all) {
      for (const [client, guard] of guards) {
        guard.sweep();
        if (!guard.idle || now - guard.lastUsed < UNUSED_MS) continue;
        guard.drop();
        guards.delete(client);
      }
      if (guards.size === 0) this.#all.delete(cluster);
    }
  }

  #make(cluster: Cluster, client: string): Guard {
    const guard = new Guard(cluster, guardKey(client, cluster.config.id), (key) => this.#attach(key), this.#ground);
    const guards = this.#all.get(cluster) ?? new Map<string, Guard>();
    guards.set(client, guard);
    this.#all.set(cluster, guards);
    return guard;
  }

  #attach(key: string): Place {
    for (const ledger of this.#ledgers) {
      const row = ledger.attach(key);
      if (row >= 0) return { ledger, row };
    }
    this.#ledgers.push(new Ledger(privateLedger(), 0));
    return this.#attach(key);
  }
}

/** Of a client at a cluster, in the ledger. */
export function guardKey(client: string, cluster: string): string {
  return `${client}\n${cluster}`;
}

/** Of an endpoint there. */
export function accountKey(guard: string, address: string, port: number): string {
  return `${guard}\n${address}|${port}`;
}

/** Of a worker that shares nothing. */
export function privateLedger(): LedgerMemory {
  return Ledger.memory(1);
}
