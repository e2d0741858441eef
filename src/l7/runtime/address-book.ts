/**
 * What stands behind the addresses that clients connect to. Addresses lead to the number of the record in which they stand: packed ones
 * are read when a connection asks for them, others (numbers below 0) are there as objects.
 */
import { ChangingMap } from '../../base/changing-map.ts';
import type { Epoch } from '../../base/epoch.ts';
import type { AddressesConfig, DestinationConfig } from '../config/workload.ts';
import type { RecordView } from '../packed/record-memory.ts';
import type { Layer, Layers } from './layers.ts';
import { RecordTable } from './record-table.ts';

/** Records that were read and are kept; when there are more, it starts again. */
const MOST_READ = 1024;

interface Read {
  readonly place: number;
  readonly config: AddressesConfig;
}

export class AddressBook {
  readonly table: RecordTable;
  readonly heavy: ChangingMap<number, AddressesConfig>;
  readonly #layers: Layers;
  readonly #memory: RecordView;
  readonly #read = new Map<number, Read>();

  constructor(layers: Layers, memory: RecordView, epoch: Epoch) {
    this.table = new RecordTable(memory, epoch);
    this.heavy = new ChangingMap(epoch);
    this.#layers = layers;
    this.#memory = memory;
  }

  /** @param key as a record writes it. */
  destination(layer: Layer, key: string): DestinationConfig | null {
    const number = this.#layers.addresses.get(layer.addresses, key);
    const config = number === undefined ? undefined : number < 0 ? this.heavy.get(number) : this.#packed(number);
    return config?.entries.find(([address]) => address === key)?.[1] ?? null;
  }

  /** What was read of a record is not so any more. */
  forget(number: number): void {
    this.#read.delete(number);
  }

  #packed(number: number): AddressesConfig | undefined {
    const place = this.table.current(number);
    const known = this.#read.get(number);
    if (known?.place === place) return known.config;
    if (place === 0) return undefined;
    if (this.#read.size >= MOST_READ) this.#read.clear();
    const config = this.#memory.read(place) as AddressesConfig;
    this.#read.set(number, { place, config });
    return config;
  }
}
