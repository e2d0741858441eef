/** What cells emit, by key, for other cells to read: all entries of a key, whether there are any, or which keys there are. */
import { tableHash } from '../../../base/hash.ts';
import { type Bag, bagEach, bagSize, bagWith, bagWithout } from './bag.ts';
import { type Entry, Node, type Source, type Target } from './cell.ts';
import type { Graph } from './graph.ts';

/** Cells that are kept computed for as long as somebody wants them. */
export interface WantedCells {
  want(key: string): void;
  unwant(key: string): void;
}

type Order<V> = (a: V, b: V) => number;

class KeyNode extends Node {
  entries: Bag<Entry> = null;
  /** In order; null: not sorted since the last change. */
  sorted: readonly unknown[] | null = null;
}

const NONE: readonly never[] = [];

/**
 * Keys are asked for of which most never have an entry: other names that a service might have, addresses of pods that are not known. These
 * share nodes by their hash. What appears under one of them computes again who asked for any of its group: a few cells.
 */
const GROUPS = 4096;

/** Of keys without entries that somebody asked for. */
class GroupNode extends Node {
  readonly group: number;

  constructor(source: Source, group: number) {
    super(source, 'without entries');
    this.group = group;
  }
}

const groupOf = (key: string): number => tableHash(key) & (GROUPS - 1);

/** The parts that all indexes have: levels that run one way. */
export abstract class Levelled implements Source, Target {
  level = -1;
  protected readonly graph: Graph;
  #firstReader = Infinity;

  constructor(graph: Graph) {
    this.graph = graph;
  }

  abstract released(node: Node): void;
  abstract added(entry: Entry): void;
  abstract replaced(entry: Entry): void;
  abstract removed(entry: Entry): void;

  emittedFrom(level: number): void {
    if (level >= this.#firstReader) throw new RangeError('an index is emitted to from a level that may read it');
    if (level > this.level) this.level = level;
  }

  protected record(node: Node): void {
    this.#firstReader = Math.min(this.#firstReader, this.graph.level);
    this.graph.read(node);
  }
}

export class Index<V> extends Levelled {
  /** Keys that have entries. */
  readonly #nodes = new Map<string, KeyNode>();
  readonly #absent = new Map<number, GroupNode>();
  readonly #order: Order<V> | null;
  readonly #presence = new Map<string, Node>();
  readonly #keys: Node;
  readonly #tables: WantedCells[] = [];

  /** @param order in which the entries of a key are read; must distinguish any two entries if it matters which comes first. */
  constructor(graph: Graph, order: Order<V> | null = null) {
    super(graph);
    this.#order = order;
    this.#keys = new Node(this, '*');
  }

  /** For each key that has an entry, the table's cell of that key is kept computed. */
  each(table: WantedCells): void {
    this.#tables.push(table);
  }

  emit(key: string, value: V): void {
    this.graph.emit(this, key, value);
  }

  get(key: string): readonly V[] {
    const node = this.#nodes.get(key);
    this.record(node ?? this.#groupOf(key));
    return node === undefined ? NONE : this.#values(node);
  }

  has(key: string): boolean {
    const node = this.#presence.get(key) ?? new Node(this, key);
    this.#presence.set(key, node);
    this.record(node);
    return this.#nodes.get(key)?.entries != null;
  }

  /** In no particular order. */
  keys(): string[] {
    this.record(this.#keys);
    return [...this.#nodes.keys()];
  }

  /** How many entries a key has, without depending on it. */
  peekSize(key: string): number {
    return bagSize(this.#nodes.get(key)?.entries ?? null);
  }

  added(entry: Entry): void {
    const known = this.#nodes.get(entry.key);
    const node = known ?? this.#make(entry.key);
    entry.key = node.key;
    node.entries = bagWith(node.entries, entry);
    if (known === undefined) this.#appeared(node);
    this.#touch(node);
  }

  replaced({ key }: Entry): void {
    this.#touch(this.#nodes.get(key) as KeyNode);
  }

  removed(entry: Entry): void {
    const node = this.#nodes.get(entry.key) as KeyNode;
    node.entries = bagWithout(node.entries, entry);
    this.#touch(node);
    if (bagSize(node.entries) === 0) this.#disappeared(node);
  }

  released(node: Node): void {
    if (node instanceof GroupNode) this.#absent.delete(node.group);
    else if (this.#presence.get(node.key) === node) this.#presence.delete(node.key);
  }

  #make(key: string): KeyNode {
    const node = new KeyNode(this, key);
    this.#nodes.set(node.key, node);
    return node;
  }

  #groupOf(key: string): GroupNode {
    const group = groupOf(key);
    const known = this.#absent.get(group);
    if (known !== undefined) return known;
    const node = new GroupNode(this, group);
    this.#absent.set(group, node);
    return node;
  }

  #touch(node: KeyNode): void {
    node.sorted = null;
    this.graph.changed(node);
  }

  #appeared(node: KeyNode): void {
    const group = this.#absent.get(groupOf(node.key));
    if (group !== undefined) this.graph.changed(group);
    this.#changedPresence(node);
    for (const table of this.#tables) table.want(node.key);
  }

  /** Who has read it is computed again, and finds that there is nothing. */
  #disappeared(node: KeyNode): void {
    node.entries = null;
    this.#nodes.delete(node.key);
    this.#changedPresence(node);
    for (const table of this.#tables) table.unwant(node.key);
  }

  #changedPresence({ key }: KeyNode): void {
    this.graph.changed(this.#keys);
    const presence = this.#presence.get(key);
    if (presence !== undefined) this.graph.changed(presence);
  }

  #values(node: KeyNode): readonly V[] {
    const { entries } = node;
    if (entries === null) return NONE;
    if (bagSize(entries) === 1) return valuesOf(entries);
    if (node.sorted === null) {
      const values = valuesOf<V>(entries);
      node.sorted = this.#order === null ? values : values.sort(this.#order);
    }
    return node.sorted as readonly V[];
  }
}

function valuesOf<V>(entries: Bag<Entry>): V[] {
  const values: V[] = [];
  bagEach(entries, ({ value }) => values.push(value as V));
  return values;
}
