/**
 * Between the store and the compiler: a change that would leave a rule without what it names is held until what goes with it has come.
 * Objects that name each other come, change and go together for their author, and one by one here: each kind has its own watch, and a file
 * is written after another. So a route would have no subset for some milliseconds, and requests would get 503.
 *
 *     taken ──> tried ── a rule lacks nothing that it did not lack before ──────────────────────────> in effect
 *                 │ ▲                                                                                   ▲
 *                 ▼ └── another change of a kind that is held                                           │
 *               held ── none has come for QUIET_MS, or the first was held for LONGEST_MS ───────────────┘
 *
 * A try ends with what names are about, so nothing that depends on rules is computed for it.
 *
 * Invariants (test/agent/held-changes.test.ts):
 *  1. what lacks nothing is not held, and neither are endpoints, pods, and whatever else nothing names;
 *  2. held changes take effect with the one after which nothing lacks, or when the time is over;
 *  3. the first compilation holds nothing.
 */
import type { Cancel, Clock } from '../base/clock.ts';
import type { Compiler } from './model/compile/index.ts';
import type { AnyObject } from './model/objects.ts';
import type { Packed } from './model/packed.ts';
import { refKey, typeKey } from './model/problem.ts';
import { typeOfKind } from './model/schema/kinds.ts';
import type { StoreChange } from './model/store.ts';

/** Longer than from one object to the next of a file for kubectl, which asks the server twice for each, perhaps from another continent. */
const QUIET_MS = 500;
/** Rules of others may change all the time. */
const LONGEST_MS = 5000;
/** What names, and what is named. */
const KINDS = (['VirtualService', 'DestinationRule', 'Gateway', 'ServiceEntry', 'Service'] as const).map(typeOfKind).map(typeKey);
/** They have addresses, which another one may get. */
const ADDRESSED = (['ServiceEntry', 'Service'] as const).map(typeOfKind).map(typeKey);

interface Held {
  /** The last version. */
  readonly change: StoreChange;
  readonly before: Packed<AnyObject> | null;
  /** Whether the compiler has it. */
  isApplied: boolean;
  /** It came after the others were held. */
  isNew: boolean;
}

/** Of changes that are not decided on: the first of these sets after which nothing lacks takes effect, or else the last one. */
const ATTEMPTS: readonly ((held: Held) => boolean)[] = [() => true, ({ isNew }) => isNew, () => false];

export class HeldChanges {
  readonly #compiler: Compiler;
  readonly #clock: Clock;
  readonly #onDue: () => void;
  readonly #changes = new Map<string, Held>();
  /** Null: all are decided on. */
  #attempt: number | null = null;
  #started = false;
  /** When the first of those that are held was. */
  #since: number | null = null;
  #timer: Cancel | null = null;
  #isDue = false;

  /** @param onDue called when they have been held for long enough. */
  constructor(compiler: Compiler, clock: Clock, onDue: () => void) {
    this.#compiler = compiler;
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#changes.size;
  }

  take(changes: readonly StoreChange[]): void {
    for (const change of changes) {
      if (this.#started && KINDS.includes(typeKey(change.ref))) this.#add(change);
      else this.#compiler.take([change]);
    }
  }

  /** Computes what is to take effect, for as long as `more` says so. @returns whether all of it is computed. */
  settle(more: () => boolean): boolean {
    if (this.#isDue) this.#attempt = 0;
    while (this.#attempt !== null) {
      this.#apply(ATTEMPTS[this.#attempt] as (held: Held) => boolean);
      if (!this.#compiler.settleNames(more)) return false;
      this.#attempt = this.#decide(this.#attempt);
    }
    if (!this.#compiler.settle(more)) return false;
    this.#compiler.acceptMissing();
    this.#started = true;
    return true;
  }

  stop(): void {
    this.#timer?.();
  }

  #add(change: StoreChange): void {
    const key = refKey(change.ref);
    const known = this.#changes.get(key);
    const isNew = known === undefined && change.before === null;
    if (isNew && ADDRESSED.includes(typeKey(change.ref)) && this.#holdsAddresses) this.#isDue = true;
    this.#attempt = 0;
    this.#changes.set(key, { change, before: known === undefined ? change.before : known.before, isApplied: false, isNew: true });
  }

  get #holdsAddresses(): boolean {
    return [...this.#changes.values()].some(({ change, isNew }) => !isNew && ADDRESSED.includes(typeKey(change.ref)));
  }

  #apply(isWanted: (held: Held) => boolean): void {
    for (const held of this.#changes.values()) {
      const wanted = isWanted(held);
      if (wanted === held.isApplied) continue;
      this.#compiler.take([wanted ? held.change : { ...held.change, object: held.before, origin: null }]);
      held.isApplied = wanted;
    }
  }

  /** @returns the next attempt; null: there is none. */
  #decide(attempt: number): number | null {
    const last = ATTEMPTS.length - 1;
    const lacks = this.#compiler.isMissing && !this.#isDue;
    if (lacks && attempt < last) return attempt + 1;
    this.#compiler.acceptMissing();
    // Something is lacking for another reason than these changes.
    if (lacks) return 0;
    for (const [key, held] of this.#changes) {
      if (held.isApplied) this.#changes.delete(key);
      else held.isNew = false;
    }
    this.#isDue = false;
    this.#wait();
    return null;
  }

  #wait(): void {
    this.#timer?.();
    this.#timer = null;
    if (this.#changes.size === 0) return void (this.#since = null);
    const now = this.#clock.monotonic();
    this.#since ??= now;
    this.#timer = this.#clock.after(Math.max(0, Math.min(QUIET_MS, this.#since + LONGEST_MS - now)), () => {
      this.#timer = null;
      this.#isDue = true;
      this.#onDue();
    });
  }
}
