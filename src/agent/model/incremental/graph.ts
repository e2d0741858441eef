/**
 * A computation that is kept: cells with what was computed, each knowing what it has read, so that a change costs what depends on it.
 *
 *     input.set ──> cell ──reads── cell ──emits──> index ──reads── cell ──emits──> output
 *
 * A cell is computed by its table from its key (and, in an input, from what was given under that key). While it is computed, what it
 * reads is recorded, and what it emits is collected: entries of indexes, which other cells read by key, and entries of outputs,
 * which leave the graph. A cell whose new value equals the old one is not a change, so that what depends on it is left alone.
 *
 * Invariants (test/agent/model/incremental/graph.test.ts):
 *
 * 1. After `settle`, every value is what its table computes from what is there now, whatever was there before, and in whatever
 *    order it came ("values do not depend on history").
 * 2. Only cells that read something that changed are computed again ("a change computes what depends on it").
 * 3. A table reads only tables and indexes before it, in the order of their levels; a breach throws at the first read or emission
 *    ("levels run one way").
 * 4. A cell that nobody wants or reads is dropped, with what it emitted ("what nobody reads is dropped").
 * 5. A cell that throws keeps what it had, is reported, and holds up no other ("a fault ends what it concerns").
 */
import { type Cell, Entry, type Node, NOTHING_EMITTED, NOTHING_READ, type Target } from './cell.ts';
import { KnownEntries, renewed } from './emissions.ts';
import { Reads } from './reads.ts';
import { share } from './share.ts';

interface Run {
  readonly cell: Cell;
  readonly reads: Reads;
  readonly entries: Entry[];
}

export interface GraphFault {
  readonly table: string;
  readonly key: string;
  readonly error: unknown;
}

export class Graph {
  /** By level, the cells that have to be computed. */
  readonly #queues: Cell[][] = [];
  readonly #alone: number[] = [];
  /** No level below has a queue. */
  #lowest = 0;
  #waiting = 0;
  #computed = 0;
  #run: Run | null = null;
  #faults: GraphFault[] = [];
  /** May be unread; looked at between computations, because one that is running may have read them just now. */
  #orphans: Node[] = [];

  /** @param isAlone its cells are computed from what is given to them, and from nothing that is given elsewhere. */
  nextLevel(isAlone: boolean): number {
    const level = this.#queues.push([]) - 1;
    if (isAlone) this.#alone.push(level);
    return level;
  }

  /** How many cells are known to have to be computed; more may follow from them. */
  get waiting(): number {
    return this.#waiting;
  }

  /** How many were computed, ever. */
  get computed(): number {
    return this.#computed;
  }

  /** Of the cell that is being computed. */
  get level(): number {
    return this.#run?.cell.source.level ?? Infinity;
  }

  /** Computes what changed, up to that level, for as long as `more` says so. @returns whether all of that is computed. */
  settle(more: () => boolean = () => true, level = Infinity): boolean {
    while (this.#waiting > 0 && this.#lowest <= level) {
      if (!more()) return false;
      const cell = (this.#queues[this.#lowest] as Cell[]).pop();
      if (cell === undefined) this.#lowest++;
      else this.demand(cell);
      this.#dropOrphans();
    }
    return true;
  }

  /**
   * Computes what depends on nothing that may still be given, for as long as `more` says so: while most is still to come, the rest would
   * be computed again and again. @returns whether all of that is computed.
   */
  settleAlone(more: () => boolean): boolean {
    for (const level of this.#alone) {
      const queue = this.#queues[level] as Cell[];
      for (let cell = queue.pop(); cell !== undefined; cell = queue.pop()) {
        this.demand(cell);
        this.#dropOrphans();
        if (!more()) return false;
      }
    }
    return true;
  }

  /** What could not be computed since the last call. */
  takeFaults(): readonly GraphFault[] {
    return this.#faults.splice(0);
  }

  queue(cell: Cell): void {
    if (cell.state !== 'settled') return;
    cell.state = 'queued';
    const { level } = cell.source;
    (this.#queues[level] as Cell[]).push(cell);
    this.#waiting++;
    if (level < this.#lowest) this.#lowest = level;
  }

  changed(node: Node): void {
    node.eachReader((cell) => this.queue(cell));
  }

  /** Records that the cell being computed depends on the node. Outside of computations nothing is recorded. */
  read(node: Node): void {
    if (this.#run === null) return;
    if (node.source.level >= this.level) throw new RangeError(`${this.#run.cell.source.name} reads ${node.key} of a later level`);
    this.#run.reads.add(node);
  }

  emit(target: Target, key: string, value: unknown): void {
    if (this.#run === null) throw new RangeError('only a cell that is being computed emits');
    target.emittedFrom(this.level);
    this.#run.entries.push(new Entry(target, key, target.held === undefined ? value : target.held(key, value)));
  }

  /** A reader, an entry or a wish is gone: the node may have none left. */
  orphan(node: Node): void {
    this.#orphans.push(node);
  }

  /** Takes back what the cell read and emitted. */
  drop(cell: Cell): void {
    // It stays in its queue, where it is passed over.
    if (cell.state === 'queued') this.#waiting--;
    cell.state = 'dropped';
    this.#relink(cell, NOTHING_READ);
    this.#emitAll(cell, NOTHING_EMITTED);
  }

  /** Computes a cell if it has to be. */
  demand(cell: Cell): void {
    if (cell.state !== 'queued') return;
    cell.state = 'settled';
    this.#waiting--;
    this.#computed++;
    const outer = this.#run;
    const run: Run = { cell, reads: new Reads(), entries: [] };
    let { value } = cell;
    let entries: readonly Entry[] | null = null;
    this.#run = run;
    try {
      value = cell.source.compute(cell);
      entries = run.entries;
    } catch (error) {
      this.#faults.push({ table: cell.source.name, key: cell.key, error });
    } finally {
      this.#run = outer;
    }
    this.#relink(cell, run.reads.all);
    if (entries !== null) this.#emitAll(cell, entries);
    const shared = share(cell.value, value);
    if (shared === cell.value) return;
    cell.value = shared;
    this.changed(cell);
  }

  #dropOrphans(): void {
    for (let node = this.#orphans.pop(); node !== undefined; node = this.#orphans.pop()) {
      if (!node.isRead) node.source.released(node);
    }
  }

  #relink(cell: Cell, next: readonly Node[]): void {
    const before = cell.reads;
    if (before.length === next.length && before.every((node, index) => node === next[index])) return;
    cell.reads = next;
    if (before.length === 0) {
      for (const node of next) node.readBy(cell);
      return;
    }
    const left = new Set(before);
    for (const node of next) if (!left.delete(node)) node.readBy(cell);
    for (const node of left) {
      node.unreadBy(cell);
      if (!node.isRead) this.orphan(node);
    }
  }

  #emitAll(cell: Cell, next: readonly Entry[]): void {
    const before = cell.entries;
    if (before.length === 0 && next.length === 0) return;
    if (before.length === 0) {
      for (const entry of next) entry.target.added(entry);
      cell.entries = next;
      return;
    }
    const known = new KnownEntries(before);
    cell.entries = next.length === 0 ? NOTHING_EMITTED : next.map((entry, index) => renewed(known.take(entry, index), entry));
    for (const entry of known.rest) entry.target.removed(entry);
  }
}
