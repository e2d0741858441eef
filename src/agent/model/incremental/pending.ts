/** What has left the graph and is not in effect yet: by key, the entry that counts. */
import { internal } from '../../../base/internal.ts';
import type { Entry, Target } from './cell.ts';

export abstract class Pending implements Target {
  /** Of cells that emit the same key, which none does for longer than until all is computed, the last counts. Null: none any more. */
  protected readonly pending = new Map<string, Entry | null>();

  emittedFrom(): void {
    // No cell reads an output.
  }

  added(entry: Entry): void {
    entry.key = internal(entry.key);
    this.pending.set(entry.key, entry);
  }

  replaced(entry: Entry): void {
    this.pending.set(entry.key, entry);
  }

  removed(entry: Entry): void {
    const pending = this.pending.get(entry.key) ?? entry;
    if (pending === entry) this.pending.set(entry.key, null);
  }
}
