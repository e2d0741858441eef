/**
 * Addresses of names, kept up to date: each name that is wanted is asked for again when its answer's time to live is over. Few
 * questions are under way at a time; the others wait their turn, so that thousands of names disturb neither the thread nor the server.
 *
 *     waiting ──due──▶ queued ──turn──▶ asked ──answer──▶ waiting (time to live)
 *                                         └─no answer──▶ waiting (back-off); the addresses before stay
 *     any state ──not wanted any more──▶ gone
 *
 * Invariants (test/agent/dns/name-resolver.test.ts):
 *
 * 1. at most so many questions are under way, and none for a name that nobody wants ("few questions at a time");
 * 2. a question without an answer takes nothing away; an answer without addresses does ("addresses stay while there is no answer");
 * 3. nobody is told twice in a row of the same ("only changes are told");
 * 4. a question that is never answered is given up, and its turn goes to the next ("a question that nobody answers").
 */
import type { Cancel, Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Resolution } from '../model/compile/index.ts';

export interface Answer {
  /** In the order of the server. */
  readonly addresses: readonly string[];
  readonly ttlSeconds: number;
}

/** Rejects where there is no answer; a name that has no addresses is an answer. */
export type Lookup = (name: string) => Promise<Answer>;

export interface NameResolverOptions {
  readonly lookup: Lookup;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly onResolution: (name: string, resolution: Resolution | null) => void;
}

const CONCURRENCY = 16;
const GIVE_UP_MS = 30_000;
/** Names with a time to live of 0 or of days are asked for at a rate that neither floods nor sleeps. */
const MIN_MS = 5000;
const MAX_MS = 300_000;
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 60_000;
/** Spread, so that names that came together are not asked for together for ever. */
const JITTER = 0.1;

interface Name {
  readonly name: string;
  known: Resolution | null;
  failures: number;
  cancel: Cancel;
}

export class NameResolver {
  readonly #options: NameResolverOptions;
  readonly #names = new Map<string, Name>();
  /** In the order of their turns; those that are not wanted any more are passed over. */
  #queue: Name[] = [];
  #asked = 0;
  #wanted: ReadonlySet<string> = new Set();

  constructor(options: NameResolverOptions) {
    this.#options = options;
  }

  /** All names that are wanted from now on. */
  want(names: ReadonlySet<string>): void {
    if (names === this.#wanted) return;
    this.#wanted = names;
    for (const [name, one] of this.#names) {
      if (names.has(name)) continue;
      this.#names.delete(name);
      one.cancel();
      this.#options.onResolution(name, null);
    }
    for (const name of names) {
      if (this.#names.has(name)) continue;
      const one: Name = { name, known: null, failures: 0, cancel: () => {} };
      this.#names.set(name, one);
      this.#queue.push(one);
    }
    this.#next();
  }

  stop(): void {
    for (const one of this.#names.values()) one.cancel();
    this.#names.clear();
    this.#queue = [];
  }

  #next(): void {
    while (this.#asked < CONCURRENCY) {
      const one = this.#queue.shift();
      if (one === undefined) return;
      if (this.#names.get(one.name) === one) this.#ask(one);
    }
  }

  #ask(one: Name): void {
    let over = false;
    const end = (settle: () => void): void => {
      if (over) return;
      over = true;
      giveUp();
      this.#asked--;
      if (this.#names.get(one.name) === one) settle();
      this.#next();
    };
    this.#asked++;
    const giveUp = this.#options.clock.after(GIVE_UP_MS, () => end(() => this.#failed(one, 'no answer')));
    this.#options.lookup(one.name).then(
      (answer) => end(() => this.#answered(one, answer)),
      (error: unknown) => end(() => this.#failed(one, messageOf(error))),
    );
  }

  #answered(one: Name, { addresses, ttlSeconds }: Answer): void {
    one.failures = 0;
    const [first] = one.known?.addresses ?? [];
    // Whoever uses one address only stays with it while it is among them.
    const kept =
      first !== undefined && addresses.includes(first) ? [first, ...addresses.filter((address) => address !== first)] : addresses;
    this.#tell(one, { addresses: kept, fault: addresses.length === 0 ? 'the name has no address' : null });
    this.#plan(one, Math.min(MAX_MS, Math.max(MIN_MS, ttlSeconds * 1000)));
  }

  #failed(one: Name, fault: string): void {
    this.#tell(one, { addresses: one.known?.addresses ?? [], fault });
    this.#plan(one, Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** one.failures++));
  }

  #tell(one: Name, resolution: Resolution): void {
    if (one.known !== null && same(one.known, resolution)) return;
    one.known = resolution;
    this.#options.onResolution(one.name, resolution);
  }

  #plan(one: Name, delayMs: number): void {
    one.cancel = this.#options.clock.after(delayMs * (1 + JITTER * this.#options.random()), () => {
      this.#queue.push(one);
      this.#next();
    });
  }
}

/** Servers turn the order of addresses at each answer. */
function same(a: Resolution, b: Resolution): boolean {
  if (a.fault !== b.fault || a.addresses.length !== b.addresses.length || a.addresses[0] !== b.addresses[0]) return false;
  const known = new Set(a.addresses);
  return b.addresses.every((address) => known.has(address));
}
