/** A set that is usually very small: few of the many thousand that there are ever hold more than two members. */

const LARGE = 24;

export class Bag<T> {
  #members: T[] | Set<T> | null = null;

  get size(): number {
    const members = this.#members;
    return members === null ? 0 : Array.isArray(members) ? members.length : members.size;
  }

  /** What is there already is not to be added again. */
  add(member: T): void {
    const members = this.#members;
    if (members === null) this.#members = [member];
    else if (!Array.isArray(members)) members.add(member);
    else if (members.length < LARGE) members.push(member);
    else this.#members = new Set(members).add(member);
  }

  delete(member: T): void {
    const members = this.#members;
    if (members === null) return;
    if (!Array.isArray(members)) return void members.delete(member);
    const index = members.indexOf(member);
    if (index < 0) return;
    if (members.length === 1) this.#members = null;
    else {
      members[index] = members[members.length - 1] as T;
      members.pop();
    }
  }

  *[Symbol.iterator](): Iterator<T> {
    if (this.#members !== null) yield* this.#members;
  }

  forEach(visit: (member: T) => void): void {
    this.#members?.forEach(visit);
  }
}
