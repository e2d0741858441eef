/** What one client has at one endpoint of a cluster, over all workers: its connections. */
import { type Ledger, Resource } from './ledger.ts';

export class Account {
  readonly #ledger: Ledger;
  readonly #row: number;

  constructor(ledger: Ledger, row: number) {
    this.#ledger = ledger;
    this.#row = row;
  }

  get connections(): number {
    return this.#ledger.total(this.#row, Resource.Connections);
  }

  addConnection(): void {
    this.#ledger.force(this.#row, Resource.Connections);
  }

  /** Counts a connection if there is none. */
  takeFirst(): boolean {
    return this.#ledger.take(this.#row, Resource.Connections, 1);
  }

  /** @returns how many are left. */
  giveConnection(): number {
    return this.#ledger.give(this.#row, Resource.Connections);
  }
}
