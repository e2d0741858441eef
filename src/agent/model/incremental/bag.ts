/**
 * A set that is usually very small: of the many thousands that there are, few ever hold more than two members. So it is no object of
 * its own but a value, of which one member is the member itself. What is added must not be there already.
 */

/** Members that are no arrays and no sets. */
export type Bag<T> = T | T[] | Set<T> | null;

/** Up to this many, looking at each is quicker than a set, and smaller. */
export const LARGE = 16;

export function bagWith<T extends object>(bag: Bag<T>, member: T): Bag<T> {
  if (bag === null) return member;
  if (bag instanceof Set) return bag.add(member);
  // Neither by `push` nor by a spread, which make room for sixteen more.
  if (!Array.isArray(bag)) return [bag, member];
  return bag.length < LARGE ? bag.concat(member) : new Set(bag).add(member);
}

export function bagWithout<T extends object>(bag: Bag<T>, member: T): Bag<T> {
  if (bag === member) return null;
  if (bag instanceof Set) bag.delete(member);
  if (!Array.isArray(bag)) return bag;
  const rest = bag.filter((other) => other !== member);
  return rest.length === 1 ? (rest[0] as T) : rest;
}

export function bagSize<T extends object>(bag: Bag<T>): number {
  if (bag === null) return 0;
  if (bag instanceof Set) return bag.size;
  return Array.isArray(bag) ? bag.length : 1;
}

export function bagEach<T extends object>(bag: Bag<T>, visit: (member: T) => void): void {
  if (bag === null) return;
  if (bag instanceof Set || Array.isArray(bag)) bag.forEach((member) => visit(member));
  else visit(bag);
}
