/**
 * Which objects of other nodes, and which owners, the objects of now make necessary. Known before the commit that uses them, and asked
 * before each one: it looks at what has changed, and not at what there is.
 */
import { Output } from '../incremental/output.ts';
import type { Needs, OwnerScope, PodSelection } from '../needs.ts';

export class NeededObjects {
  /** By the host of the service. */
  readonly pods = new Output<PodSelection>();
  /** By the pod whose owners they are. */
  readonly owners = new Output<readonly OwnerScope[]>();
  /** By the cluster whose endpoints are preferred by their place. */
  readonly places = new Output<true>();
  readonly #selections = new DistinctValues(selectionKey);
  readonly #scopes = new DistinctValues<OwnerScope>(({ kind, namespace }) => `${kind} ${namespace}`);
  #needs: Needs = { pods: [], owners: [], places: false };

  /** The same object as before where nothing has changed. @param hasClients whether anything on this node sends to services. */
  take(hasClients: boolean): Needs {
    for (const { before, after } of this.pods.commit()) this.#selections.replace(listOf(before), listOf(after));
    for (const { before = [], after = [] } of this.owners.commit()) this.#scopes.replace(before, after);
    const pods = hasClients ? this.#selections.list() : NONE;
    const owners = this.#scopes.list();
    this.places.commit();
    const places = hasClients && this.places.values.size > 0;
    const known = this.#needs;
    if (pods !== known.pods || owners !== known.owners || places !== known.places) this.#needs = { pods, owners, places };
    return this.#needs;
  }
}

const NONE: readonly PodSelection[] = [];

function listOf<T>(value: T | undefined): readonly T[] {
  return value === undefined ? [] : [value];
}

function selectionKey({ namespace, selector }: PodSelection): string {
  const labels = Object.entries(selector).map(([key, value]) => `${key}=${value}`);
  return `${namespace} ${labels.sort().join()}`;
}

/** Values that several give; two of one key are the same one. */
class DistinctValues<T> {
  readonly #key: (value: T) => string;
  readonly #given = new Map<string, { readonly value: T; times: number }>();
  #list: readonly T[] | null = [];

  constructor(key: (value: T) => string) {
    this.#key = key;
  }

  /** Takes back what one has given, and gives what it gives now. */
  replace(before: readonly T[], after: readonly T[]): void {
    // In this order, so that what is given again is not gone in between.
    for (const value of after) this.#give(value);
    for (const value of before) this.#takeBack(this.#key(value));
  }

  /** In no particular order. The same array while the values are the same. */
  list(): readonly T[] {
    this.#list ??= Array.from(this.#given.values(), ({ value }) => value);
    return this.#list;
  }

  #give(value: T): void {
    const key = this.#key(value);
    const known = this.#given.get(key);
    if (known !== undefined) {
      known.times++;
      return;
    }
    this.#given.set(key, { value, times: 1 });
    this.#list = null;
  }

  #takeBack(key: string): void {
    const known = this.#given.get(key);
    if (known === undefined || --known.times > 0) return;
    this.#given.delete(key);
    this.#list = null;
  }
}
