/** The idle connections of a pool by age, linked through themselves: every step costs O(1). */
import type { Http1Client } from './http1-client.ts';

export class IdleList {
  size = 0;
  #newest: Http1Client | null = null;
  #oldest: Http1Client | null = null;

  get oldest(): Http1Client | null {
    return this.#oldest;
  }

  add(client: Http1Client): void {
    client.older = this.#newest;
    client.newer = null;
    if (this.#newest === null) this.#oldest = client;
    else this.#newest.newer = client;
    this.#newest = client;
    this.size++;
  }

  takeNewest(): Http1Client | null {
    const client = this.#newest;
    if (client !== null) this.remove(client);
    return client;
  }

  /** Whether it was there. */
  remove(client: Http1Client): boolean {
    if (client.older === null && client.newer === null && this.#newest !== client) return false;
    if (client.newer === null) this.#newest = client.older;
    else client.newer.older = client.older;
    if (client.older === null) this.#oldest = client.newer;
    else client.older.newer = client.newer;
    client.older = client.newer = null;
    this.size--;
    return true;
  }
}
