/** The connections of a LinkTransport by id; an id is given out again only in a later turn. */
import type { ConnectionId } from '../transport.ts';
import { LinkConnection } from './link-connection.ts';
import type { Link } from './link.ts';

export class LinkTable {
  count = 0;
  readonly #slots: (LinkConnection | null)[] = [];
  #free: ConnectionId[] = [];
  #released: ConnectionId[] = [];

  add(link: Link | null): LinkConnection {
    const connection = new LinkConnection(this.#free.pop() ?? this.#slots.length, link);
    this.#slots[connection.id] = connection;
    this.count++;
    return connection;
  }

  find(id: ConnectionId): LinkConnection | null {
    return this.#slots[id] ?? null;
  }

  /** One that the engine has neither closed nor been told to be gone. */
  open(id: ConnectionId): LinkConnection | null {
    const connection = this.find(id);
    return connection !== null && connection.handler !== null ? connection : null;
  }

  remove(id: ConnectionId): void {
    this.#slots[id] = null;
    this.#released.push(id);
    this.count--;
  }

  /** A turn begins: what ended in the last one may be given out again. */
  recycle(): void {
    this.#free.push(...this.#released);
    this.#released = [];
  }

  clear(): void {
    for (const connection of this.#slots) connection?.link?.reset();
    this.#slots.length = this.count = 0;
  }
}
