/** Constant text in the engine's part of the arena, so that writing it is one slice and no copy. */
import type { Transport } from '../transport.ts';
import type { WireText } from './wire-text.ts';

/** Bytes of the engine's arena that hold constant text; what follows are slots for kept heads. */
export const ARENA_TEXT_BYTES = 4 * 1024;

export interface ArenaSlice {
  readonly start: number;
  readonly end: number;
}

export class ArenaText {
  readonly #transport: Transport;
  #next: number;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#next = transport.ownStart;
  }

  /** Puts text there for good. @throws RangeError when the part is full: only the engine's own constants come here. */
  put(text: WireText): ArenaSlice {
    const start = this.#next;
    const end = start + text.length;
    if (end > this.#transport.ownStart + ARENA_TEXT_BYTES) throw new RangeError('no room left for constant text');
    this.#transport.arena.set(Buffer.from(text, 'latin1'), start);
    this.#next = end;
    return { start, end };
  }
}
