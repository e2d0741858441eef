/** What one piece of configuration refers to beyond itself: header names and clusters. Given back when it is dropped. */
import { exact } from '../../base/exact.ts';
import type { HeaderNames, Interner } from '../message/header-names.ts';
import type { ClusterSlot } from '../upstream/cluster.ts';

export interface SlotRegistry {
  acquire(id: string): ClusterSlot;
  release(slot: ClusterSlot): void;
}

export class Lease implements Interner {
  readonly #names: HeaderNames;
  readonly #registry: SlotRegistry;
  // Most hosts of a mesh name no header and one cluster: an array that grows would be larger than all the rest.
  #ids: number[] | null = null;
  #slots: ClusterSlot[] | null = null;

  constructor(names: HeaderNames, registry: SlotRegistry) {
    this.#names = names;
    this.#registry = registry;
  }

  intern(name: string): number {
    const id = this.#names.intern(name);
    if (this.#ids === null) this.#ids = [id];
    else this.#ids.push(id);
    return id;
  }

  slotOf(id: string): ClusterSlot {
    const slot = this.#registry.acquire(id);
    if (this.#slots === null) this.#slots = [slot];
    else this.#slots.push(slot);
    return slot;
  }

  /** Nothing follows. */
  seal(): void {
    if (this.#ids !== null) this.#ids = exact(this.#ids);
    if (this.#slots !== null) this.#slots = exact(this.#slots);
  }

  release(): void {
    for (const id of this.#ids ?? []) this.#names.release(id);
    for (const slot of this.#slots ?? []) this.#registry.release(slot);
    this.#ids = this.#slots = null;
  }
}
