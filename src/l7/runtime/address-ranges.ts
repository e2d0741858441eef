/**
 * Which lengths of prefixes a layer's ranges have, so that an address is looked up once for each length and not compared with every
 * range. Keys that are gone may be counted for a moment longer: a look-up more finds nothing.
 */
import { isIP } from 'node:net';
import { rangeKey } from '../../base/address-range.ts';

export interface Range {
  /** `10.0.0.0/8`, as the keys of addresses are written. */
  readonly key: string;
  readonly bits: number;
}

interface Length {
  readonly family: 4 | 6;
  readonly bits: number;
  ranges: number;
}

const NONE: readonly Range[] = [];

export class AddressRanges {
  readonly #lengths = new Map<string, Length>();

  /** @param key of an address: `10.0.0.0/8:443`, or one without a range, which says nothing here. */
  add(key: string): void {
    const length = lengthOf(key);
    if (length === null) return;
    const known = this.#lengths.get(nameOf(length));
    if (known === undefined) this.#lengths.set(nameOf(length), length);
    else known.ranges++;
  }

  remove(key: string): void {
    const length = lengthOf(key);
    if (length === null) return;
    const known = this.#lengths.get(nameOf(length));
    if (known !== undefined && --known.ranges === 0) this.#lengths.delete(nameOf(length));
  }

  /** Every range that would have the address, one for each length. */
  of(ip: string): readonly Range[] {
    if (this.#lengths.size === 0) return NONE;
    const family = ip.includes(':') ? 6 : 4;
    return [...this.#lengths.values()].filter((length) => length.family === family).map(({ bits }) => ({ key: rangeKey(ip, bits), bits }));
  }
}

function lengthOf(key: string): Length | null {
  const slash = key.indexOf('/');
  if (slash < 0) return null;
  const family = isIP(key.slice(0, slash).replace(/^\[|\]$/g, '')) === 6 ? 6 : 4;
  return { family, bits: Number.parseInt(key.slice(slash + 1), 10), ranges: 1 };
}

const nameOf = ({ family, bits }: Length): string => `${family}/${bits}`;
