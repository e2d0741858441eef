/**
 * The open client connections of a worker. A dense array, not a Set: when a Set grows it links its old table to the new one, and
 * one old table that has been promoted keeps every later one, with all the connections in it, alive until a major collection.
 */
import type { Http1Server } from './http1-server.ts';

export class ServerList {
  readonly #all: Http1Server[] = [];

  get size(): number {
    return this.#all.length;
  }

  add(server: Http1Server): void {
    server.slot = this.#all.push(server) - 1;
  }

  remove(server: Http1Server): void {
    const last = this.#all.pop();
    if (last === undefined || last === server) return;
    this.#all[server.slot] = last;
    last.slot = server.slot;
  }

  /** A copy: whoever goes through it may close connections. */
  snapshot(): readonly Http1Server[] {
    return [...this.#all];
  }
}
