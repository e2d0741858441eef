/**
 * Interned header names: a small id for each name that the engine or the configuration asks for, found from bytes by one
 * hash, so that no header name becomes a string on the way of a request.
 *
 * Invariants (test/l7/message/header-names.test.ts):
 *  1. a name has one id from its first `intern` to its last `release`; well-known names keep theirs for good;
 *  2. an id that was given back may be given to another name, so an id is compared only with heads that were parsed in the same
 *     turn: configurations are staged and dropped between turns, and whoever waits for longer parses again;
 *  3. no call takes longer because many names are known: the table grows a few entries with each call.
 */

/** 0 for bytes that may not stand in a token (RFC 9110 §5.6.2), else the byte in lower case. */
export const TOKEN_LOWER: Uint8Array = (() => {
  const table = new Uint8Array(256);
  for (const c of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") table[c.charCodeAt(0)] = c.charCodeAt(0);
  for (let c = 65; c <= 90; c++) table[c] = c + 32;
  return table;
})();

/** Slots of the first table; a power of two. */
const SMALLEST = 256;
/** Slots of the old table that move with each change of the new one. */
const MOVE = 16;
const EMPTY = -1;
const GONE = -2;

/** Names that the engine itself asks for have fixed ids, in this order. */
export const WELL_KNOWN = [
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'upgrade',
  'expect',
  'te',
  'trailer',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'cookie',
  'server',
  'date',
  'location',
  'content-type',
  'x-request-id',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-envoy-attempt-count',
  'x-envoy-upstream-service-time',
  'x-envoy-original-path',
  'x-envoy-original-host',
  'x-envoy-external-address',
  'x-envoy-internal',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-max-retries',
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-retriable-status-codes',
  'x-envoy-retriable-header-names',
  'x-envoy-hedge-on-per-try-timeout',
  'x-envoy-upstream-alt-stat-name',
  'x-envoy-upstream-rq-timeout-alt-response',
  'x-envoy-ip-tags',
  'x-envoy-original-url',
  'x-envoy-force-trace',
  'x-envoy-ratelimited',
  'x-envoy-decorator-operation',
  'x-envoy-peer-metadata',
  'x-envoy-peer-metadata-id',
  'grpc-status',
  'grpc-timeout',
  'user-agent',
  'traceparent',
  'tracestate',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'x-client-trace-id',
  'origin',
  'access-control-request-method',
  'access-control-request-headers',
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
  'sec-websocket-key',
  'sec-websocket-accept',
] as const;
export type WellKnownName = (typeof WELL_KNOWN)[number];

/** `H['content-length']` and so on: the ids of the well-known names. */
export const H: Readonly<Record<WellKnownName, number>> = Object.fromEntries(WELL_KNOWN.map((name, id) => [name, id])) as Record<
  WellKnownName,
  number
>;

/** Gives out ids of header names. */
export interface Interner {
  /** The id of `name`, given out now if it has none. Case does not matter. */
  intern(name: string): number;
}

/** Slots by hash, open addressing. */
class SlotTable {
  readonly ids: Int32Array;
  readonly hashes: Int32Array;
  readonly mask: number;
  /** Slots that are not empty. */
  used = 0;

  constructor(size: number) {
    this.ids = new Int32Array(size).fill(EMPTY);
    this.hashes = new Int32Array(size);
    this.mask = size - 1;
  }

  add(hash: number, id: number): void {
    let k = hash & this.mask;
    while ((this.ids[k] as number) !== EMPTY) k = (k + 1) & this.mask;
    this.ids[k] = id;
    this.hashes[k] = hash;
    this.used++;
  }

  remove(hash: number, id: number): void {
    for (let k = hash & this.mask; this.ids[k] !== EMPTY; k = (k + 1) & this.mask) {
      if (this.ids[k] === id) this.ids[k] = GONE;
    }
  }
}

export class HeaderNames implements Interner {
  readonly #bytes: Uint8Array[] = [];
  readonly #hashes: number[] = [];
  readonly #uses: number[] = [];
  readonly #free: number[] = [];
  /** Changes whenever a name gets an id or loses it. */
  version = 0;
  #table = new SlotTable(SMALLEST);
  /** What has not moved to the new table yet, and from which slot on. */
  #old: SlotTable | null = null;
  #moved = 0;

  constructor() {
    for (const name of WELL_KNOWN) this.intern(name);
  }

  /** All ids are below this. */
  get bound(): number {
    return this.#bytes.length;
  }

  /** Names that have an id. */
  get size(): number {
    return this.#bytes.length - this.#free.length;
  }

  /** Each call is matched by one of `release`. */
  intern(name: string): number {
    const { bytes, hash, known } = this.#lookUp(name);
    const id = known >= 0 ? known : this.#add(bytes, hash);
    this.#uses[id] = (this.#uses[id] as number) + 1;
    return id;
  }

  release(id: number): void {
    const uses = (this.#uses[id] as number) - 1;
    this.#uses[id] = uses;
    if (uses > 0) return;
    const hash = this.#hashes[id] as number;
    this.version++;
    this.#table.remove(hash, id);
    this.#old?.remove(hash, id);
    this.#free.push(id);
  }

  /** As `release`, for who has kept the name only. @throws for a name that has no id. */
  releaseName(name: string): void {
    const { known } = this.#lookUp(name);
    if (known < 0) throw new RangeError(`the header name ${name} is given back and was not taken`);
    this.release(known);
  }

  nameOf(id: number): string {
    return Buffer.from(this.#bytes[id] as Uint8Array).toString('latin1');
  }

  /** One step of the hash that `find` wants, over lower-case bytes, starting at 0. */
  static mix(hash: number, lower: number): number {
    return (Math.imul(hash, 31) + lower) | 0;
  }

  /** The hash of the lower-case name `bytes[start, end)`. */
  static hash(bytes: Uint8Array, start: number, end: number): number {
    let hash = 0;
    for (let p = start; p < end; p++) hash = HeaderNames.mix(hash, bytes[p] as number);
    return hash;
  }

  /** The id of the name `bytes[start, end)` (any case) whose hash is given, or -1. */
  find(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const id = this.#findIn(this.#table, bytes, start, end, hash);
    return id >= 0 || this.#old === null ? id : this.#findIn(this.#old, bytes, start, end, hash);
  }

  /** `known`: its id, or -1. */
  #lookUp(name: string): { readonly bytes: Uint8Array; readonly hash: number; readonly known: number } {
    const bytes = Buffer.from(name.toLowerCase(), 'latin1');
    const hash = HeaderNames.hash(bytes, 0, bytes.length);
    return { bytes, hash, known: this.find(bytes, 0, bytes.length, hash) };
  }

  #findIn({ ids, hashes, mask }: SlotTable, bytes: Uint8Array, start: number, end: number, hash: number): number {
    for (let k = hash & mask, id = ids[k] as number; id !== EMPTY; id = ids[(k = (k + 1) & mask)] as number) {
      if (hashes[k] === hash && id >= 0 && this.#equal(id, bytes, start, end)) return id;
    }
    return -1;
  }

  #add(bytes: Uint8Array, hash: number): number {
    this.version++;
    const id = this.#free.pop() ?? this.#bytes.length;
    this.#bytes[id] = bytes;
    this.#hashes[id] = hash;
    this.#uses[id] = 0;
    this.#grow();
    this.#table.add(hash, id);
    return id;
  }

  /** Keeps the table at most half full; what the old one holds has moved long before the new one is. */
  #grow(): void {
    if (this.#old === null && this.#table.used >= (this.#table.mask + 1) / 2) {
      this.#old = this.#table;
      this.#moved = 0;
      this.#table = new SlotTable(Math.max(SMALLEST, 2 ** Math.ceil(Math.log2(4 * this.size)), (this.#old.mask + 1) / 4));
    }
    const old = this.#old;
    if (old === null) return;
    const end = Math.min(this.#moved + MOVE, old.mask + 1);
    for (; this.#moved < end; this.#moved++) {
      const id = old.ids[this.#moved] as number;
      if (id >= 0) this.#table.add(old.hashes[this.#moved] as number, id);
    }
    // Lookups that start in the part that has moved must still find what lies behind it, so the old slots stay until the end.
    if (end === old.mask + 1) this.#old = null;
  }

  #equal(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    const name = this.#bytes[id] as Uint8Array;
    if (name.length !== end - start) return false;
    for (let i = 0; i < name.length; i++) {
      if (TOKEN_LOWER[bytes[start + i] as number] !== name[i]) return false;
    }
    return true;
  }
}

/** The names that one piece of configuration uses: given back together. */
export class NameLease implements Interner {
  readonly #names: HeaderNames;
  #ids: number[] | null = null;

  constructor(names: HeaderNames) {
    this.#names = names;
  }

  intern(name: string): number {
    const id = this.#names.intern(name);
    (this.#ids ??= []).push(id);
    return id;
  }

  release(): void {
    for (const id of this.#ids ?? []) this.#names.release(id);
    this.#ids = null;
  }
}
