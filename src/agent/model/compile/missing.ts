/** What VirtualServices name and is not there: destinations, delegates, Gateways. It is told from what was missing before. */
import type { Entry, Target } from '../incremental/cell.ts';
import type { Graph } from '../incremental/graph.ts';
import { type ObjectRef, refKey } from '../problem.ts';

export class Missing implements Target {
  /** Of the cells that emit to it: when that is computed, all is known. */
  level = 0;
  readonly #graph: Graph;
  /** With how many rules name it. */
  readonly #named = new Map<string, number>();
  /** Of them, those that have come since the last `accept`, and those that have gone. */
  readonly #come = new Set<string>();
  readonly #gone = new Set<string>();

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  /** For the cell that is being computed. */
  emit(by: ObjectRef, what: string): void {
    this.#graph.emit(this, `${refKey(by)} ${what}`, true);
  }

  /** Whether there is something that was not missing at the last `accept`. */
  get any(): boolean {
    return this.#come.size > 0;
  }

  accept(): void {
    this.#come.clear();
    this.#gone.clear();
  }

  emittedFrom(): void {
    // No cell reads it.
  }

  added({ key }: Entry): void {
    const times = this.#named.get(key) ?? 0;
    this.#named.set(key, times + 1);
    if (times === 0 && !this.#gone.delete(key)) this.#come.add(key);
  }

  replaced(): void {
    // They have no value.
  }

  removed({ key }: Entry): void {
    const times = this.#named.get(key) ?? 0;
    if (times > 1) return void this.#named.set(key, times - 1);
    this.#named.delete(key);
    if (!this.#come.delete(key)) this.#gone.add(key);
  }
}
