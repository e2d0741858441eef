/** What a cell emits now, against what it emitted before. */
import type { Entry, Target } from './cell.ts';
import { share } from './share.ts';

/** The entry that takes the place of `known`: that one, with the new value, so that targets need not look for it. */
export function renewed(known: Entry | undefined, entry: Entry): Entry {
  if (known === undefined) {
    entry.target.added(entry);
    return entry;
  }
  const value = share(known.value, entry.value);
  if (value === known.value) return known;
  known.value = value;
  known.target.replaced(known);
  return known;
}

/** What a cell emitted before, to be found again: usually at the same place. */
export class KnownEntries {
  readonly rest: Set<Entry>;
  readonly #list: readonly Entry[];
  #byKey: Map<Target, Map<string, Entry[]>> | null = null;

  constructor(list: readonly Entry[]) {
    this.#list = list;
    this.rest = new Set(list);
  }

  take({ target, key }: Entry, index: number): Entry | undefined {
    const there = this.#list[index];
    const same = there !== undefined && there.target === target && there.key === key && this.rest.has(there);
    const found = same ? there : this.#find(target, key);
    if (found !== undefined) this.rest.delete(found);
    return found;
  }

  #find(target: Target, key: string): Entry | undefined {
    this.#byKey ??= byTargetAndKey(this.#list);
    return this.#byKey
      .get(target)
      ?.get(key)
      ?.find((entry) => this.rest.has(entry));
  }
}

function byTargetAndKey(entries: readonly Entry[]): Map<Target, Map<string, Entry[]>> {
  const targets = Map.groupBy(entries, ({ target }) => target);
  return new Map([...targets].map(([target, list]) => [target, Map.groupBy(list, ({ key }) => key)]));
}
