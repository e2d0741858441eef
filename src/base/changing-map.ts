/** A map whose entries change together (see epoch.ts). It is cut into shards, so that it grows without a pause. */
import { Change, change, current, settled, upcoming, type Changing, type Epoch, type Held } from './epoch.ts';

/** Entries that settle in one step. */
const STEP = 64;

type Key = string | number;
type Shard<K, V> = Map<K, Held<V | undefined>>;

export class ChangingMap<K extends Key, V> implements Changing {
  readonly #epoch: Epoch;
  readonly #shards: (Shard<K, V> | undefined)[];
  #touched: K[] = [];

  /** @param shards a power of two. */
  constructor(epoch: Epoch, shards = 1) {
    this.#epoch = epoch;
    this.#shards = new Array<Shard<K, V> | undefined>(shards).fill(undefined);
  }

  get(key: K): V | undefined {
    const shard = this.#shardOf(key);
    return shard === undefined ? undefined : current(shard.get(key), this.#epoch);
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  /** What `get` will return. */
  upcoming(key: K): V | undefined {
    const shard = this.#shardOf(key);
    return shard === undefined ? undefined : upcoming(shard.get(key));
  }

  *entries(): Generator<[K, V]> {
    for (const shard of this.#shards) {
      for (const [key, held] of shard ?? []) {
        const value = current(held, this.#epoch);
        if (value !== undefined) yield [key, value];
      }
    }
  }

  *values(): Generator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  /** Entries that are there, or will be, or were. */
  get bound(): number {
    return this.#shards.reduce((sum, shard) => sum + (shard?.size ?? 0), 0);
  }

  /** @param value undefined: the entry goes. @returns whether this map has to be settled now and had not before. */
  stage(key: K, value: V | undefined): boolean {
    const shard = this.#shardFor(key);
    const held = shard.get(key);
    const next = change<V | undefined>(held, value, this.#epoch);
    if (next === undefined) {
      shard.delete(key);
      return false;
    }
    shard.set(key, next);
    if (!(next instanceof Change) || held === next) return false;
    return this.#touched.push(key) === 1;
  }

  settle(): boolean {
    for (let step = 0; step < STEP; step++) {
      const key = this.#touched.pop();
      if (key === undefined) return true;
      const shard = this.#shardFor(key);
      const value = settled(shard.get(key), this.#epoch);
      if (value === undefined) shard.delete(key);
      else shard.set(key, value);
    }
    return false;
  }

  #shardOf(key: K): Shard<K, V> | undefined {
    return this.#shards[shardIndex(key, this.#shards.length)];
  }

  #shardFor(key: K): Shard<K, V> {
    return (this.#shards[shardIndex(key, this.#shards.length)] ??= new Map());
  }
}

function shardIndex(key: Key, shards: number): number {
  if (shards === 1) return 0;
  if (typeof key === 'number') return key & (shards - 1);
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0;
  return (hash ^ (hash >>> 7) ^ (hash >>> 15)) & (shards - 1);
}
