/** Cells of one kind, by key. */
import { Cell, type Computation, type Node } from './cell.ts';
import type { Graph } from './graph.ts';

abstract class Cells<V> implements Computation {
  readonly level: number;
  protected readonly graph: Graph;
  protected readonly cells = new Map<string, Cell>();
  readonly name: string;

  constructor(graph: Graph, name: string, isAlone: boolean) {
    this.graph = graph;
    this.name = name;
    this.level = graph.nextLevel(isAlone);
  }

  abstract compute(cell: Cell): unknown;
  protected abstract make(key: string): Cell;

  /** The value. The cell that is being computed depends on it from now on. */
  get(key: string): V {
    const cell = this.cells.get(key) ?? this.make(key);
    this.graph.read(cell);
    this.graph.demand(cell);
    return cell.value as V;
  }

  released(node: Node): void {
    const cell = node as Cell;
    if (cell.state === 'dropped' || cell.wanted > 0 || cell.given !== undefined) return;
    this.cells.delete(cell.key);
    this.graph.drop(cell);
  }
}

/** What is computed from other cells. */
export class Table<V> extends Cells<V> {
  readonly #compute: (key: string, previous: V | undefined) => V;

  constructor(graph: Graph, name: string, compute: (key: string, previous: V | undefined) => V) {
    super(graph, name, false);
    this.#compute = compute;
  }

  compute(cell: Cell): unknown {
    return this.#compute(cell.key, cell.value as V | undefined);
  }

  /** Keeps the cell computed although nobody reads it, until `unwant` was called as often. */
  want(key: string): void {
    (this.cells.get(key) ?? this.make(key)).wanted++;
  }

  unwant(key: string): void {
    const cell = this.cells.get(key);
    if (cell === undefined) return;
    cell.wanted--;
    this.graph.orphan(cell);
  }

  protected make(key: string): Cell {
    const cell = new Cell(this, key);
    this.cells.set(key, cell);
    this.graph.queue(cell);
    return cell;
  }
}

/** What is computed from what is given from outside. Where nothing is given, the value is null. */
export class Input<G extends object | string, V> extends Cells<V | null> {
  readonly #compute: (given: G, key: string) => V | null;

  /** @param isAlone whether it reads nothing that other objects give. */
  constructor(graph: Graph, name: string, compute: (given: G, key: string) => V | null, isAlone = true) {
    super(graph, name, isAlone);
    this.#compute = compute;
  }

  set(key: string, given: G | null): void {
    const known = this.cells.get(key);
    if (given === null && known === undefined) return;
    const cell = known ?? this.make(key);
    cell.given = given ?? undefined;
    this.graph.queue(cell);
    if (given === null) this.graph.orphan(cell);
  }

  compute(cell: Cell): unknown {
    return cell.given === undefined ? null : this.#compute(cell.given as G, cell.key);
  }

  protected make(key: string): Cell {
    const cell = new Cell(this, key);
    cell.value = null;
    this.cells.set(key, cell);
    return cell;
  }
}
