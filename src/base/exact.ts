/** The same items in a list that is no larger than they are: one that has grown (by `push`, `flatMap`, a spread) has room for sixteen more. */
export const exact = <T>(items: readonly T[]): T[] => items.slice();
