/** What the compiler reads objects from. */
import { type ApiObject, type Kinds } from '../objects.ts';
import type { ObjectRef } from '../problem.ts';
import type { Origin } from '../sink.ts';

export interface ObjectSet {
  /** The versions in force, already checked against their kind's schema. */
  list<K extends keyof Kinds>(kind: K): readonly Kinds[K][];
  /** Where an object was written, for problems. */
  origin?(ref: ObjectRef): Origin | null;
}

/** The objects of a kind, the oldest first. */
export function objectsOf<K extends keyof Kinds>(objects: ObjectSet, kind: K): readonly Kinds[K][] {
  return [...objects.list(kind)].sort(byAge);
}

/** Istio's order wherever several objects want the same thing: creation time, name, namespace. No time counts as the oldest. */
export function byAge({ metadata: a }: ApiObject, { metadata: b }: ApiObject): number {
  return (
    Date.parse(a.creationTimestamp ?? '1970-01-01T00:00:00Z') - Date.parse(b.creationTimestamp ?? '1970-01-01T00:00:00Z') ||
    order(a.name, b.name) ||
    order(a.namespace ?? '', b.namespace ?? '')
  );
}

export function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
