/** Entries by host names with and without wildcards: who names a host, and what a pattern names. */
import { type Bag, bagEach, bagSize, bagWith, bagWithout } from '../incremental/bag.ts';
import { type Entry, Node } from '../incremental/cell.ts';
import type { Graph } from '../incremental/graph.ts';
import { Levelled, type WantedCells } from '../incremental/index-by-key.ts';
import { covers, isWildcard } from './hosts.ts';

type Order<V> = (a: V, b: V) => number;

/** A host or wildcard, with the entries for exactly that. It is read for who names it. */
class HostNode extends Node {
  entries: Bag<Entry> = null;
  /** Several, in order; null: not asked for since the last change. */
  sorted: readonly unknown[] | null = null;
}

const NONE: readonly never[] = [];

export class HostIndex<V> extends Levelled {
  readonly #nodes = new Map<string, HostNode>();
  readonly #wildcards = new Set<HostNode>();
  /** Read for what a wildcard names. */
  readonly #patterns = new Map<string, Node>();
  readonly #order: Order<V>;
  readonly #tables: WantedCells[] = [];

  /** @param order of the entries of one host. */
  constructor(graph: Graph, order: Order<V>) {
    super(graph);
    this.#order = order;
  }

  /** For each host that has an entry, the table's cell of that key is kept computed. */
  each(table: WantedCells): void {
    this.#tables.push(table);
  }

  emit(host: string, value: V): void {
    this.graph.emit(this, host, value);
  }

  /** Of the hosts and wildcards that name `host`, each with its entries: itself first, then the longest wildcard. */
  naming(host: string): readonly (readonly [pattern: string, values: readonly V[]])[] {
    const own = this.#node(host);
    this.record(own);
    const itself = own.entries === null ? NONE : [[own.key, this.#values(own)] as const];
    return this.#wildcards.size === 0 ? itself : [...itself, ...this.#wide(own)];
  }

  #wide(own: HostNode): (readonly [pattern: string, values: readonly V[]])[] {
    const wide = [...this.#wildcards].filter((node) => node !== own && covers(node.key, own.key));
    return wide.sort((a, b) => b.key.length - a.key.length).map((node) => [node.key, this.#values(node)] as const);
  }

  /** The entries of exactly this host or wildcard. */
  own(host: string): readonly V[] {
    const node = this.#node(host);
    this.record(node);
    return node.entries === null ? NONE : this.#values(node);
  }

  /** The entries of all that a wildcard names, in no particular order. */
  named(wildcard: string): readonly V[] {
    const pattern = this.#patterns.get(wildcard) ?? new Node(this, wildcard);
    this.#patterns.set(wildcard, pattern);
    this.record(pattern);
    return [...this.#nodes.values()]
      .filter((node) => node.entries !== null && covers(wildcard, node.key))
      .flatMap((node) => this.#values(node));
  }

  added(entry: Entry): void {
    const node = this.#node(entry.key);
    entry.key = node.key;
    const first = node.entries === null;
    node.entries = bagWith(node.entries, entry);
    if (first && isWildcard(entry.key)) this.#wildcards.add(node);
    if (first) for (const table of this.#tables) table.want(entry.key);
    this.#touch(node);
  }

  replaced({ key }: Entry): void {
    this.#touch(this.#node(key));
  }

  removed(entry: Entry): void {
    const node = this.#node(entry.key);
    node.entries = bagWithout(node.entries, entry);
    if (bagSize(node.entries) === 0) {
      node.entries = null;
      this.#wildcards.delete(node);
      for (const table of this.#tables) table.unwant(entry.key);
      this.graph.orphan(node);
    }
    this.#touch(node);
  }

  released(node: Node): void {
    if (this.#patterns.get(node.key) === node) this.#patterns.delete(node.key);
    if (this.#nodes.get(node.key) === node && (node as HostNode).entries === null) this.#nodes.delete(node.key);
  }

  #node(key: string): HostNode {
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    const node = new HostNode(this, key);
    this.#nodes.set(key, node);
    return node;
  }

  #values(node: HostNode): readonly V[] {
    if (node.sorted !== null) return node.sorted as readonly V[];
    const values: V[] = [];
    bagEach(node.entries, ({ value }) => values.push(value as V));
    if (values.length > 1) node.sorted = values.sort(this.#order);
    return values;
  }

  /** The entries of the node have changed. */
  #touch(changed: HostNode): void {
    changed.sorted = null;
    if (!isWildcard(changed.key)) this.graph.changed(changed);
    else for (const node of this.#nodes.values()) if (covers(changed.key, node.key)) this.graph.changed(node);
    for (const pattern of this.#patterns.values()) if (covers(pattern.key, changed.key)) this.graph.changed(pattern);
  }
}
