/**
 * Kept-alive connections to one endpoint from one network namespace. The most recently used one is taken first: it is the
 * least likely to have been closed by the peer meanwhile, and the rest can grow old and go.
 */
import type { UpstreamStream } from '../exchange/ports.ts';
import type { PeerSeries } from '../record/peer-series.ts';
import type { Context } from '../context.ts';
import type { Endpoint } from './endpoint.ts';
import { Http1Client } from './http1-client.ts';

export class Pool {
  readonly endpoint: Endpoint;
  readonly netns: number;
  readonly #context: Context;
  readonly #connectTimeoutMs: number;
  readonly #idle: Http1Client[] = [];
  /** Open connections, idle or not. */
  open = 0;
  /** Metric cells of this pair of peers, resolved once. */
  clientSeries: PeerSeries | null = null;
  serverSeries: PeerSeries | null = null;

  constructor(context: Context, endpoint: Endpoint, netns: number, connectTimeoutMs: number) {
    this.#context = context;
    this.endpoint = endpoint;
    this.netns = netns;
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  get idle(): number {
    return this.#idle.length;
  }

  /** A stream on an idle connection, or on a new one. @param fresh never on an idle one: it must not be stale. */
  acquire(fresh: boolean): UpstreamStream {
    const idle = fresh ? undefined : this.#idle.pop();
    if (idle !== undefined) return idle;
    this.open++;
    return new Http1Client(this.#context, this, this.#connectTimeoutMs);
  }

  release(client: Http1Client): void {
    if (this.endpoint.removed || this.#context.draining) client.close();
    else this.#idle.push(client);
  }

  /** The connection is gone. */
  forget(client: Http1Client): void {
    this.open--;
    const index = this.#idle.indexOf(client);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  /** Closes what has been idle since before `since`; the oldest come first. */
  closeIdle(since = Infinity): void {
    while (this.#idle.length > 0 && (this.#idle[0] as Http1Client).idleSince < since) (this.#idle.shift() as Http1Client).close();
  }

  forgetSeries(): void {
    this.clientSeries = this.serverSeries = null;
  }
}
