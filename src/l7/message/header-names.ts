/**
 * Interned header names: a small id for each name that the engine or the configuration asks for, found from bytes by one
 * hash, so that no header name becomes a string on the way of a request.
 */

/** 0 for bytes that may not stand in a token (RFC 9110 §5.6.2), else the byte in lower case. */
export const TOKEN_LOWER: Uint8Array = (() => {
  const table = new Uint8Array(256);
  for (const c of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") table[c.charCodeAt(0)] = c.charCodeAt(0);
  for (let c = 65; c <= 90; c++) table[c] = c + 32;
  return table;
})();

const TABLE = 4096;

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
  'x-envoy-ratelimited',
  'x-envoy-decorator-operation',
  'x-envoy-peer-metadata',
  'x-envoy-peer-metadata-id',
  'grpc-status',
] as const;
export type WellKnownName = (typeof WELL_KNOWN)[number];

/** `H['content-length']` and so on: the ids of the well-known names. */
export const H: Readonly<Record<WellKnownName, number>> = Object.fromEntries(WELL_KNOWN.map((name, id) => [name, id])) as Record<
  WellKnownName,
  number
>;

export class HeaderNames {
  /** Names that fit; past it `intern` throws, and the configuration that asked for one more is refused. */
  static readonly CAPACITY = 1024;

  readonly #bytes: Uint8Array[] = [];
  readonly #hashes = new Int32Array(TABLE);
  readonly #ids = new Int32Array(TABLE).fill(-1);

  constructor() {
    for (const name of WELL_KNOWN) this.intern(name);
  }

  get size(): number {
    return this.#bytes.length;
  }

  /** The id of `name`, given out now if it has none. Case does not matter. @throws RangeError when the table is full. */
  intern(name: string): number {
    const bytes = Buffer.from(name.toLowerCase(), 'latin1');
    let hash = 0;
    for (const byte of bytes) hash = HeaderNames.mix(hash, byte);
    const known = this.find(bytes, 0, bytes.length, hash);
    if (known >= 0) return known;
    if (this.#bytes.length === HeaderNames.CAPACITY) throw new RangeError(`more than ${HeaderNames.CAPACITY} header names`);
    let k = hash & (TABLE - 1);
    while ((this.#ids[k] as number) >= 0) k = (k + 1) & (TABLE - 1);
    this.#ids[k] = this.#bytes.length;
    this.#hashes[k] = hash;
    return this.#bytes.push(bytes) - 1;
  }

  nameOf(id: number): string {
    return Buffer.from(this.#bytes[id] as Uint8Array).toString('latin1');
  }

  /** One step of the hash that `find` wants, over lower-case bytes, starting at 0. */
  static mix(hash: number, lower: number): number {
    return (Math.imul(hash, 31) + lower) | 0;
  }

  /** The id of the name `bytes[start, end)` (any case) whose hash is given, or -1. */
  find(bytes: Uint8Array, start: number, end: number, hash: number): number {
    let k = hash & (TABLE - 1);
    for (let id = this.#ids[k] as number; id >= 0; id = this.#ids[k] as number) {
      if (this.#hashes[k] === hash && this.#equal(id, bytes, start, end)) return id;
      k = (k + 1) & (TABLE - 1);
    }
    return -1;
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
