/** What a client sees of the mesh. */
import { socketText } from '../../base/socket-address.ts';
import { type DestinationConfig, type ScopeConfig, sniLayer } from '../config/workload.ts';
import type { AddressBook } from './address-book.ts';
import type { Layer, Layers, Table } from './layers.ts';

export class Scope {
  readonly config: ScopeConfig;
  readonly #layers: Layers;
  readonly #addresses: AddressBook;
  readonly #own: readonly Layer[];
  /** By port. A view costs a microsecond and holds nothing that changes, so it is made for ports that are used. */
  readonly #tables = new Map<number, Table>();
  readonly #names = new Map<number, Table>();

  constructor(config: ScopeConfig, layers: Layers, addresses: AddressBook) {
    this.config = config;
    this.#layers = layers;
    this.#addresses = addresses;
    this.#own = config.layers.map((id) => layers.layer(id));
    for (const layer of this.#own) layer.views++;
  }

  get outboundTrafficPolicy(): ScopeConfig['outboundTrafficPolicy'] {
    return this.config.outboundTrafficPolicy;
  }

  /** What stands behind an address; null: unknown. */
  destination(ip: string, port: number): DestinationConfig | null {
    return this.#lookUp(socketText(ip, port)) ?? this.#inRange(ip, port) ?? this.#lookUp(`*:${port}`);
  }

  /** The names that this client may ask for at a port; null when there is none. */
  table(port: number): Table | null {
    const { layers, namespace } = this.config;
    if (!layers.some((layer) => this.#layers.serves(layer, port))) return null;
    let table = this.#tables.get(port);
    if (table === undefined) this.#tables.set(port, (table = this.#layers.table(layers, port, namespace)));
    return table;
  }

  /** The names that TLS clients may ask for at a port; null when there is none. */
  names(port: number): Table | null {
    const layers = this.config.layers.map(sniLayer);
    if (!layers.some((layer) => this.#layers.serves(layer, port))) return null;
    let table = this.#names.get(port);
    if (table === undefined) this.#names.set(port, (table = this.#layers.table(layers, port, null)));
    return table;
  }

  /** Of the ranges that have the address, the narrowest. */
  #inRange(ip: string, port: number): DestinationConfig | null {
    const found = this.#own.flatMap(({ ranges }) => ranges.of(ip)).sort((a, b) => b.bits - a.bits);
    for (const { key } of found) {
      const destination = this.#lookUp(`${key}:${port}`);
      if (destination !== null) return destination;
    }
    return null;
  }

  dispose(): void {
    for (const table of this.#names.values()) this.#layers.forget(table);
    for (const table of this.#tables.values()) this.#layers.forget(table);
    for (const layer of this.#own) layer.views--;
    this.#tables.clear();
    this.#names.clear();
  }

  #lookUp(key: string): DestinationConfig | null {
    for (const layer of this.#own) {
      const destination = this.#addresses.destination(layer, key);
      if (destination !== null) return destination;
    }
    return null;
  }
}
