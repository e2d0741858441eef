/** Where a captured connection was going: written by the kernel before its SYN, taken by the worker that accepted it. */
import { type DatapathAddon, datapathAddon } from './addon.ts';
import { LAYOUT } from './abi.ts';
import { addressText, originKey } from './records.ts';

export class OriginalDestinationMap {
  readonly #addon: DatapathAddon = datapathAddon();
  readonly #value = new Uint8Array(LAYOUT.destination.size);
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Null: not known; the connection must be closed, never sent elsewhere. */
  take(cookie: string, peer: { ip: string; port: number }): { ip: string; port: number } | null {
    const key = originKey(cookie, peer);
    if (!this.#addon.mapLookup(this.#fd, key, this.#value)) return null;
    this.#addon.mapDelete(this.#fd, key);
    return { ip: addressText(this.#value), port: new DataView(this.#value.buffer).getUint16(LAYOUT.destination.port) };
  }
}
