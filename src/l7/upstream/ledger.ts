/**
 * Counts that all workers share: what each client uses of each cluster, and how its endpoints fare there. One block of memory that the
 * control thread makes and every worker maps; a row for each pair of client and cluster, and of client and endpoint, that rules ask
 * for. Rows are found by a hash of their key, and made by whoever needs one first.
 *
 *     row:   free ──attach──▶ in use by one worker or more ──the last one detaches, or is gone──▶ free
 *
 * A count has a total, which is compared with the limit, and a share for each worker, by which the counts of a worker that is gone are
 * given back. Finding and freeing rows is done under a lock, which is held for some microseconds; counting needs none.
 *
 * Invariants (test/l7/upstream/ledger.test.ts):
 *  1. a total is the sum of its shares, whenever no worker is within `take`, `force` or `give`;
 *  2. no `take` brings a total above its limit, however many workers take at once;
 *  3. after `forget` nothing of that worker is counted, and its lock is free;
 *  4. a key has one row, and a row that is in use has one key.
 */
import { murmur3Text } from '../../base/hash.ts';

/** What is counted with a share for each worker. */
export const Resource = { Connections: 0, Pending: 1, Requests: 2, Retries: 3 } as const;
export type Resource = (typeof Resource)[keyof typeof Resource];
const RESOURCES = 4;

/** What a row has once, whatever worker changes it. */
export const Fact = {
  /** Of clusters: the ticket of the next one who waits. */
  Ticket: 0,
  /** Of clusters: endpoints that are ejected. */
  Ejected: 1,
  /** Of clusters: when endpoints are looked at again. */
  SweepAt: 2,
  /** Of endpoints: 1 while it is ejected. */
  IsEjected: 3,
  EjectedAt: 4,
  /** Of endpoints: by how much the time of an ejection is multiplied. */
  Multiplier: 5,
  /** Of endpoints: errors in succession. */
  Errors: 6,
  GatewayErrors: 7,
  LocalErrors: 8,
  /** Of clusters: the present interval of a budget of retries, and requests that began within it and within the one before. */
  Interval: 9,
  Begun: 10,
  BegunBefore: 11,
} as const;
export type Fact = (typeof Fact)[keyof typeof Fact];
const FACTS = 12;

/** A row: the next one of its chain, the two halves of its key's hash, totals, facts; then a column for each worker. */
const HASH = 1;
const TOTALS = 3;
const FACTS_AT = TOTALS + RESOURCES;
const COLUMNS = FACTS_AT + FACTS;
/** A column: its counts, the ticket of the first who waits (0: nobody does), and whether the worker uses the row. */
const FRONT = RESOURCES;
const ATTACHED = FRONT + 1;
const COLUMN = ATTACHED + 1;

/** The memory: the lock, the first free row, the rows that were ever used; a bell for each worker; the heads of chains; the rows. */
const LOCK = 0;
const FREE = 1;
const USED = 2;
const BELLS = 3;

/** Rows of 100 bytes a worker, of which the system provides memory only when they are used. */
const ROWS = 1 << 16;

export interface LedgerMemory {
  readonly memory: SharedArrayBuffer;
  readonly workers: number;
}

export class Ledger {
  readonly #cells: Int32Array;
  readonly #workers: number;
  readonly #me: number;
  readonly #rows: number;
  readonly #heads: number;
  readonly #first: number;
  readonly #size: number;

  static memory(workers: number, rows: number = ROWS): LedgerMemory {
    return { memory: new SharedArrayBuffer(4 * (BELLS + workers + rows + rows * rowSize(workers))), workers };
  }

  /** @param me which worker this is; -1: the control thread. */
  constructor({ memory, workers }: LedgerMemory, me: number) {
    this.#cells = new Int32Array(memory);
    this.#workers = workers;
    this.#me = me;
    this.#size = rowSize(workers);
    this.#heads = BELLS + workers;
    this.#rows = (this.#cells.length - this.#heads) / (1 + this.#size);
    this.#first = this.#heads + this.#rows;
  }

  // ── rows ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The row of this key, from now on used by this worker; -1: there is no room for another one. */
  attach(key: string): number {
    const low = murmur3Text(key, 0x5bd1e995) | 0;
    const high = murmur3Text(key, 0x1b873593) | 0;
    return this.#locked(() => {
      const head = this.#headOf(low);
      const row = this.#find(head, low, high) || this.#make(head, low, high);
      if (row !== 0) this.#cells[this.#column(row, this.#me) + ATTACHED] = 1;
      return row === 0 ? -1 : row;
    });
  }

  /** The row of this key, for reading; -1: nobody uses one. */
  find(key: string): number {
    const low = murmur3Text(key, 0x5bd1e995) | 0;
    const high = murmur3Text(key, 0x1b873593) | 0;
    return this.#locked(() => this.#find(this.#headOf(low), low, high) || -1);
  }

  /** This worker uses it no longer; nothing of it is counted there. */
  detach(row: number): void {
    this.#locked(() => this.#leave(row, this.#me));
  }

  /** A worker is gone: what it has counted is given back. */
  forget(worker: number): void {
    const cells = this.#cells;
    if (Atomics.compareExchange(cells, LOCK, worker + 1, 0) === worker + 1) Atomics.notify(cells, LOCK);
    this.#locked(() => {
      for (let row = this.#first; row < this.#first + (cells[USED] as number) * this.#size; row += this.#size) {
        if (cells[this.#column(row, worker) + ATTACHED] === 1) this.#leave(row, worker);
      }
    });
    for (let other = 0; other < this.#workers; other++) this.ring(other);
  }

  // ── counts ────────────────────────────────────────────────────────────────────────────────────────────────────

  total(row: number, resource: Resource): number {
    return Atomics.load(this.#cells, row + TOTALS + resource);
  }

  /** Counts one more, unless that would be more than `limit`. */
  take(row: number, resource: Resource, limit: number): boolean {
    const cells = this.#cells;
    const at = row + TOTALS + resource;
    for (;;) {
      const used = Atomics.load(cells, at);
      if (used >= limit) return false;
      if (Atomics.compareExchange(cells, at, used, used + 1) === used) break;
    }
    Atomics.add(cells, this.#column(row, this.#me) + resource, 1);
    return true;
  }

  /** Counts one more whatever the limit. */
  force(row: number, resource: Resource): void {
    Atomics.add(this.#cells, row + TOTALS + resource, 1);
    Atomics.add(this.#cells, this.#column(row, this.#me) + resource, 1);
  }

  /** @returns how many are left. */
  give(row: number, resource: Resource): number {
    Atomics.sub(this.#cells, this.#column(row, this.#me) + resource, 1);
    return Atomics.sub(this.#cells, row + TOTALS + resource, 1) - 1;
  }

  /** Whether this worker has counted anything there. */
  isCounting(row: number): boolean {
    const column = this.#column(row, this.#me);
    for (let resource = 0; resource < RESOURCES; resource++) if (Atomics.load(this.#cells, column + resource) !== 0) return true;
    return false;
  }

  // ── facts ─────────────────────────────────────────────────────────────────────────────────────────────────────

  fact(row: number, fact: Fact): number {
    return Atomics.load(this.#cells, row + FACTS_AT + fact);
  }

  setFact(row: number, fact: Fact, value: number): void {
    Atomics.store(this.#cells, row + FACTS_AT + fact, value);
  }

  /** @returns the value afterwards. */
  addFact(row: number, fact: Fact, change: number): number {
    return (Atomics.add(this.#cells, row + FACTS_AT + fact, change) + change) | 0;
  }

  /** Whether it was `from` and is `to` now: of several workers that try at once, one succeeds. */
  changeFact(row: number, fact: Fact, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#cells, row + FACTS_AT + fact, from, to) === from;
  }

  // ── who waits ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Says who of this worker waits longest. @param ticket 0: nobody. */
  setFront(row: number, ticket: number): void {
    Atomics.store(this.#cells, this.#column(row, this.#me) + FRONT, ticket);
  }

  /** The worker in which somebody waits longest; -1: nobody waits. */
  frontWorker(row: number): number {
    let first = -1;
    let lowest = 0;
    for (let worker = 0; worker < this.#workers; worker++) {
      const ticket = this.front(row, worker);
      if (ticket === 0 || (first >= 0 && ((ticket - lowest) | 0) >= 0)) continue;
      first = worker;
      lowest = ticket;
    }
    return first;
  }

  /** The ticket of who waits longest in that worker; 0: nobody does. */
  front(row: number, worker: number): number {
    return Atomics.load(this.#cells, this.#column(row, worker) + FRONT);
  }

  /** Rings at every other worker that uses the row. @param waiting only at those where somebody waits. */
  ringOthers(row: number, waiting: boolean): void {
    for (let worker = 0; worker < this.#workers; worker++) {
      if (worker === this.#me) continue;
      const column = this.#column(row, worker);
      if (Atomics.load(this.#cells, column + (waiting ? FRONT : ATTACHED)) !== 0) this.ring(worker);
    }
  }

  ring(worker: number): void {
    Atomics.add(this.#cells, BELLS + worker, 1);
    Atomics.notify(this.#cells, BELLS + worker);
  }

  /** Calls `rung` after others have rung at this worker, for ever, or until `stopped` says so when it is rung. */
  async listen(rung: () => void, stopped: () => boolean = () => false): Promise<void> {
    const bell = BELLS + this.#me;
    for (let heard = Atomics.load(this.#cells, bell); ;) {
      const { async, value } = Atomics.waitAsync(this.#cells, bell, heard);
      if (async) await value;
      if (stopped()) return;
      heard = Atomics.load(this.#cells, bell);
      rung();
    }
  }

  get me(): number {
    return this.#me;
  }

  // ── pieces ────────────────────────────────────────────────────────────────────────────────────────────────────

  #column(row: number, worker: number): number {
    return row + COLUMNS + worker * COLUMN;
  }

  #headOf(low: number): number {
    return this.#heads + ((low >>> 0) % this.#rows);
  }

  /** 0: there is none. */
  #find(head: number, low: number, high: number): number {
    const cells = this.#cells;
    for (let row = cells[head] as number; row !== 0; row = cells[row] as number) {
      if (cells[row + HASH] === low && cells[row + HASH + 1] === high) return row;
    }
    return 0;
  }

  /** It is whole before it is linked: a worker that ends meanwhile leaves nothing half done behind. */
  #make(head: number, low: number, high: number): number {
    const cells = this.#cells;
    let row = cells[FREE] as number;
    if (row !== 0) cells[FREE] = cells[row] as number;
    else {
      if ((cells[USED] as number) >= this.#rows) return 0;
      row = this.#first + (cells[USED] as number) * this.#size;
      cells[USED] = (cells[USED] as number) + 1;
    }
    cells.fill(0, row, row + this.#size);
    cells[row + HASH] = low;
    cells[row + HASH + 1] = high;
    cells[row] = cells[head] as number;
    cells[head] = row;
    return row;
  }

  #leave(row: number, worker: number): void {
    const cells = this.#cells;
    const column = this.#column(row, worker);
    for (let resource = 0; resource < RESOURCES; resource++) {
      Atomics.sub(cells, row + TOTALS + resource, Atomics.exchange(cells, column + resource, 0));
    }
    Atomics.store(cells, column + FRONT, 0);
    Atomics.store(cells, column + ATTACHED, 0);
    for (let other = 0; other < this.#workers; other++) if (cells[this.#column(row, other) + ATTACHED] === 1) return;
    this.#free(row);
  }

  #free(row: number): void {
    const cells = this.#cells;
    let link = this.#headOf(cells[row + HASH] as number);
    while (cells[link] !== row && cells[link] !== 0) link = cells[link] as number;
    if (cells[link] !== row) return;
    cells[link] = cells[row] as number;
    cells[row] = cells[FREE] as number;
    cells[FREE] = row;
  }

  /** No `task` waits or calls anybody. */
  #locked<T>(task: () => T): T {
    const cells = this.#cells;
    const mine = this.#me < 0 ? -1 : this.#me + 1;
    for (let held = 0; (held = Atomics.compareExchange(cells, LOCK, 0, mine)) !== 0;) Atomics.wait(cells, LOCK, held, 1);
    try {
      return task();
    } finally {
      Atomics.store(cells, LOCK, 0);
      Atomics.notify(cells, LOCK);
    }
  }
}

function rowSize(workers: number): number {
  return COLUMNS + workers * COLUMN;
}
