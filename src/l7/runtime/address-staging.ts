/** Prepares addresses: they lead to the records in which they stand. */
import type { AddressesConfig } from '../config/workload.ts';
import type { RecordView } from '../packed/record-memory.ts';
import type { AddressBook } from './address-book.ts';
import type { Later } from './later.ts';
import type { Layers } from './layers.ts';

export class AddressStaging {
  readonly #book: AddressBook;
  readonly #memory: RecordView;
  readonly #layers: Layers;
  readonly #later: Later;
  /** Records that are not packed. */
  readonly #heavy = new Map<string, number>();
  #lastHeavy = 0;

  constructor(book: AddressBook, memory: RecordView, layers: Layers, later: Later) {
    this.#book = book;
    this.#memory = memory;
    this.#layers = layers;
    this.#later = later;
  }

  setPacked(place: number): void {
    const id = this.#memory.key(place);
    const config = this.#memory.read(place) as AddressesConfig;
    this.#dropHeavy(id);
    const { table } = this.#book;
    const known = table.find(id);
    const before = this.#packedAt(known);
    const number = known < 0 ? table.add(id) : known;
    this.#stagePacked(number, place);
    this.#rename(number, before, config);
  }

  set(id: string, config: AddressesConfig): void {
    this.#dropPacked(id);
    const known = this.#heavy.get(id);
    const number = known ?? --this.#lastHeavy;
    const before = known === undefined ? null : (this.#book.heavy.upcoming(known) ?? null);
    this.#heavy.set(id, number);
    this.#later.settleIf(this.#book.heavy, this.#book.heavy.stage(number, config));
    this.#rename(number, before, config);
  }

  remove(id: string): void {
    this.#dropPacked(id);
    this.#dropHeavy(id);
  }

  #dropPacked(id: string): void {
    const number = this.#book.table.find(id);
    const before = this.#packedAt(number);
    if (before === null) return;
    this.#stagePacked(number, 0);
    this.#rename(number, before, null);
  }

  #dropHeavy(id: string): void {
    const number = this.#heavy.get(id);
    if (number === undefined) return;
    this.#heavy.delete(id);
    const { heavy } = this.#book;
    const before = heavy.upcoming(number) ?? null;
    this.#later.settleIf(heavy, heavy.stage(number, undefined));
    this.#rename(number, before, null);
  }

  #packedAt(number: number): AddressesConfig | null {
    const place = this.#book.table.upcoming(number);
    return place === 0 ? null : (this.#memory.read(place) as AddressesConfig);
  }

  #stagePacked(number: number, place: number): void {
    const { table } = this.#book;
    this.#book.forget(number);
    this.#later.settleIf(table, table.stage(number, place));
  }

  /** Addresses that another record has taken over stay with that. */
  #rename(number: number, before: AddressesConfig | null, after: AddressesConfig | null): void {
    const kept = new Set(before?.layer === after?.layer ? after?.entries.map(([key]) => key) : []);
    const gone = before?.entries.filter(([key]) => !kept.has(key)) ?? [];
    if (before !== null) this.#unname(number, { ...before, entries: gone });
    if (after !== null) this.#name(number, after);
  }

  #name(number: number, { layer, entries }: AddressesConfig): void {
    const { addresses, ranges } = this.#layers.layer(layer);
    const index = this.#layers.addresses;
    for (const [key] of entries) {
      if (index.upcoming(addresses, key) === undefined) ranges.add(key);
      this.#later.settleIf(index, index.set(addresses, key, number));
    }
  }

  #unname(number: number, { layer, entries }: AddressesConfig): void {
    const { addresses, ranges } = this.#layers.layer(layer);
    const index = this.#layers.addresses;
    for (const [key] of entries) {
      if (index.upcoming(addresses, key) !== number) continue;
      this.#later.settleIf(index, index.remove(addresses, key, number));
      this.#later.run(() => ranges.remove(key));
    }
  }
}
