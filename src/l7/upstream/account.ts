/** What one client has at one endpoint of a cluster, over all workers: its connections, and how the endpoint fares. */
import { Fact, type Ledger, Resource } from './ledger.ts';

export class Account {
  readonly #ledger: Ledger;
  readonly #row: number;

  constructor(ledger: Ledger, row: number) {
    this.#ledger = ledger;
    this.#row = row;
  }

  // ── connections ───────────────────────────────────────────────────────────────────────────────────────────────

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

  // ── health ────────────────────────────────────────────────────────────────────────────────────────────────────

  get isEjected(): boolean {
    return this.#ledger.fact(this.#row, Fact.IsEjected) !== 0;
  }

  /** Now, or not so long ago that it is forgotten. */
  get wasEjected(): boolean {
    return this.isEjected || this.#ledger.fact(this.#row, Fact.Multiplier) > 0;
  }

  /** @returns how many there are in succession. */
  error(fact: Fact): number {
    return this.#ledger.addFact(this.#row, fact, 1);
  }

  /** Nearly always there is nothing to clear, and then nothing is written. */
  clear(fact: Fact): void {
    if (this.#ledger.fact(this.#row, fact) !== 0) this.#ledger.setFact(this.#row, fact, 0);
  }

  /** @returns false when another worker has done so. */
  eject(now: number, maxMultiplier: number): boolean {
    // The time first: whoever sees the ejection sees its beginning.
    this.#ledger.setFact(this.#row, Fact.EjectedAt, now);
    if (!this.#ledger.changeFact(this.#row, Fact.IsEjected, 0, 1)) return false;
    if (this.#ledger.fact(this.#row, Fact.Multiplier) < maxMultiplier) this.#ledger.addFact(this.#row, Fact.Multiplier, 1);
    return true;
  }

  isOver(now: number, baseMs: number, mostMs: number): boolean {
    return this.ejectedFor(now, baseMs, mostMs) <= 0;
  }

  /** Milliseconds until its ejection may end. */
  ejectedFor(now: number, baseMs: number, mostMs: number): number {
    const wait = Math.min(baseMs * this.#ledger.fact(this.#row, Fact.Multiplier), mostMs);
    return wait - ((now - this.#ledger.fact(this.#row, Fact.EjectedAt)) | 0);
  }

  /** It is in use again, and begins anew. @returns false when another worker has done so. */
  readmit(): boolean {
    for (const fact of [Fact.Errors, Fact.GatewayErrors, Fact.LocalErrors]) this.clear(fact);
    return this.#ledger.changeFact(this.#row, Fact.IsEjected, 1, 0);
  }

  /** An interval has passed without an ejection. */
  recover(): void {
    const multiplier = this.#ledger.fact(this.#row, Fact.Multiplier);
    if (multiplier > 0) this.#ledger.changeFact(this.#row, Fact.Multiplier, multiplier, multiplier - 1);
  }
}
