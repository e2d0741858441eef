/** All records of which there are many, as the control thread keeps them, and what workers get of them. */
import { RECORD_KINDS, type RecordKind, type Snapshot } from '../snapshot.ts';
import { type KeptChange, KeptRecords } from './kept-records.ts';
import type { PackedDelta, PackedPlaces } from './packed-delta.ts';
import { isPackedKind, PACKED_KINDS, type PackedKind, type PackedValues } from './record-form.ts';
import { RecordMemory } from './record-memory.ts';

/** A configuration whose records of these kinds are kept here. */
export interface PackedSnapshot extends Snapshot {
  readonly packed: PackedRecords;
}

/** Of a kind, as workers get it. */
export interface ToldChanges<K extends PackedKind> {
  readonly places: readonly number[];
  readonly set: ReadonlyMap<string, PackedValues[K]>;
  readonly remove: readonly string[];
}

export class PackedRecords {
  readonly memory = new RecordMemory();
  readonly kinds: { readonly [K in PackedKind]: KeptRecords<K> } = {
    clusters: new KeptRecords('clusters', this.memory),
    virtualHosts: new KeptRecords('virtualHosts', this.memory),
    addresses: new KeptRecords('addresses', this.memory),
    endpoints: new KeptRecords('endpoints', this.memory),
  };

  /** Whatever is not light goes as objects. */
  told<K extends PackedKind>(kind: K, changes: readonly KeptChange<K>[]): ToldChanges<K> {
    const places: number[] = [];
    const set = new Map<string, PackedValues[K]>();
    const remove: string[] = [];
    for (const { id, after } of changes) {
      if (after === undefined) remove.push(id);
      else if (typeof after === 'number') places.push(after);
      else set.set(id, this.kinds[kind].read(id, after));
    }
    return { places, set, remove };
  }

  /** The change that leads to the configuration from nothing. Later changes do not matter to it. */
  whole({ version, mesh, records }: Snapshot): PackedDelta {
    const others = RECORD_KINDS.map((kind) => [kind, { set: this.#others<unknown>(kind, records[kind]), remove: [] }] as const);
    return {
      version,
      mesh,
      records: Object.fromEntries(others),
      endpoints: [...this.kinds.endpoints.others()].map(([cluster, set]) => ({ cluster, set, remove: [] })),
      slabs: this.memory.slabs,
      packed: Object.fromEntries(PACKED_KINDS.map((kind) => [kind, this.kinds[kind].places()])) as unknown as PackedPlaces,
    };
  }

  #others<T>(kind: RecordKind, records: ReadonlyMap<string, T>): Map<string, T> {
    return isPackedKind(kind) ? (this.kinds[kind].others() as Map<string, T>) : new Map(records);
  }
}
