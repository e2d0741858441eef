/** What leaves the graph: the values by key as of the last `commit`, and what has changed since. */
import { Pending } from './pending.ts';
import { share } from './share.ts';

export interface OutputChange<V> {
  readonly key: string;
  readonly before: V | undefined;
  /** Undefined: removed. */
  readonly after: V | undefined;
}

export class Output<V> extends Pending {
  readonly values = new Map<string, V>();

  /** Whether anything is left after the next commit. */
  get any(): boolean {
    const pending = [...this.pending];
    return pending.some(([, entry]) => entry !== null) || this.leaving().length < this.values.size;
  }

  /** Keys whose value is to go. */
  leaving(): string[] {
    return [...this.pending].filter(([key, entry]) => entry === null && this.values.has(key)).map(([key]) => key);
  }

  /** Brings what is pending into `values`. */
  commit(): OutputChange<V>[] {
    const changes: OutputChange<V>[] = [];
    for (const [key, entry] of this.pending) {
      const before = this.values.get(key);
      const after = entry === null ? undefined : share(before, entry.value as V);
      if (after === before) continue;
      if (after === undefined) this.values.delete(key);
      else this.values.set(key, after);
      changes.push({ key, before, after });
    }
    this.pending.clear();
    return changes;
  }
}
