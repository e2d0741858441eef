/**
 * The open client connections of a worker. A dense array, not a Set: when a Set grows it links its old table to the new one, and
 * one old table that has been promoted keeps every later one, with all the connections in it, alive until a major collection.
 */

/** A client's connection, of whatever wire. */
export interface ClientConnection {
  /** Its place in the list. */
  slot: number;
  /** When it last carried something. */
  readonly usedAt: number;
  /** Whether a request has ever begun to arrive. */
  readonly begun: boolean;
  /** Whether a request is under way, or has begun to arrive. */
  readonly busy: boolean;
  close(): void;
  /** No further requests are wanted on it. */
  drain(): void;
  /** Ends responses of which the client has taken nothing since before `since`, where others of its connection go on. */
  endStalled(since: number): void;
}

export class ServerList {
  /** No further requests on kept connections. */
  draining = false;
  readonly #all: ClientConnection[] = [];
  readonly #counted: (change: 1 | -1) => void;

  /** @param counted called for every connection that begins and ends. */
  constructor(counted: (change: 1 | -1) => void) {
    this.#counted = counted;
  }

  get size(): number {
    return this.#all.length;
  }

  add(connection: ClientConnection): void {
    connection.slot = this.#all.push(connection) - 1;
    this.#counted(1);
  }

  remove(connection: ClientConnection): void {
    this.#counted(-1);
    const last = this.#all.pop();
    if (last === undefined || last === connection) return;
    this.#all[connection.slot] = last;
    last.slot = connection.slot;
  }

  /** The connection has turned out to be of another wire. */
  replace(connection: ClientConnection, by: ClientConnection): void {
    by.slot = connection.slot;
    this.#all[by.slot] = by;
  }

  drain(): void {
    this.draining = true;
    for (const one of [...this.#all]) one.drain();
  }

  endStalled(since: number): void {
    for (const one of [...this.#all]) one.endStalled(since);
  }

  /** Closes what has been idle since before `idleSince`. */
  closeIdle(idleSince: number): void {
    for (const one of [...this.#all]) if (!one.busy && one.usedAt < idleSince) one.close();
  }

  /** Closes what was accepted before `since` and has been silent ever after. @returns how many. */
  closeSilent(since: number): number {
    const silent = this.#all.filter((one) => !one.begun && one.usedAt < since);
    for (const one of silent) one.close();
    return silent.length;
  }
}
