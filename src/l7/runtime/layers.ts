/** Where names and addresses are looked up: the layers of the configuration, and what a client or a gateway sees of them. */
import { ChangingMap } from '../../base/changing-map.ts';
import { current, type Epoch } from '../../base/epoch.ts';
import { HostIndex, HostTable } from '../routing/host-index.ts';
import { RouteTable } from '../routing/route-table.ts';
import type { VirtualHost } from '../routing/virtual-host.ts';
import type { DestinationConfig } from '../config/workload.ts';
import type { Action } from './actions.ts';
import { AddressRanges } from './address-ranges.ts';

export type Table = RouteTable<Action>;
export type Hosts = HostTable<VirtualHost<Action>>;

/** A power of two. */
const SHARDS = 64;

/** A destination, and the record that it stands in: another record may take the address over. */
export type Address = DestinationConfig & { readonly record: string };

export class Layer {
  readonly id: string;
  /** By `ip:port`, or `*:port`. */
  readonly addresses: ChangingMap<string, Address>;
  /** Which ranges of addresses are among them. */
  readonly ranges = new AddressRanges();
  /** Scopes and gateways that look here. */
  views = 0;

  constructor(id: string, epoch: Epoch) {
    this.id = id;
    this.addresses = new ChangingMap(epoch, SHARDS);
  }
}

export class Layers {
  readonly index: HostIndex<VirtualHost<Action>>;
  readonly #epoch: Epoch;
  readonly #layers = new Map<string, Layer>();
  readonly #tables = new Map<string, Hosts>();
  #nextTable = 0;

  constructor(epoch: Epoch) {
    this.#epoch = epoch;
    this.index = new HostIndex(epoch);
  }

  layer(id: string): Layer {
    let layer = this.#layers.get(id);
    if (layer === undefined) this.#layers.set(id, (layer = new Layer(id, this.#epoch)));
    return layer;
  }

  /** @param namespace of the clients that alone use these names; null: names that everyone uses. */
  hosts(layer: string, port: number, namespace: string | null): Hosts {
    const key = tableKey(layer, port, namespace);
    let table = this.#tables.get(key);
    if (table === undefined) this.#tables.set(key, (table = new HostTable((this.#nextTable += 2))));
    return table;
  }

  /** Whether the layer has names at this port. */
  serves(layer: string, port: number): boolean {
    const table = this.#tables.get(tableKey(layer, port, null));
    return table !== undefined && current(table.names, this.#epoch) > 0;
  }

  /** Names of the client's own namespace come before those of everyone, in each layer. @param rooted whether a final dot does not matter. */
  table(layers: readonly string[], port: number, namespace: string | null, rooted = true): Table {
    const tables = layers.flatMap((layer) => {
      const all = this.hosts(layer, port, null);
      return namespace === null ? [all] : [this.hosts(layer, port, namespace), all];
    });
    for (const table of tables) table.views++;
    return new RouteTable(this.index, tables, rooted);
  }

  forget(table: Table): void {
    for (const hosts of table.tables) hosts.views--;
  }

  /** Drops what nobody uses any more. */
  sweep(): void {
    for (const [key, table] of this.#tables) if (table.unused) this.#tables.delete(key);
    for (const [id, layer] of this.#layers) if (layer.views === 0 && layer.addresses.bound === 0) this.#layers.delete(id);
  }
}

function tableKey(layer: string, port: number, namespace: string | null): string {
  return namespace === null ? `${layer}|${port}` : `${layer}|${port}|${namespace}`;
}
