/** What the graph is made of: cells, which are computed, and other nodes that cells read; entries, which cells emit. */
import { exact } from '../../../base/exact.ts';
import { internal } from '../../../base/internal.ts';
import { type Bag, bagEach, bagSize, bagWith, bagWithout, LARGE } from './bag.ts';
import { Crowd } from './crowd.ts';

/** Something that cells read. */
export class Node {
  readonly source: Source;
  readonly key: string;
  /** A crowd where a bag would become a set. */
  #readers: Bag<Cell> | Crowd<Cell> = null;

  constructor(source: Source, key: string) {
    this.source = source;
    this.key = internal(key);
  }

  get isRead(): boolean {
    return (this.#readers instanceof Crowd ? this.#readers.size : bagSize(this.#readers)) > 0;
  }

  /** The cell has begun to. */
  readBy(cell: Cell): void {
    const readers = this.#readers;
    if (readers instanceof Crowd) readers.add(cell);
    else if (Array.isArray(readers) && readers.length === LARGE) this.#readers = new Crowd([...readers, cell]);
    else this.#readers = bagWith(readers, cell);
  }

  /** The cell's `reads` do not have it any more. */
  unreadBy(cell: Cell): void {
    if (this.#readers instanceof Crowd) this.#readers.left((other) => other.reads.includes(this));
    else this.#readers = bagWithout(this.#readers, cell);
  }

  eachReader(visit: (cell: Cell) => void): void {
    if (!(this.#readers instanceof Crowd)) bagEach(this.#readers, visit);
    else this.#readers.each((cell) => cell.reads.includes(this) && visit(cell));
  }
}

/** Where nodes come from. */
export interface Source {
  readonly level: number;
  /** Nobody reads the node any more. */
  released(node: Node): void;
}

/** Where entries go. */
export interface Target {
  /** Every cell that emits to it tells its level. */
  emittedFrom(level: number): void;
  /** The form in which entries hold what is emitted; absent: as it is. */
  held?(key: string, value: unknown): unknown;
  added(entry: Entry): void;
  /** `entry.value` is the new one already. */
  replaced(entry: Entry): void;
  removed(entry: Entry): void;
}

export class Entry {
  readonly target: Target;
  /** Whoever keeps the entry replaces it by the one copy that it has of the key. */
  key: string;
  value: unknown;

  constructor(target: Target, key: string, value: unknown) {
    this.target = target;
    this.key = key;
    this.value = value;
  }
}

/** Knows how to compute cells. */
export interface Computation extends Source {
  readonly name: string;
  compute(cell: Cell): unknown;
}

export const NOTHING_READ: readonly Node[] = [];
export const NOTHING_EMITTED: readonly Entry[] = [];

export class Cell extends Node {
  declare readonly source: Computation;
  value: unknown = undefined;
  /** What was given from outside; in a table without inputs, nothing. */
  given: unknown = undefined;
  /** How many want it besides its readers. */
  wanted = 0;
  reads: readonly Node[] = NOTHING_READ;
  /** Half of all cells emit one, which needs no list. */
  #entries: Entry | readonly Entry[] = NOTHING_EMITTED;
  state: 'settled' | 'queued' | 'dropped' = 'settled';

  get entries(): readonly Entry[] {
    return this.#entries instanceof Entry ? [this.#entries] : this.#entries;
  }

  set entries(entries: readonly Entry[]) {
    const [first] = entries;
    this.#entries = first !== undefined && entries.length === 1 ? first : exact(entries);
  }
}
