/** Who reads a node that many read. */

import { exact } from '../../../base/exact.ts';

/** Of few it makes no difference. */
const LEAST = 32;
/** Up to this many, a list is made anew for each. */
const MOST_EXACT = 128;

/**
 * A list, in which those who have left stay until as many have left as are there: it takes a third of what a set takes. Who asks for its
 * members passes over them, and may meet one twice that has left and come back.
 */
export class Crowd<T> {
  #list: T[];
  #size: number;

  constructor(members: readonly T[]) {
    this.#list = exact(members);
    this.#size = members.length;
  }

  get size(): number {
    return this.#size;
  }

  add(member: T): void {
    // `push` makes room for half as many again and sixteen more: most crowds are not much larger than that.
    if (this.#list.length < MOST_EXACT) this.#list = this.#list.concat(member);
    else this.#list.push(member);
    this.#size++;
  }

  /** A member is not there any more; `isThere` says so of it by now. */
  left(isThere: (member: T) => boolean): void {
    this.#size--;
    if (this.#list.length < 2 * this.#size + LEAST) return;
    this.#list = exact([...new Set(this.#list.filter(isThere))]);
  }

  each(visit: (member: T) => void): void {
    this.#list.forEach(visit);
  }
}
