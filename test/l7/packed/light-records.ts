/** What of a change is light, as a worker reads it. */
import type { PackedDelta } from '../../../src/l7/packed/packed-delta.ts';
import { type PackedKind, type PackedValues, readRecord } from '../../../src/l7/packed/record-form.ts';
import { RecordView } from '../../../src/l7/packed/record-memory.ts';

export function lightRecords<K extends PackedKind>(kind: K, delta: PackedDelta | null | undefined): [id: string, value: PackedValues[K]][] {
  const view = new RecordView();
  view.add(delta?.slabs ?? []);
  return (delta?.packed[kind] ?? []).map((place) => [view.key(place), readRecord(kind, view.read(place))]);
}

export const lightIds = (kind: PackedKind, delta: PackedDelta | null | undefined): string[] => lightRecords(kind, delta).map(([id]) => id);
