/**
 * HTTP/2 connections to one endpoint from one network namespace: few, shared by the streams of all requests.
 *
 *     acquire ──▶ the first connection with room, or a new one ──▶ onStream
 *
 * Invariants (test/l7/upstream/http2-client.test.ts): `open` equals the connections that exist; a connection that retires gets no further
 * stream; another one is opened only when those that there are have no room.
 */
import type { Http2Fault } from '../http2/connection.ts';
import type { Http2Wire } from '../http2/wire.ts';
import type { Endpoint, EndpointPool } from './endpoint.ts';
import { Http2Client, type Http2ClientRules, type Http2Home } from './http2-client.ts';
import type { StreamPool, StreamUser } from './pool.ts';

/** What a worker's pools of HTTP/2 share. */
export interface Http2PoolGround {
  readonly http2: Http2Wire;
  readonly mark: number;
  readonly draining: boolean;
  counted(change: 1 | -1): void;
  broken(fault: Http2Fault): void;
}

const RULES: Http2ClientRules = { maxStreams: Infinity, keepalive: null };

export class Http2Pool implements StreamPool, EndpointPool, Http2Home {
  readonly endpoint: Endpoint;
  readonly netns: number;
  open = 0;
  readonly waiting = 0;
  readonly #ground: Http2PoolGround;
  /** Those that take streams, the oldest first. */
  readonly #clients: Http2Client[] = [];

  constructor(ground: Http2PoolGround, endpoint: Endpoint, netns: number) {
    this.#ground = ground;
    this.endpoint = endpoint;
    this.netns = netns;
  }

  acquire(user: StreamUser): void {
    const client = (user.fresh ? undefined : this.#clients.find((one) => one.room > 0)) ?? this.#connect(user);
    user.onStream(client.stream());
  }

  /** Nobody waits here. */
  cancel(): void {}

  released(client: Http2Client): void {
    if (client.streams.size === 0 && (this.endpoint.removed || this.#ground.draining)) client.retire();
  }

  established(): void {}

  retired(client: Http2Client): void {
    const at = this.#clients.indexOf(client);
    if (at >= 0) this.#clients.splice(at, 1);
  }

  forget(client: Http2Client): void {
    this.retired(client);
    this.open--;
    this.#ground.counted(-1);
  }

  broken(fault: Http2Fault): void {
    this.#ground.broken(fault);
  }

  closeIdle(since = Infinity): void {
    for (const client of [...this.#clients]) {
      if (client.streams.size === 0 && client.idleSince < since) client.close();
      else if (since === Infinity) client.retire();
    }
  }

  #connect(user: StreamUser): Http2Client {
    const { address, port } = this.endpoint;
    const { http2, mark } = this.#ground;
    this.open++;
    this.#ground.counted(1);
    const options = { address, port, netns: this.netns, mark, timeoutMs: user.connectTimeoutMs };
    const client = new Http2Client(http2, this, options, RULES);
    this.#clients.push(client);
    return client;
  }
}
