/** Changes as workers get them: light records packed, in shared memory. */
import { packedDelta } from '../../../bench/packed-delta.ts';
import { partsOf, type DeltaPart } from '../../../src/l7/runtime/parts.ts';
import type { PackedDelta } from '../../../src/l7/packed/packed-delta.ts';
import { PackedRecords } from '../../../src/l7/packed/packed-records.ts';
import type { EndpointConfig } from '../../../src/l7/config/cluster.ts';
import { addressKey, type SnapshotDelta } from '../../../src/l7/snapshot.ts';

export class Packing {
  readonly kept = new PackedRecords();
  readonly #endpoints = new Map<string, Map<string, EndpointConfig>>();
  #slabs = 0;

  pack(delta: SnapshotDelta): PackedDelta {
    for (const { cluster, set, remove } of delta.endpoints) {
      const known = this.#endpoints.get(cluster) ?? new Map<string, EndpointConfig>();
      this.#endpoints.set(cluster, known);
      for (const key of remove) known.delete(key);
      for (const endpoint of set) known.set(addressKey(endpoint), endpoint);
    }
    for (const id of delta.records.clusters?.remove ?? []) this.#endpoints.delete(id);
    return packedDelta(this.kept, delta, (cluster) => [...(this.#endpoints.get(cluster)?.values() ?? [])]);
  }

  parts(delta: SnapshotDelta): Iterable<DeltaPart> {
    const packed = this.pack(delta);
    return partsOf(packed, this.newSlabs());
  }

  newSlabs(): readonly SharedArrayBuffer[] {
    const { slabs } = this.kept.memory;
    return slabs.slice(this.#slabs, (this.#slabs = slabs.length));
  }
}
