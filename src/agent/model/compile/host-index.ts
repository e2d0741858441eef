/** Entries by host names with and without wildcards: who names a host, and what a pattern names. */
import { type Entry, type Graph, Node } from '../incremental/graph.ts';
import { Levelled, type WantedCells } from '../incremental/index-by-key.ts';
import { covers, isWildcard } from './hosts.ts';

type Order<V> = (a: V, b: V) => number;

const NONE: readonly never[] = [];

export class HostIndex<V> extends Levelled {
  readonly #entries = new Map<string, Entry[]>();
  readonly #wildcards = new Set<string>();
  /** Who asks which entries name a host, and who asks which entries a pattern names. */
  readonly #hosts = new Map<string, Node>();
  readonly #patterns = new Map<string, Node>();
  readonly #order: Order<V>;
  readonly #tables: WantedCells[] = [];

  constructor(graph: Graph, order: Order<V>) {
    super(graph);
    this.#order = order;
  }

  each(table: WantedCells): void {
    this.#tables.push(table);
  }

  emit(pattern: string, value: V): void {
    this.graph.emit(this, pattern, value);
  }

  /** Of the patterns that name `host`, each with its entries: itself first, then the longest wildcard. */
  naming(host: string): readonly (readonly [pattern: string, values: readonly V[]])[] {
    this.record(this.#node(this.#hosts, host));
    const wide = [...this.#wildcards].filter((pattern) => pattern !== host && covers(pattern, host)).sort((a, b) => b.length - a.length);
    const patterns = this.#entries.has(host) ? [host, ...wide] : wide;
    return patterns.length === 0 ? NONE : patterns.map((pattern) => [pattern, this.#values(pattern)] as const);
  }

  /** All that `pattern` names, in no particular order. */
  named(pattern: string): readonly V[] {
    this.record(this.#node(this.#patterns, pattern));
    if (!isWildcard(pattern)) return this.#values(pattern);
    return [...this.#entries.keys()].filter((host) => covers(pattern, host)).flatMap((host) => this.#values(host));
  }

  added(entry: Entry): void {
    const known = this.#entries.get(entry.key);
    if (known !== undefined) known.push(entry);
    else {
      this.#entries.set(entry.key, [entry]);
      if (isWildcard(entry.key)) this.#wildcards.add(entry.key);
      for (const table of this.#tables) table.want(entry.key);
    }
    this.#touch(entry.key);
  }

  replaced({ key }: Entry): void {
    this.#touch(key);
  }

  removed(entry: Entry): void {
    const entries = this.#entries.get(entry.key) as Entry[];
    entries.splice(entries.indexOf(entry), 1);
    if (entries.length === 0) {
      this.#entries.delete(entry.key);
      this.#wildcards.delete(entry.key);
      for (const table of this.#tables) table.unwant(entry.key);
    }
    this.#touch(entry.key);
  }

  released(node: Node): void {
    if (this.#hosts.get(node.key) === node) this.#hosts.delete(node.key);
    if (this.#patterns.get(node.key) === node) this.#patterns.delete(node.key);
  }

  #node(nodes: Map<string, Node>, key: string): Node {
    const node = nodes.get(key) ?? new Node(this, key);
    nodes.set(key, node);
    return node;
  }

  #values(pattern: string): readonly V[] {
    return (this.#entries.get(pattern) ?? []).map(({ value }) => value as V).sort(this.#order);
  }

  #touch(pattern: string): void {
    if (!isWildcard(pattern)) {
      const node = this.#hosts.get(pattern);
      if (node !== undefined) this.graph.changed(node);
    } else {
      for (const [host, node] of this.#hosts) if (covers(pattern, host)) this.graph.changed(node);
    }
    for (const [asked, node] of this.#patterns) if (covers(asked, pattern)) this.graph.changed(node);
  }
}
