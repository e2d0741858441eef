/**
 * Keeps the head of a request for as long as it may have to be sent again: in a slot of the engine's part of the arena, so that
 * keeping costs one copy and no allocation. Heads that do not fit a slot, or find none free, go to a buffer of their own.
 */
import type { Transport } from '../transport.ts';

const SLOT = 1024;

export class HeadStore {
  readonly #arena: Uint8Array;
  readonly #base: number;
  readonly #free: number[] = [];

  /** @param start, end the part of the arena that slots may use. */
  constructor(transport: Transport, start: number, end: number) {
    this.#arena = transport.arena;
    this.#base = start;
    for (let slot = Math.floor((end - start) / SLOT) - 1; slot >= 0; slot--) this.#free.push(slot);
  }

  get free(): number {
    return this.#free.length;
  }

  keep(kept: KeptHead, bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const slot = length <= SLOT ? this.#free.pop() : undefined;
    kept.length = length;
    if (slot === undefined) {
      kept.slot = -1;
      kept.bytes = bytes.slice(start, end);
      kept.start = 0;
      return;
    }
    kept.slot = slot;
    kept.bytes = this.#arena;
    kept.start = this.#base + slot * SLOT;
    if (bytes === this.#arena) this.#arena.copyWithin(kept.start, start, end);
    else this.#arena.set(bytes.subarray(start, end), kept.start);
  }

  release(kept: KeptHead): void {
    if (kept.slot >= 0) this.#free.push(kept.slot);
    kept.slot = -1;
    kept.bytes = null;
    kept.length = 0;
  }
}

/** Where a kept head lies; part of its exchange. */
export class KeptHead {
  slot = -1;
  bytes: Uint8Array | null = null;
  start = 0;
  length = 0;
}
