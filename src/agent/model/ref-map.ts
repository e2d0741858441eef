/**
 * Values by object. Nested maps, by group, kind, namespace and name: a key that is put together of them would take as much memory as what
 * is kept of an object.
 */
import type { ObjectRef, ObjectType } from './problem.ts';

type ByName<V> = Map<string, V>;
type ByNamespace<V> = Map<string, ByName<V>>;
type ByKind<V> = Map<string, ByNamespace<V>>;

export class RefMap<V> {
  readonly #groups = new Map<string, ByKind<V>>();

  get({ group, kind, namespace, name }: ObjectRef): V | undefined {
    return this.#groups.get(group)?.get(kind)?.get(namespace)?.get(name);
  }

  set({ group, kind, namespace, name }: ObjectRef, value: V): void {
    const kinds = entryOf(this.#groups, group, () => new Map() as ByKind<V>);
    const namespaces = entryOf(kinds, kind, () => new Map() as ByNamespace<V>);
    entryOf(namespaces, namespace, () => new Map() as ByName<V>).set(name, value);
  }

  delete({ group, kind, namespace, name }: ObjectRef): void {
    const kinds = this.#groups.get(group);
    const namespaces = kinds?.get(kind);
    const names = namespaces?.get(namespace);
    names?.delete(name);
    if (names?.size === 0) namespaces?.delete(namespace);
    if (namespaces?.size === 0) kinds?.delete(kind);
    if (kinds?.size === 0) this.#groups.delete(group);
  }

  /** In no particular order. */
  *values(): Generator<V> {
    for (const [group, kinds] of this.#groups) for (const kind of kinds.keys()) yield* this.ofType({ group, kind });
  }

  /** In no particular order. */
  *ofType({ group, kind }: ObjectType): Generator<V> {
    for (const names of this.#groups.get(group)?.get(kind)?.values() ?? []) yield* names.values();
  }
}

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
