/**
 * How many requests a client has begun lately, over all workers: what a budget of retries looks at, where it has an interval. Two
 * intervals are counted, and of the one before as much as still lies within the last interval, as if its requests had come evenly.
 */
import { Fact, type Ledger } from './ledger.ts';

export class RecentRequests {
  readonly #ledger: Ledger;
  readonly #row: number;
  readonly #now: () => number;

  constructor(ledger: Ledger, row: number, now: () => number) {
    this.#ledger = ledger;
    this.#row = row;
    this.#now = now;
  }

  begun(intervalMs: number): void {
    this.#turn(intervalMs);
    this.#ledger.addFact(this.#row, Fact.Begun, 1);
  }

  /** Within the last interval. */
  count(intervalMs: number): number {
    this.#turn(intervalMs);
    const left = 1 - (this.#now() % intervalMs) / intervalMs;
    return this.#ledger.fact(this.#row, Fact.Begun) + this.#ledger.fact(this.#row, Fact.BegunBefore) * left;
  }

  /** The first worker that comes into another interval begins it for all. */
  #turn(intervalMs: number): void {
    const interval = Math.floor(this.#now() / intervalMs) | 0;
    const known = this.#ledger.fact(this.#row, Fact.Interval);
    if (known === interval || !this.#ledger.changeFact(this.#row, Fact.Interval, known, interval)) return;
    const begun = this.#ledger.fact(this.#row, Fact.Begun);
    this.#ledger.setFact(this.#row, Fact.BegunBefore, ((interval - known) | 0) === 1 ? begun : 0);
    this.#ledger.addFact(this.#row, Fact.Begun, -begun);
  }
}
