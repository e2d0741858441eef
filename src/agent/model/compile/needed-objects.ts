/** Which objects of other nodes, and which owners, the objects of now make necessary. Known before the commit that uses them. */
import { Output } from '../incremental/output.ts';
import type { Needs, OwnerScope, PodSelection } from '../needs.ts';

export class NeededObjects {
  /** By the host of the service. */
  readonly pods = new Output<PodSelection>();
  /** By the pod whose owners they are. */
  readonly owners = new Output<readonly OwnerScope[]>();
  #needs: Needs = { pods: [], owners: [] };

  /** The same object as before where nothing has changed. @param hasClients whether anything on this node sends to services. */
  take(hasClients: boolean): Needs {
    this.pods.commit();
    this.owners.commit();
    const pods = hasClients ? distinct(this.pods.values.values(), selectionKey) : [];
    const owners = distinct([...this.owners.values.values()].flat(), ({ kind, namespace }) => `${kind} ${namespace}`);
    if (!sameKeys(pods, this.#needs.pods, selectionKey) || !sameKeys(owners, this.#needs.owners, JSON.stringify))
      this.#needs = { pods, owners };
    return this.#needs;
  }
}

function selectionKey({ namespace, selector }: PodSelection): string {
  const labels = Object.entries(selector).map(([key, value]) => `${key}=${value}`);
  return `${namespace} ${labels.sort().join()}`;
}

/** By key, sorted. */
function distinct<T>(values: Iterable<T>, key: (value: T) => string): T[] {
  const byKey = new Map([...values].map((value) => [key(value), value]));
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}

function sameKeys<T>(a: readonly T[], b: readonly T[], key: (value: T) => string): boolean {
  return a.length === b.length && a.every((value, index) => key(value) === key(b[index] as T));
}
