/**
 * Values that change together and at once, however many they are. What is to come is stored beside what is, in slices of time; one
 * flag shows all of it to every reader; then, again in slices, the old values are dropped.
 *
 *     settled --change--> staged --commit--> committed --settle each--> settled
 *
 * Invariants (test/base/changing-map.test.ts, test/l7/runtime/visibility.test.ts):
 *  1. between two commits a reader sees the values of the last one, whatever has been staged meanwhile;
 *  2. a value that has settled reads as it did before it settled;
 *  3. a value that is on its way is settled or reverted: `open` is 0 when nothing is.
 */
export class Epoch {
  /** Whether readers see what has been staged. */
  committed = false;
  /** Nobody reads yet: what is staged replaces what is there at once. */
  direct = true;
  /** Values on their way. While there are none, which is nearly always, readers need not ask whether one is. */
  open = 0;
}

/** A value on its way from one configuration to the next. */
export class Change<T> {
  readonly from: T;
  to: T;

  constructor(from: T, to: T) {
    this.from = from;
    this.to = to;
  }
}

export type Held<T> = T | Change<T>;

/** What readers see. */
export function current<T>(held: Held<T>, epoch: Epoch): T {
  return epoch.open === 0 ? (held as T) : seen(held, epoch);
}

function seen<T>(held: Held<T>, epoch: Epoch): T {
  return held instanceof Change ? (epoch.committed ? held.to : held.from) : held;
}

/** What readers will see. */
export function upcoming<T>(held: Held<T>): T {
  return held instanceof Change ? held.to : held;
}

export function change<T>(held: Held<T>, to: T, epoch: Epoch): Held<T> {
  if (epoch.direct) return to;
  if (held instanceof Change) {
    held.to = to;
    return held;
  }
  epoch.open++;
  return new Change(held, to);
}

/** What is kept in the place of a value that readers see: it is on its way no longer. */
export function settled<T>(held: Held<T>, epoch: Epoch): T {
  if (!(held instanceof Change)) return held;
  epoch.open--;
  return held.to;
}

/** What is kept in the place of a value that nobody has seen and nobody will. */
export function reverted<T>(held: Held<T>, epoch: Epoch): T {
  if (!(held instanceof Change)) return held;
  epoch.open--;
  return held.from;
}

/** Something that holds changes. */
export interface Changing {
  /** Drops what is no longer read, or a part of it; true when nothing is left to drop. */
  settle(): boolean;
}
