/**
 * HTTP/2 connections of one client to one endpoint: few, shared by the streams of all requests.
 *
 *     acquire ──▶ the first connection with room, or a new one ──▶ onStream
 *            ├──▶ no room, and no further connection is allowed ──▶ waits, first come first served ──▶ onStream (or cancelled)
 *            └──▶ too many requests, or too many that wait ──▶ onRefused
 *
 * Without a guard there is always room. As in Envoy a request is pending until its connection is established.
 *
 * Invariants (test/l7/upstream/http2-client.test.ts, http2-pool.test.ts): `open` equals the connections that exist; a connection that
 * retires gets no further stream; another one is opened only when those that there are have no room; what is counted at the guard is
 * given back once.
 */
import { Timer } from '../../base/timer-wheel.ts';
import type { PoolConfig } from '../config/cluster.ts';
import type { Http2Fault } from '../http2/connection.ts';
import type { Http2Wire } from '../http2/wire.ts';
import { OUTCOME } from '../message/outcome.ts';
import type { Account } from './account.ts';
import { type Budget, type IdleHolder, NO_LIMITS } from './budget.ts';
import type { Cluster } from './cluster.ts';
import { connectOptions } from './connect-options.ts';
import type { Endpoint, EndpointPool } from './endpoint.ts';
import type { Guard } from './guards.ts';
import { Http2Client, type Http2ClientRules, type Http2Home } from './http2-client.ts';
import type { Http2ClientStream } from './http2-client-stream.ts';
import { Place } from './place.ts';
import type { StreamPool, StreamUser } from './pool.ts';

/** What a worker's pools of HTTP/2 share. */
export interface Http2PoolGround {
  readonly http2: Http2Wire;
  readonly mark: number;
  readonly draining: boolean;
  counted(change: 1 | -1): void;
  broken(fault: Http2Fault): void;
}

export class Http2Pool implements StreamPool, EndpointPool, Http2Home, IdleHolder {
  readonly endpoint: Endpoint;
  readonly netns: number;
  /** Null: the endpoint is an original destination. */
  readonly cluster: Cluster | null;
  readonly #all = new Set<Http2Client>();
  readonly #ground: Http2PoolGround;
  /** Those that take streams, the oldest first. */
  readonly #clients: Http2Client[] = [];
  readonly #waiting = new Map<StreamUser, Place<StreamUser>>();
  #guard: Guard | null = null;
  #account: Account | null = null;
  #idleTimer: Timer | null = null;

  constructor(ground: Http2PoolGround, endpoint: Endpoint, netns: number, cluster: Cluster | null) {
    this.#ground = ground;
    this.endpoint = endpoint;
    this.netns = netns;
    this.cluster = cluster;
  }

  get open(): number {
    return this.#all.size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Its client's limits begin to hold; what is open already counts. Who waits keeps their place first. */
  guardBy(guard: Guard): void {
    if (this.#guard === guard || this.waiting > 0) return;
    for (const client of this.#all) this.#uncount(client);
    this.leaveGuard();
    const account = guard.account(this.endpoint);
    this.#guard = guard;
    this.#account = account;
    guard.pools++;
    guard.budget.addHolder(this);
    for (const client of this.#all) {
      guard.budget.addConnection(account);
      for (const stream of client.streams.values()) {
        guard.budget.addRequest();
        stream.counted = true;
      }
    }
  }

  /** Only when nothing is open and nobody waits. */
  leaveGuard(): void {
    if (this.#guard === null) return;
    this.#guard.pools--;
    this.#guard.budget.removeHolder(this);
    this.#guard = this.#account = null;
  }

  acquire(user: StreamUser): void {
    const budget = this.#guard?.budget ?? null;
    const client = user.fresh ? undefined : this.#clients.find((one) => one.room > 0);
    if (budget === null) return user.onStream((client ?? this.#connect(user)).stream());
    if (client?.connected === true) return this.#hand(budget, client, user, false);
    if (!budget.takePending()) return user.onRefused(OUTCOME.overflow);
    if (client !== undefined) return this.#hand(budget, client, user, true);
    if (budget.takeConnection(this.#account as Account)) return this.#hand(budget, this.#connect(user), user, true);
    const place = new Place(this.#account as Account, user, (turn) => {
      this.#waiting.delete(turn.user);
      this.#hand(budget, this.#connect(turn.user), turn.user, true);
    });
    this.#waiting.set(user, place);
    budget.wait(place);
  }

  cancel(user: StreamUser): void {
    const place = this.#waiting.get(user);
    const budget = this.#guard?.budget;
    if (place === undefined || budget === undefined) return;
    this.#waiting.delete(user);
    budget.givePending();
    budget.cancel(place);
  }

  /** @param pending the request has been counted as one that waits for its connection. */
  #hand(budget: Budget, client: Http2Client, user: StreamUser, pending: boolean): void {
    if (!budget.takeRequest()) {
      if (pending) budget.givePending();
      user.onRefused(OUTCOME.overflow);
      if (client.streams.size === 0) this.released(client);
      return;
    }
    const stream = client.stream();
    stream.pending = pending;
    stream.counted = true;
    user.onStream(stream);
    // Whoever asked for it has not used it.
    if (stream.id === 0) this.ended(stream);
  }

  // ── from connections ──────────────────────────────────────────────────────────────────────────────────────────

  ended(stream: Http2ClientStream): void {
    const budget = this.#guard?.budget ?? null;
    if (budget === null || !stream.counted) return;
    stream.counted = false;
    if (stream.pending) budget.givePending();
    stream.pending = false;
    budget.giveRequest();
  }

  released(client: Http2Client): void {
    const budget = this.#guard?.budget ?? null;
    for (const [user, place] of this.#waiting) {
      if (budget === null || client.room <= 0) break;
      this.#waiting.delete(user);
      budget.leave(place);
      this.#hand(budget, client, user, true);
    }
    if (client.streams.size > 0 || client.gone) return;
    const { maxRequestsPerConnection = Infinity, idleTimeoutMs = 0 } = this.#config;
    if (this.endpoint.removed || this.#ground.draining || client.served >= maxRequestsPerConnection) client.retire();
    else if (idleTimeoutMs > 0) this.#watchIdle(idleTimeoutMs);
  }

  established(client: Http2Client): void {
    const budget = this.#guard?.budget ?? null;
    if (budget === null) return;
    for (const stream of client.streams.values()) {
      if (stream.pending) budget.givePending();
      stream.pending = false;
    }
  }

  retired(client: Http2Client): void {
    const at = this.#clients.indexOf(client);
    if (at >= 0) this.#clients.splice(at, 1);
  }

  forget(client: Http2Client): void {
    this.retired(client);
    this.#all.delete(client);
    this.#ground.counted(-1);
    this.#uncount(client);
  }

  broken(fault: Http2Fault): void {
    this.#ground.broken(fault);
  }

  // ── idle connections ──────────────────────────────────────────────────────────────────────────────────────────

  closeIdle(since = Infinity): void {
    for (const client of [...this.#clients]) {
      if (client.streams.size === 0 && client.idleSince < since) client.close();
      else if (since === Infinity) client.retire();
    }
  }

  /** Closes what has been idle for longer than the rules say, or than `orElse`. */
  closeUnused(orElse: number): void {
    const { idleTimeoutMs = orElse } = this.#config;
    if (idleTimeoutMs > 0) this.closeIdle(this.#ground.http2.transport.now - idleTimeoutMs + 0.01);
  }

  closeOldest(): void {
    this.#clients.find((client) => client.streams.size === 0)?.close();
  }

  #watchIdle(idleTimeoutMs: number): void {
    const { timers } = this.#ground.http2.transport;
    this.#idleTimer ??= new Timer(() => {
      this.closeUnused(0);
      if (this.#clients.some((client) => client.streams.size === 0)) this.#watchIdle(this.#config.idleTimeoutMs ?? idleTimeoutMs);
    });
    if (!this.#idleTimer.armed) timers.arm(this.#idleTimer, idleTimeoutMs);
  }

  // ── pieces ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Of a connection that exists, with its streams. */
  #uncount(client: Http2Client): void {
    for (const stream of client.streams.values()) this.ended(stream);
    if (this.#account !== null) this.#guard?.budget.giveConnection(this.#account);
  }

  get #config(): PoolConfig {
    return this.#guard?.budget.limits ?? NO_LIMITS;
  }

  #connect(user: StreamUser): Http2Client {
    const { http2, mark } = this.#ground;
    const config = this.#config;
    this.#ground.counted(1);
    const options = connectOptions(this.endpoint, config, { netns: this.netns, mark, timeoutMs: user.connectTimeoutMs });
    const client = new Http2Client(http2, this, options, rulesOf(config));
    this.#all.add(client);
    this.#clients.push(client);
    return client;
  }
}

function rulesOf({
  maxConcurrentStreams = Infinity,
  maxRequestsPerConnection = Infinity,
  maxConnectionMs,
  http2Keepalive,
}: PoolConfig): Http2ClientRules {
  return {
    maxStreams: maxConcurrentStreams,
    maxRequests: maxRequestsPerConnection,
    maxAgeMs: maxConnectionMs ?? 0,
    keepalive: http2Keepalive ?? null,
  };
}
