/** Where names and addresses are looked up: the layers of the configuration, and what a client or a gateway sees of them. */
import { current, type Epoch } from '../../base/epoch.ts';
import { HostIndex, HostTable } from '../routing/host-index.ts';
import { type HostSource, RouteTable } from '../routing/route-table.ts';
import type { Action } from './actions.ts';
import { AddressRanges } from './address-ranges.ts';

export type Table = RouteTable<Action>;
/** Names, and the numbers of the records in which they stand. */
export type Names = HostTable<number>;

export class Layer {
  readonly id: string;
  /** By `ip:port`, or `*:port`. */
  readonly addresses: Names;
  /** Which ranges of addresses are among them. */
  readonly ranges = new AddressRanges();
  /** Scopes and gateways that look here. */
  views = 0;

  constructor(id: string, addresses: Names) {
    this.id = id;
    this.addresses = addresses;
  }
}

export class Layers {
  /** Names of virtual hosts. */
  readonly index: HostIndex<number>;
  readonly addresses: HostIndex<number>;
  readonly #hosts: HostSource<Action>;
  readonly #epoch: Epoch;
  readonly #layers = new Map<string, Layer>();
  readonly #tables = new Map<string, Names>();
  #nextTable = 0;

  constructor(epoch: Epoch, hosts: HostSource<Action>) {
    this.#epoch = epoch;
    this.#hosts = hosts;
    this.index = new HostIndex(epoch);
    this.addresses = new HostIndex(epoch);
  }

  layer(id: string): Layer {
    let layer = this.#layers.get(id);
    if (layer === undefined) this.#layers.set(id, (layer = new Layer(id, this.#newTable())));
    return layer;
  }

  /** @param namespace of the clients that alone use these names; null: names that everyone uses. */
  hosts(layer: string, port: number, namespace: string | null): Names {
    const key = tableKey(layer, port, namespace);
    let table = this.#tables.get(key);
    if (table === undefined) this.#tables.set(key, (table = this.#newTable()));
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
    return new RouteTable(this.index, this.#hosts, tables, rooted);
  }

  forget(table: Table): void {
    for (const hosts of table.tables) hosts.views--;
  }

  /** Drops what nobody uses any more. */
  sweep(): void {
    for (const [key, table] of this.#tables) if (table.unused) this.#tables.delete(key);
    for (const [id, layer] of this.#layers) if (layer.views === 0 && layer.addresses.unused) this.#layers.delete(id);
  }

  #newTable(): Names {
    return new HostTable((this.#nextTable += 2));
  }
}

function tableKey(layer: string, port: number, namespace: string | null): string {
  return namespace === null ? `${layer}|${port}` : `${layer}|${port}|${namespace}`;
}
