/**
 * Narrows a long list of routes down to those whose path may match, in their order. Exact paths and prefixes are found by the
 * hash of the path's beginning, at the lengths where the configuration has something; what is neither (regular expressions,
 * matches that ignore case, no path) is always a candidate. The cost is one pass over the path and the candidates met before the
 * first match, however many routes there are.
 *
 * A candidate may be wrong (hashes collide): the route itself is asked in the end.
 */
import type { Head } from '../message/head.ts';
import type { RouteMatch } from '../snapshot.ts';

const NONE = new Int32Array(0);
const SLASH = 47;

function mix(hash: number, byte: number): number {
  return (Math.imul(hash, 0x01000193) ^ byte) | 0;
}

export class PathIndex {
  readonly #exact = new Map<number, Int32Array>();
  readonly #prefix = new Map<number, Int32Array>();
  readonly #always: Int32Array;
  /** 1 at the lengths that some prefix has. */
  readonly #lengths: Uint8Array;
  // The search under way: ascending lists to be merged, and how far each has been read.
  readonly #lists: Int32Array[];
  readonly #cursors: Int32Array;
  #count = 0;

  constructor(matches: readonly RouteMatch[]) {
    const exact = new Map<number, number[]>();
    const prefix = new Map<number, number[]>();
    const always: number[] = [];
    const lengths = new Set<number>();
    for (const [i, { path, ignorePathCase }] of matches.entries()) {
      if (path?.kind === 'exact' && ignorePathCase !== true) {
        append(exact, hashOf(path.value), i);
      } else if (path?.kind === 'prefix' && ignorePathCase !== true) {
        append(prefix, hashOf(path.value), i);
        lengths.add(Buffer.byteLength(path.value));
      } else {
        always.push(i);
      }
    }
    for (const [hash, list] of exact) this.#exact.set(hash, Int32Array.from(list));
    for (const [hash, list] of prefix) this.#prefix.set(hash, Int32Array.from(list));
    this.#always = Int32Array.from(always);
    this.#lengths = new Uint8Array(Math.max(-1, ...lengths) + 1);
    for (const length of lengths) this.#lengths[length] = 1;
    this.#lists = new Array<Int32Array>(lengths.size + 2).fill(NONE);
    this.#cursors = new Int32Array(lengths.size + 2);
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
      const candidate = (this.#lists[i] as Int32Array)[this.#cursors[i] as number];
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

  #push(list: Int32Array): void {
    this.#lists[this.#count] = list;
    this.#cursors[this.#count++] = 0;
  }
}

function append(map: Map<number, number[]>, hash: number, index: number): void {
  const list = map.get(hash);
  if (list === undefined) map.set(hash, [index]);
  else list.push(index);
}

function hashOf(text: string): number {
  let hash = 0;
  for (const byte of Buffer.from(text, 'utf8')) hash = mix(hash, byte);
  return hash;
}
