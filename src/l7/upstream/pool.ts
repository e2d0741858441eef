/**
 * Connections to one endpoint from one network namespace. Whoever wants a stream gets it at once, waits for one, or is refused:
 *
 *     acquire ──▶ idle connection, or room for a new one ──▶ onStream
 *            ├──▶ all connections are in use ──▶ waits, first come first served ──▶ onStream (or cancelled)
 *            └──▶ too many wait ──▶ onRefused
 *
 * The most recently used connection is taken first: it is the least likely to have been closed by the peer meanwhile, and the rest
 * can grow old and go.
 *
 * Invariants (test/l7/upstream/pool.test.ts):
 *  1. `open` never exceeds the limit, and equals the connections that exist;
 *  2. every acquisition ends in exactly one of onStream, onRefused and cancel;
 *  3. nobody waits while a connection is idle or may be opened;
 *  4. a connection is in use by one stream at a time.
 */
import type { Http1Wire } from '../http1/wire.ts';
import { OUTCOME, type Outcome } from '../message/outcome.ts';
import type { UpstreamStream } from '../message/stream.ts';
import type { Endpoint, EndpointPool } from './endpoint.ts';
import { Http1Client, type ClientHome } from './http1-client.ts';
import { IdleList } from './idle-list.ts';

export interface PoolLimits {
  readonly connections: number;
  /** Requests that wait for a connection. */
  readonly pending: number;
}
export const UNLIMITED: PoolLimits = { connections: Infinity, pending: Infinity };

/** What wants a stream. */
export interface StreamUser {
  /** A new connection: a kept one could be stale. */
  readonly fresh: boolean;
  readonly connectTimeoutMs: number;
  onStream(stream: UpstreamStream): void;
  onRefused(outcome: Outcome): void;
}

/** What a worker's pools share. */
export interface PoolGround {
  readonly wire: Http1Wire;
  /** SO_MARK of upstream sockets, by which the datapath knows them. */
  readonly mark: number;
  /** No connection is kept any more. */
  readonly draining: boolean;
  /** @param change 1: a connection was opened, -1: it is gone. */
  counted(change: 1 | -1): void;
}

export class Pool implements EndpointPool, ClientHome {
  readonly endpoint: Endpoint;
  readonly netns: number;
  /** Connections, idle or not. */
  open = 0;
  readonly #ground: PoolGround;
  readonly #limits: PoolLimits;
  readonly #idle = new IdleList();
  readonly #waiting = new Set<StreamUser>();

  constructor(ground: PoolGround, endpoint: Endpoint, netns: number, limits: PoolLimits = UNLIMITED) {
    this.#ground = ground;
    this.endpoint = endpoint;
    this.netns = netns;
    this.#limits = limits;
  }

  get idle(): number {
    return this.#idle.size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Calls the user back before it returns, unless the user has to wait. */
  acquire(user: StreamUser): void {
    const idle = user.fresh ? null : this.#idle.takeNewest();
    if (idle !== null) return user.onStream(idle);
    // A user that needs a new connection takes the place of an idle one.
    if (this.open >= this.#limits.connections && user.fresh) this.#idle.oldest?.close();
    if (this.open < this.#limits.connections) return user.onStream(this.#connect(user));
    if (this.#waiting.size >= this.#limits.pending) return user.onRefused(OUTCOME.overflow);
    this.#waiting.add(user);
  }

  /** Somebody does not wait any longer. */
  cancel(user: StreamUser): void {
    this.#waiting.delete(user);
  }

  release(client: Http1Client): void {
    if (this.endpoint.removed || this.#ground.draining) return client.close();
    const next = this.#next();
    if (next === null) return this.#idle.add(client);
    if (!next.fresh) return next.onStream(client);
    client.close();
  }

  forget(client: Http1Client): void {
    this.open--;
    this.#ground.counted(-1);
    this.#idle.remove(client);
    const next = this.#takeNext();
    if (next !== null) next.onStream(this.#connect(next));
  }

  /** Closes what has been idle since before `since`. */
  closeIdle(since = Infinity): void {
    for (let client = this.#idle.oldest; client !== null && client.idleSince < since; client = this.#idle.oldest) client.close();
  }

  #connect(user: StreamUser): Http1Client {
    const { address, port } = this.endpoint;
    const { wire, mark } = this.#ground;
    this.open++;
    this.#ground.counted(1);
    return new Http1Client(wire, this, { address, port, netns: this.netns, mark, timeoutMs: user.connectTimeoutMs });
  }

  /** Who waits first; one that can take a kept connection leaves the queue with it. */
  #next(): StreamUser | null {
    if (this.#waiting.size === 0) return null;
    for (const user of this.#waiting) {
      if (!user.fresh) this.#waiting.delete(user);
      return user;
    }
    return null;
  }

  #takeNext(): StreamUser | null {
    for (const user of this.#waiting) {
      this.#waiting.delete(user);
      return user;
    }
    return null;
  }
}
