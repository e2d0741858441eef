/** What a cell reads while it is computed. Most read a few nodes, many of them again and again. */
import { exact } from '../../../base/exact.ts';
import { type Node, NOTHING_READ } from './cell.ts';

/** Up to this many, looking at each is quicker than a set. */
const FEW = 12;

export class Reads {
  readonly #nodes: Node[] = [];
  #several: Set<Node> | null = null;

  add(node: Node): void {
    const known = this.#several?.has(node) ?? this.#nodes.includes(node);
    if (known) return;
    this.#nodes.push(node);
    this.#several?.add(node);
    if (this.#nodes.length === FEW) this.#several = new Set(this.#nodes);
  }

  /** Each once, in the order in which they were read first. */
  get all(): readonly Node[] {
    return this.#nodes.length === 0 ? NOTHING_READ : exact(this.#nodes);
  }
}
