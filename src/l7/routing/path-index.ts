/**
 * Narrows a long list of routes down to those that may match, in their order. Exact paths and prefixes are found by the hash of the
 * path's beginning, at the lengths where the configuration has something. A route that asks for exact values of headers may be found
 * by one of them instead: it is filed where fewer routes are so far, so neither one path for all tenants nor one header for all paths
 * makes a long list. What is neither (expressions that begin with no text, matches that ignore case, no path, and no such header) is always a
 * candidate. The cost is one pass over the path and those headers, and the candidates met before the first match, however many routes
 * there are.
 *
 * A candidate may be wrong (hashes collide): the route itself is asked in the end.
 */
import type { Head } from '../message/head.ts';

const SLASH = 47;

function mix(hash: number, byte: number): number {
  return (Math.imul(hash, 0x01000193) ^ byte) | 0;
}

/** Headers by which routes are found; more would cost every request a look for each of them. */
const MAX_HEADERS = 8;

/** An exact value that a route asks for. */
export interface HeaderKey {
  /** Interned name. */
  readonly id: number;
  readonly bytes: Uint8Array;
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
  /** By name, then by the hash of the value. */
  readonly #headers: { readonly id: number; readonly values: Map<number, number[]> }[] = [];
  /** 1 at the lengths that some prefix has. */
  #lengths = new Uint8Array(0);
  #size = 0;
  // The search under way: ascending lists to be merged, and how far each has been read.
  readonly #lists: (readonly number[])[] = [];
  readonly #cursors: number[] = [];
  #count = 0;

  /** Adds the route that follows those known. */
  add({ kind, bytes }: PathKey, headers: readonly HeaderKey[]): void {
    const index = this.#size++;
    const byPath = kind === 'exact' ? this.#exact : this.#prefix;
    const path = kind === 'other' ? 0 : hashOf(bytes);
    const others = kind === 'other' ? Infinity : (byPath.get(path)?.length ?? 0);
    if (others > 0 && this.#addByHeader(headers, others, index)) return;
    if (kind === 'other') {
      this.#always.push(index);
      return;
    }
    append(byPath, path, index);
    if (kind === 'prefix') this.#noteLength(bytes.length);
  }

  /** @param others how many routes stand where this one would be filed by its path. */
  #addByHeader(headers: readonly HeaderKey[], others: number, index: number): boolean {
    let best: Map<number, number[]> | null = null;
    let value = 0;
    let fewest = others;
    for (const { id, bytes } of headers) {
      const values = this.#valuesOf(id);
      if (values === null) continue;
      const hash = hashOf(bytes);
      const count = values.get(hash)?.length ?? 0;
      if (count < fewest) {
        best = values;
        value = hash;
        fewest = count;
      }
    }
    if (best === null) return false;
    append(best, value, index);
    return true;
  }

  #valuesOf(id: number): Map<number, number[]> | null {
    const known = this.#headers.find((header) => header.id === id);
    if (known !== undefined) return known.values;
    if (this.#headers.length === MAX_HEADERS) return null;
    const values = new Map<number, number[]>();
    this.#headers.push({ id, values });
    return values;
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
    for (let i = 0; i < this.#headers.length; i++) this.#pushHeader(head, this.#headers[i]!);
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

  /** Repeated lines are looked at one by one, as the conditions do. */
  #pushHeader(head: Head, { id, values }: { readonly id: number; readonly values: ReadonlyMap<number, readonly number[]> }): void {
    const first = head.find(id);
    if (first < 0) return;
    const { bytes, valueStart, valueEnd } = head;
    for (let i = first; i < head.count; i++) {
      if (head.id[i] !== id) continue;
      let hash = 0;
      for (let p = valueStart[i] as number; p < (valueEnd[i] as number); p++) hash = mix(hash, bytes[p] as number);
      const list = values.get(hash);
      if (list !== undefined) this.#push(list);
    }
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
