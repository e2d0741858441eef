/**
 * Narrows a long list of routes down to those whose path may match, in their order. Exact paths and prefixes are found by the
 * hash of the path's beginning, at the lengths where the configuration has something; what is neither (regular expressions,
 * matches that ignore case, no path) is always a candidate. The cost is one pass over the path and the candidates met before the
 * first match, however many routes there are.
 *
 * A candidate may be wrong (hashes collide): the route itself is asked in the end.
 */
import type { Head } from '../message/head.ts';

const SLASH = 47;

function mix(hash: number, byte: number): number {
  return (Math.imul(hash, 0x01000193) ^ byte) | 0;
}

/** What of a route decides where it is filed. */
export interface PathKey {
  readonly kind: 'exact' | 'prefix' | 'other';
  readonly bytes: Uint8Array;
}

export class PathIndex {
  readonly #exact = new Map<number, number[]>();
  readonly #prefix = new Map<number, number[]>();
  readonly #always: number[] = [];
  /** 1 at the lengths that some prefix has. */
  #lengths = new Uint8Array(0);
  #size = 0;
  // The search under way: ascending lists to be merged, and how far each has been read.
  readonly #lists: (readonly number[])[] = [];
  readonly #cursors: number[] = [];
  #count = 0;

  /** Adds the route that follows those known. */
  add({ kind, bytes }: PathKey): void {
    const index = this.#size++;
    if (kind === 'other') {
      this.#always.push(index);
      return;
    }
    append(kind === 'exact' ? this.#exact : this.#prefix, hashOf(bytes), index);
    if (kind === 'prefix') this.#noteLength(bytes.length);
  }

  begin(head: Head): void {
    const { bytes, pathStart, pathEnd } = head;
    this.#count = 0;
    this.#push(this.#always);
    let hash = 0;
    this.#pushPrefix(0, hash);
    if (pathEnd === pathStart) {
      hash = mix(hash, SLASH);
      this.#pushPrefix(1, hash);
    }
    for (let p = pathStart; p < pathEnd; p++) {
      hash = mix(hash, bytes[p] as number);
      this.#pushPrefix(p + 1 - pathStart, hash);
    }
    const exact = this.#exact.get(hash);
    if (exact !== undefined) this.#push(exact);
  }

  /** The next candidate, in ascending order, or -1. */
  next(): number {
    let best = -1;
    let from = -1;
    for (let i = 0; i < this.#count; i++) {
      const candidate = (this.#lists[i] as readonly number[])[this.#cursors[i] as number];
      if (candidate !== undefined && (best < 0 || candidate < best)) {
        best = candidate;
        from = i;
      }
    }
    if (from >= 0) this.#cursors[from] = (this.#cursors[from] as number) + 1;
    return best;
  }

  #pushPrefix(length: number, hash: number): void {
    if (this.#lengths[length] !== 1) return;
    const list = this.#prefix.get(hash);
    if (list !== undefined) this.#push(list);
  }

  #noteLength(length: number): void {
    if (length >= this.#lengths.length) {
      const longer = new Uint8Array(length + 1);
      longer.set(this.#lengths);
      this.#lengths = longer;
    }
    this.#lengths[length] = 1;
  }

  #push(list: readonly number[]): void {
    this.#lists[this.#count] = list;
    this.#cursors[this.#count++] = 0;
  }
}

function append(map: Map<number, number[]>, hash: number, index: number): void {
  const list = map.get(hash);
  if (list === undefined) map.set(hash, [index]);
  else list.push(index);
}

function hashOf(bytes: Uint8Array): number {
  let hash = 0;
  for (const byte of bytes) hash = mix(hash, byte);
  return hash;
}
