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
 * While the watch of such a kind is broken, what goes with them may have happened and be told later: then they are held until it was open
 * for QUIET_MS, at most for LONGEST_BEHIND_MS.
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
import { type ObjectType, refKey, typeKey } from './model/problem.ts';
import { typeOfKind } from './model/schema/kinds.ts';
import type { StoreChange } from './model/store.ts';

/** Longer than from one object to the next of a file for kubectl, which asks the server twice for each, perhaps from another continent. */
const QUIET_MS = 500;
/** Rules of others may change all the time. */
const LONGEST_MS = 5000;
/** A server that has come back answers for all kinds within seconds. One that does not must not keep the others' changes. */
const LONGEST_BEHIND_MS = 20_000;
/** What names, and what is named. */
const TYPES = (['VirtualService', 'DestinationRule', 'Gateway', 'ServiceEntry', 'Service'] as const).map(typeOfKind);
const KINDS = TYPES.map(typeKey);
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

export interface HeldOptions {
  /** Whether there may be changes of the type that nobody has told of yet. */
  readonly isBehind: (type: ObjectType) => boolean;
  /** Called when they have been held for long enough. */
  readonly onDue: () => void;
}

/** Of changes that are not decided on: the first of these sets after which nothing lacks takes effect, or else the last one. */
const ATTEMPTS: readonly ((held: Held) => boolean)[] = [() => true, ({ isNew }) => isNew, () => false];

export class HeldChanges {
  readonly #compiler: Compiler;
  readonly #clock: Clock;
  readonly #options: HeldOptions;
  readonly #changes = new Map<string, Held>();
  /** Null: all are decided on. */
  #attempt: number | null = null;
  #started = false;
  /** When the first of those that are held was. */
  #since: number | null = null;
  /** For how long it may be, at most. */
  #longestMs = LONGEST_MS;
  #timer: Cancel | null = null;
  #isDue = false;

  constructor(compiler: Compiler, clock: Clock, options: HeldOptions) {
    this.#compiler = compiler;
    this.#clock = clock;
    this.#options = options;
  }

  get size(): number {
    return this.#changes.size;
  }

  take(changes: readonly StoreChange[]): void {
    const others: StoreChange[] = [];
    for (const change of changes) {
      if (this.#started && KINDS.includes(typeKey(change.ref))) this.#add(change);
      else others.push(change);
    }
    this.#compiler.take(others);
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
    const changed = [...this.#changes.values()].filter((held) => held.isApplied !== isWanted(held));
    for (const held of changed) held.isApplied = !held.isApplied;
    this.#compiler.take(changed.map(({ change, before, isApplied }) => (isApplied ? change : { ...change, object: before, origin: null })));
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
    if (this.#changes.size === 0) {
      this.#since = null;
      this.#longestMs = LONGEST_MS;
      return;
    }
    this.#since ??= this.#clock.monotonic();
    const wasBehind = this.#isBehind;
    if (wasBehind) this.#longestMs = LONGEST_BEHIND_MS;
    const delayMs = Math.max(0, Math.min(QUIET_MS, this.#left(this.#longestMs)));
    this.#timer = this.#clock.after(delayMs, () => {
      if ((wasBehind || this.#isBehind) && this.#left(LONGEST_BEHIND_MS) > 0) return this.#wait();
      this.#timer = null;
      this.#isDue = true;
      this.#options.onDue();
    });
  }

  get #isBehind(): boolean {
    return TYPES.some((type) => this.#options.isBehind(type));
  }

  /** Until they have been held for so long. */
  #left(longestMs: number): number {
    const now = this.#clock.monotonic();
    return (this.#since ?? now) + longestMs - now;
  }
}
