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
import type { Budget } from './budget.ts';
import type { Cluster } from './cluster.ts';
import type { Endpoint } from './endpoint.ts';
import { type GuardedGround, GuardedPool, type PoolCounts } from './guarded-pool.ts';
import { FIRST_STREAMS, Http2Client, type Http2ClientRules, type Http2Home } from './http2-client.ts';
import type { Http2ClientStream } from './http2-client-stream.ts';
import type { StreamUser } from './stream-pool.ts';

export interface Http2PoolGround extends GuardedGround {
  readonly http2: Http2Wire;
  broken(fault: Http2Fault): void;
}

export class Http2Pool extends GuardedPool implements Http2Home {
  readonly #all = new Set<Http2Client>();
  readonly #ground: Http2PoolGround;
  /** Those that take streams, the oldest first. */
  readonly #clients: Http2Client[] = [];
  expectedStreams = FIRST_STREAMS;
  #idleTimer: Timer | null = null;

  constructor(ground: Http2PoolGround, endpoint: Endpoint, netns: number, cluster: Cluster | null) {
    super(endpoint, netns, cluster);
    this.#ground = ground;
  }

  get open(): number {
    return this.#all.size;
  }

  protected get now(): number {
    return this.#ground.http2.transport.now;
  }

  protected get counts(): PoolCounts {
    return this.#ground.counts;
  }

  protected count(budget: Budget, account: Account): void {
    budget.addHolder(this);
    for (const client of this.#all) {
      budget.addConnection(account);
      for (const stream of client.streams.all()) {
        budget.addRequest();
        stream.counted = true;
      }
    }
  }

  protected uncount(budget: Budget, account: Account): void {
    for (const client of this.#all) this.#uncountOne(budget, account, client);
  }

  acquire(user: StreamUser): void {
    const budget = this.guard?.budget ?? null;
    const client = user.fresh ? undefined : this.#clients.find((one) => one.room > 0);
    if (budget === null) return user.onStream((client ?? this.#connect(user)).stream());
    if (client?.connected === true) return this.#hand(budget, client, user, false);
    if (!this.takePending(budget)) return user.onRefused(OUTCOME.overflow);
    if (client !== undefined) return this.#hand(budget, client, user, true);
    if (budget.takeConnection(this.account as Account)) return this.#hand(budget, this.#connect(user), user, true);
    this.wait(budget, this.account as Account, user, (waiter) => this.#hand(budget, this.#connect(waiter), waiter, true));
  }

  /** @param pending the request has been counted as one that waits for its connection. */
  #hand(budget: Budget, client: Http2Client, user: StreamUser, pending: boolean): void {
    if (!budget.takeRequest()) {
      if (pending) this.givePending(budget);
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
    const budget = this.guard?.budget ?? null;
    if (budget === null || !stream.counted) return;
    stream.counted = false;
    if (stream.pending) this.givePending(budget);
    stream.pending = false;
    budget.giveRequest();
  }

  released(client: Http2Client): void {
    // What it has said on one connection it will say on the next one: as many are not sent there before it does.
    this.expectedStreams = Math.min(FIRST_STREAMS, client.settings.maxStreams);
    const budget = this.guard?.budget ?? null;
    for (const [user, place] of this.queue) {
      if (budget === null || client.room <= 0) break;
      this.leaveQueue(budget, place);
      this.#hand(budget, client, user, true);
    }
    if (client.streams.size > 0 || client.gone) return;
    const { maxRequestsPerConnection = Infinity, idleTimeoutMs = 0 } = this.config;
    // An endpoint that takes no streams at all gets another connection for each request, and keeps none of them.
    const useless = client.room <= 0;
    if (this.endpoint.removed || this.#ground.draining || client.served >= maxRequestsPerConnection || useless) client.retire();
    else if (idleTimeoutMs > 0) this.#watchIdle(idleTimeoutMs);
  }

  established(client: Http2Client): void {
    const budget = this.guard?.budget ?? null;
    if (budget === null) return;
    for (const stream of client.streams.all()) {
      if (stream.pending) this.givePending(budget);
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
    this.counts.upstreamConnections(-1);
    if (this.guard !== null && this.account !== null) this.#uncountOne(this.guard.budget, this.account, client);
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

  closeOldest(): void {
    this.#clients.find((client) => client.streams.size === 0)?.close();
  }

  #watchIdle(idleTimeoutMs: number): void {
    const { timers } = this.#ground.http2.transport;
    this.#idleTimer ??= new Timer(() => {
      this.closeUnused(0);
      if (this.#clients.some((client) => client.streams.size === 0)) this.#watchIdle(this.config.idleTimeoutMs ?? idleTimeoutMs);
    });
    if (!this.#idleTimer.armed) timers.arm(this.#idleTimer, idleTimeoutMs);
  }

  // ── pieces ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A connection that exists, with its streams. */
  #uncountOne(budget: Budget, account: Account, client: Http2Client): void {
    for (const stream of client.streams.all()) this.ended(stream);
    budget.giveConnection(account);
  }

  #connect(user: StreamUser): Http2Client {
    const { http2, mark } = this.#ground;
    this.counts.upstreamConnections(1);
    const client = new Http2Client(http2, this, this.connectOptions(user, mark), rulesOf(this.config));
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
