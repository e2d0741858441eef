/** What one piece of configuration refers to beyond itself: header names and clusters. Given back when it is dropped. */
import { type HeaderNames, type Interner, NameLease } from '../message/header-names.ts';
import type { ClusterSlot } from '../upstream/cluster.ts';

export interface SlotRegistry {
  acquire(id: string): ClusterSlot;
  release(slot: ClusterSlot): void;
}

export class Lease implements Interner {
  readonly #names: NameLease;
  readonly #registry: SlotRegistry;
  readonly #slots: ClusterSlot[] = [];

  constructor(names: HeaderNames, registry: SlotRegistry) {
    this.#names = new NameLease(names);
    this.#registry = registry;
  }

  intern(name: string): number {
    return this.#names.intern(name);
  }

  readonly slotOf = (id: string): ClusterSlot => {
    const slot = this.#registry.acquire(id);
    this.#slots.push(slot);
    return slot;
  };

  release(): void {
    this.#names.release();
    for (const slot of this.#slots.splice(0)) this.#registry.release(slot);
  }
}
