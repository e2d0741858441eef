/** Values by host name, found from bytes without a string: open addressing over a hash that runs from the end of the name. */
import { lower } from '../http1/authority.ts';

const DOT = 46;

/** One step of the hash, towards the start of the name. A suffix's hash is met on the way to the whole name's. */
function mix(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + lower(byte)) | 0;
}

/** Spreads the bits, since only the lowest of them choose the slot. */
function slotOf(hash: number, mask: number): number {
  return (hash ^ (hash >>> 15) ^ (hash >>> 7)) & mask;
}

class NameTable<V> {
  readonly #names: Uint8Array[] = [];
  readonly #values: V[] = [];
  readonly #hashes: Int32Array;
  readonly #slots: Int32Array;

  constructor(entries: ReadonlyMap<string, V>) {
    let size = 4;
    while (size < 2 * entries.size) size *= 2;
    this.#hashes = new Int32Array(size);
    this.#slots = new Int32Array(size).fill(-1);
    for (const [name, value] of entries) this.#add(Buffer.from(name, 'latin1'), value);
  }

  #add(name: Uint8Array, value: V): void {
    let hash = 0;
    for (let i = name.length - 1; i >= 0; i--) hash = mix(hash, name[i] as number);
    const mask = this.#slots.length - 1;
    let k = slotOf(hash, mask);
    while ((this.#slots[k] as number) >= 0) k = (k + 1) & mask;
    this.#slots[k] = this.#names.length;
    this.#hashes[k] = hash;
    this.#names.push(name);
    this.#values.push(value);
  }

  get(bytes: Uint8Array, start: number, end: number, hash: number): V | null {
    const mask = this.#slots.length - 1;
    for (let k = slotOf(hash, mask), i = this.#slots[k] as number; i >= 0; i = this.#slots[(k = (k + 1) & mask)] as number) {
      if (this.#hashes[k] === hash && same(this.#names[i] as Uint8Array, bytes, start, end)) return this.#values[i] as V;
    }
    return null;
  }
}

function same(name: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) if (lower(bytes[start + i] as number) !== name[i]) return false;
  return true;
}

/** Exact names beat the longest `*.suffix`, which beats `*`. The first value given for a domain keeps it. */
export class HostIndex<V> {
  readonly #exact: NameTable<V>;
  readonly #suffixes: NameTable<V>;
  readonly #any: V | null;

  constructor(domains: Iterable<readonly [domain: string, value: V]>) {
    const exact = new Map<string, V>();
    const suffixes = new Map<string, V>();
    let any: V | null = null;
    for (const [domain, value] of domains) {
      const name = normalize(domain);
      if (name === '*') any ??= value;
      else if (name.startsWith('*')) keepFirst(suffixes, name.slice(1), value);
      else keepFirst(exact, name, value);
    }
    this.#exact = new NameTable(exact);
    this.#suffixes = new NameTable(suffixes);
    this.#any = any;
  }

  /** @param start, end the host: no port, no brackets, no final dot. */
  find(bytes: Uint8Array, start: number, end: number): V | null {
    let hash = 0;
    let found = this.#any;
    for (let p = end - 1; p >= start; p--) {
      const byte = bytes[p] as number;
      hash = mix(hash, byte);
      // A wildcard stands for at least one character, and the leftmost dot belongs to the longest suffix.
      if (byte === DOT && p > start) found = this.#suffixes.get(bytes, p, end, hash) ?? found;
    }
    return this.#exact.get(bytes, start, end, hash) ?? found;
  }
}

function keepFirst<V>(map: Map<string, V>, name: string, value: V): void {
  if (!map.has(name)) map.set(name, value);
}

function normalize(domain: string): string {
  const name = domain.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  return name.length > 1 && name.endsWith('.') ? name.slice(0, -1) : name;
}
