/** Where a captured connection was going: written by the kernel before its SYN, taken by the worker that accepted it. */
import { type DatapathAddon, datapathAddon } from './addon.ts';
import { LAYOUT } from './abi.ts';
import { addressText, originKey } from './records.ts';

const KEY = LAYOUT.origin_key.size;
const VALUE = LAYOUT.destination.size;
/** Connections that wait for their first byte are the newest. */
const REMEMBERED = 1024;

interface Peer {
  readonly ip: string;
  readonly port: number;
}

/** Bytes in which a worker keeps what it took last, so that it can be given back when the worker has ended. */
export function takenMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(REMEMBERED * (KEY + VALUE));
}

export class OriginalDestinationMap {
  readonly #addon: DatapathAddon = datapathAddon();
  readonly #value = new Uint8Array(VALUE);
  readonly #fd: number;
  readonly #taken: Uint8Array;
  #next = 0;

  constructor(fd: number, taken = takenMemory()) {
    this.#fd = fd;
    this.#taken = new Uint8Array(taken);
  }

  /** Null: not known; the connection must be closed, never sent elsewhere. */
  take(cookie: string, peer: Peer): { ip: string; port: number } | null {
    const key = originKey(cookie, peer);
    if (!this.#addon.mapLookup(this.#fd, key, this.#value)) return null;
    this.#addon.mapDelete(this.#fd, key);
    this.#remember(key);
    return { ip: addressText(this.#value), port: new DataView(this.#value.buffer).getUint16(LAYOUT.destination.port) };
  }

  #remember(key: Uint8Array): void {
    const at = this.#next * (KEY + VALUE);
    this.#taken.set(key, at);
    this.#taken.set(this.#value, at + KEY);
    this.#next = (this.#next + 1) % REMEMBERED;
  }
}

/** Writes back the destinations of these clients' connections, which a worker took that has ended: its successor takes them again. */
export function giveBackDestinations(fd: number, taken: SharedArrayBuffer, cookie: string, peers: readonly Peer[]): void {
  const wanted = new Set(peers.map((peer) => String(originKey(cookie, peer))));
  for (let at = 0; at < taken.byteLength; at += KEY + VALUE) {
    const key = new Uint8Array(taken.slice(at, at + KEY));
    if (wanted.has(String(key))) datapathAddon().mapUpdate(fd, key, new Uint8Array(taken.slice(at + KEY, at + KEY + VALUE)));
  }
}
