/**
 * Values by table and host name, found from bytes without a string: one hash that runs from the end of the name serves all tables in
 * which a client's names are looked up, and all suffixes. One index holds all tables of a worker, in shards, so that none is ever
 * made or grown as a whole. Entries change together (src/base/epoch.ts).
 *
 * Invariant (test/l7/routing/host-index.test.ts): `find` answers as a plain map of all domains would.
 */
import { lower } from '../message/ascii.ts';
import { Change, change, current, settled, upcoming, type Changing, type Epoch, type Held } from '../../base/epoch.ts';
import { HostShard } from './host-shard.ts';

const DOT = 46;
/** A power of two. A million names make shards of four thousand. */
const SHARDS = 256;
/** Entries that settle in one step. */
const STEP = 32;

/** One step of the hash, towards the start of the name. A suffix's hash is met on the way to the whole name's. */
function mix(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + lower(byte)) | 0;
}

/** The hash of a name within a table: its low bits choose the slot, its high ones the shard. */
function within(table: number, hash: number): number {
  let h = hash ^ Math.imul(table, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Names that are looked up together: those of one layer and port, or of one namespace there. */
export class HostTable<V> {
  /** Even; the next one is that of the suffixes. */
  readonly id: number;
  /** Exact names and suffixes that are there, will be or were: a table without any is passed over. */
  exact = 0;
  suffixes = 0;
  any: Held<V | undefined> = undefined;
  /** Names that readers see. */
  names: Held<number> = 0;
  /** Views that look here. */
  views = 0;

  constructor(id: number) {
    this.id = id;
  }

  get unused(): boolean {
    return this.views === 0 && this.exact === 0 && this.suffixes === 0 && this.any === undefined;
  }
}

interface Touched<V> {
  readonly table: HostTable<V>;
  readonly domain: string;
}

export class HostIndex<V> implements Changing {
  readonly epoch: Epoch;
  readonly #shards: (HostShard<V> | undefined)[] = new Array<HostShard<V> | undefined>(SHARDS).fill(undefined);
  #touched: Touched<V>[] = [];

  constructor(epoch: Epoch) {
    this.epoch = epoch;
  }

  /** @param domain a host, `*.suffix` or `*`. @returns whether the index is to be settled now, and was not before. */
  set(table: HostTable<V>, domain: string, value: V): boolean {
    return this.#stage(table, domain, value);
  }

  /** Takes the name away from `owner`; another one that has got it meanwhile keeps it. */
  remove(table: HostTable<V>, domain: string, owner: V): boolean {
    return this.upcoming(table, domain) === owner && this.#stage(table, domain, undefined);
  }

  /** The value of exactly this name. */
  get(table: HostTable<V>, domain: string): V | undefined {
    const { id, bytes, hash, shard } = this.#locate(table, domain);
    const entry = shard.find(hash, id, bytes, 0, bytes.length);
    return entry < 0 ? undefined : shard.get(entry, this.epoch);
  }

  /**
   * An exact name in any table beats a suffix in any, a longer suffix a shorter one, any of them `*`; of equals the first table's wins.
   * @param start, end the host: no port, no brackets, no final dot.
   */
  find(tables: readonly HostTable<V>[], bytes: Uint8Array, start: number, end: number): V | null {
    let suffixes = 0;
    for (let i = 0; i < tables.length; i++) suffixes += (tables[i] as HostTable<V>).suffixes;
    let hash = 0;
    let found: V | undefined;
    for (let p = end - 1; p >= start; p--) {
      const byte = bytes[p] as number;
      hash = mix(hash, byte);
      // A wildcard stands for at least one character, and the leftmost dot belongs to the longest suffix.
      if (suffixes > 0 && byte === DOT && p > start) found = this.#suffix(tables, hash, bytes, p, end) ?? found;
    }
    for (let i = 0; i < tables.length; i++) {
      const table = tables[i] as HostTable<V>;
      const exact = table.exact === 0 ? undefined : this.#get(table.id, hash, bytes, start, end);
      if (exact !== undefined) return exact;
    }
    return found ?? this.#any(tables);
  }

  settle(): boolean {
    for (let step = 0; step < STEP; step++) {
      const touched = this.#touched.pop();
      if (touched === undefined) return true;
      this.#settleOne(touched);
    }
    return false;
  }

  #suffix(tables: readonly HostTable<V>[], hash: number, bytes: Uint8Array, start: number, end: number): V | undefined {
    for (const table of tables) {
      const value = table.suffixes === 0 ? undefined : this.#get(table.id + 1, hash, bytes, start, end);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  #any(tables: readonly HostTable<V>[]): V | null {
    for (const table of tables) {
      const value = current(table.any, this.epoch);
      if (value !== undefined) return value;
    }
    return null;
  }

  #get(table: number, hash: number, bytes: Uint8Array, start: number, end: number): V | undefined {
    const mixed = within(table, hash);
    const shard = this.#shards[mixed >>> 24];
    if (shard === undefined) return undefined;
    const entry = shard.find(mixed, table, bytes, start, end);
    return entry < 0 ? undefined : shard.get(entry, this.epoch);
  }

  /** What `get` will return. */
  upcoming(table: HostTable<V>, domain: string): V | undefined {
    if (domain === '*') return upcoming(table.any);
    const { id, bytes, hash, shard } = this.#locate(table, domain);
    const entry = shard.find(hash, id, bytes, 0, bytes.length);
    return entry < 0 ? undefined : shard.upcoming(entry);
  }

  #stage(table: HostTable<V>, domain: string, value: V | undefined): boolean {
    const before = this.upcoming(table, domain);
    const more = (value === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
    if (more !== 0) table.names = change(table.names, upcoming(table.names) + more, this.epoch);
    return this.#stageEntry(table, domain, value) && this.#touched.push({ table, domain }) === 1;
  }

  #stageEntry(table: HostTable<V>, domain: string, value: V | undefined): boolean {
    if (domain === '*') {
      const held = table.any;
      table.any = change<V | undefined>(held, value, this.epoch);
      return table.any instanceof Change && table.any !== held;
    }
    const { id, bytes, hash, shard } = this.#locate(table, domain);
    const before = shard.live;
    const touched = shard.stage(hash, id, bytes, value, this.epoch);
    count(table, id, shard.live - before);
    return touched;
  }

  #settleOne({ table, domain }: Touched<V>): void {
    table.names = settled(table.names, this.epoch);
    if (domain === '*') {
      table.any = settled(table.any, this.epoch);
      return;
    }
    const { id, bytes, hash, shard } = this.#locate(table, domain);
    const before = shard.live;
    shard.settle(hash, id, bytes, this.epoch);
    count(table, id, shard.live - before);
  }

  #locate(table: HostTable<V>, domain: string): { id: number; bytes: Uint8Array; hash: number; shard: HostShard<V> } {
    const name = normalize(domain);
    const suffix = name.startsWith('*');
    const bytes = Buffer.from(suffix ? name.slice(1) : name, 'latin1');
    let plain = 0;
    for (let i = bytes.length - 1; i >= 0; i--) plain = mix(plain, bytes[i] as number);
    const id = suffix ? table.id + 1 : table.id;
    const hash = within(id, plain);
    return { id, bytes, hash, shard: (this.#shards[hash >>> 24] ??= new HostShard<V>()) };
  }
}

function count<V>(table: HostTable<V>, id: number, more: number): void {
  if (id === table.id) table.exact += more;
  else table.suffixes += more;
}

function normalize(domain: string): string {
  const name = domain.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  return name.length > 1 && name.endsWith('.') ? name.slice(0, -1) : name;
}
