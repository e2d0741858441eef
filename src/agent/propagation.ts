/**
 * For how long changes of the configuration are on their way: from a source to all workers.
 *
 *     received ──▶ taken (compiled) ──▶ handed out as a version ──▶ in effect in all workers
 *
 * Changes that come together are compiled together, and the time of all is that of the first of them. What alters nothing for workers
 * is over when it is compiled. Some are held (held-changes.ts), and not part of what is compiled until they are let go.
 *
 * Invariants (test/agent/propagation.test.ts):
 *  1. a change is pending until all workers have a version in effect that it is part of;
 *  2. the time of a version is told once.
 */
import type { Clock } from '../base/clock.ts';

export interface PropagationReport {
  /** Changes of objects, and of what DNS says, that are not in effect in all workers yet. */
  readonly pending: number;
  /** Changes since the start. */
  readonly total: number;
  /** For how long the oldest of the pending ones has been on its way; 0: there is none. */
  readonly oldestSeconds: number;
}

interface Version {
  readonly version: number;
  readonly since: number;
  readonly changes: number;
}

export class Propagation {
  readonly #clock: Clock;
  #listener: (seconds: number) => void = () => {};
  /** When the first change came that is not part of a version; null: there is none. */
  #since: number | null = null;
  #compiling = 0;
  #held: { readonly since: number; readonly changes: number } | null = null;
  #total = 0;
  /** Oldest first. */
  readonly #versions: Version[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param listener gets the time that each version took. */
  listen(listener: (seconds: number) => void): void {
    this.#listener = listener;
  }

  /** Something has changed. */
  received(): void {
    this.#since ??= this.#clock.monotonic();
  }

  /** So many changes are being compiled. */
  taken(changes: number): void {
    if (changes > 0) this.received();
    this.#compiling += changes;
    this.#total += changes;
  }

  /** Of those that were taken, so many are held now. */
  holding(changes: number): void {
    const { since, changes: before } = this.#held ?? { since: this.#since ?? this.#clock.monotonic(), changes: 0 };
    if (changes < before) this.#since = since;
    this.#compiling = Math.max(0, this.#compiling + before - changes);
    this.#held = changes === 0 ? null : { since, changes };
  }

  /** @param version that all changes which were taken are part of; null: they alter nothing for workers. */
  compiled(version: number | null): void {
    if (version !== null) this.#versions.push({ version, since: this.#since ?? this.#clock.monotonic(), changes: this.#compiling });
    this.#since = null;
    this.#compiling = 0;
  }

  /** All workers have this version in effect, or a later one. */
  inEffect(version: number): void {
    for (let first = this.#versions[0]; first !== undefined && first.version <= version; first = this.#versions[0]) {
      this.#listener(this.#seconds(first.since));
      this.#versions.shift();
    }
  }

  /** @param untaken changes that nobody has begun to compile. */
  report(untaken: number): PropagationReport {
    const pending = this.#versions.reduce((sum, { changes }) => sum + changes, untaken + this.#compiling + (this.#held?.changes ?? 0));
    const times = [this.#versions[0]?.since, this.#since, this.#held?.since].flatMap((since) => since ?? []);
    return { pending, total: this.#total + untaken, oldestSeconds: times.length === 0 ? 0 : this.#seconds(Math.min(...times)) };
  }

  #seconds(since: number): number {
    return (this.#clock.monotonic() - since) / 1000;
  }
}
