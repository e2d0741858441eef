/** A change as it goes to workers: what is light stands in memory that they read, and the change names its places. */
import type { SnapshotDelta } from '../snapshot.ts';
import type { PackedKind } from './record-form.ts';

export type PackedPlaces = { readonly [K in PackedKind]: readonly number[] };

export interface PackedDelta extends SnapshotDelta {
  /** Where the places are; there may be more of them later. */
  readonly slabs: readonly SharedArrayBuffer[];
  readonly packed: PackedPlaces;
}
