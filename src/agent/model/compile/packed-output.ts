/** An output of records that are kept packed. What has been committed is told from there, and no entry has a copy of it. */
import type { Kept, KeptChange, KeptRecords } from '../../../l7/packed/kept-records.ts';
import { type PackedKind, type PackedRecord, type PackedValues, packRecord } from '../../../l7/packed/record-form.ts';
import { Pending } from '../incremental/pending.ts';

export class PackedOutput<K extends PackedKind> extends Pending {
  readonly #kind: K;
  readonly #records: KeptRecords<K>;

  constructor(kind: K, records: KeptRecords<K>) {
    super();
    this.#kind = kind;
    this.#records = records;
  }

  /** The value of an entry: of a new one the packed record, and what is kept in its place once it is committed. */
  held(key: string, value: unknown): Kept<K> {
    return packRecord(this.#kind, key, value as PackedValues[K]);
  }

  /** Brings what is pending among the records, as a part of the change to that version. */
  commit(version: number): KeptChange<K>[] {
    const changes: KeptChange<K>[] = [];
    for (const [key, entry] of this.pending) {
      // Only what is new or was replaced is pending, and that has not been kept.
      const record = entry?.value as PackedRecord<K> | undefined;
      const change = record === undefined ? this.#records.remove(key, version) : this.#records.put(key, record, version);
      if (entry !== null) entry.value = this.#records.get(key);
      if (change !== null) changes.push(change);
    }
    this.pending.clear();
    return changes;
  }
}
