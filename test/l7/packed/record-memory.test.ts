import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { packRecord, type PackedRecord } from '../../../src/l7/packed/record-form.ts';
import type { AddressesConfig } from '../../../src/l7/config/workload.ts';
import { RecordMemory, RecordView } from '../../../src/l7/packed/record-memory.ts';

interface Step {
  readonly key: number;
  readonly size: number;
  /** Versions by which the slowest worker lags behind. */
  readonly lag: number;
}
const step: fc.Arbitrary<Step> = fc.record({ key: fc.nat(6), size: fc.nat(12_000), lag: fc.nat(3) });

const record = (id: string, layer: string): PackedRecord => packRecord('addresses', id, { layer, entries: [] });

t.test('bytes stay until every worker has settled the version that let go of them', async (t) => {
  let slabs = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const memory = new RecordMemory();
      const worker = new RecordView();
      /** What workers of older versions still look at. */
      const living = new Map<number, { readonly key: string; readonly text: string; freed: number }>();
      const places = new Map<number, number>();
      for (const [version, { key, size, lag }] of steps.entries()) {
        const known = memory.slabs.length;
        const text = `${version}`.padEnd(size, 'x');
        const place = memory.write(record(`key-${key}`, text));
        worker.add(memory.slabs.slice(known));
        if (place === 0 || living.has(place)) throw new Error(`place ${place} is in use`);
        const before = places.get(key);
        if (before !== undefined) {
          memory.free(before, version);
          (living.get(before) as { freed: number }).freed = version;
        }
        places.set(key, place);
        living.set(place, { key: `key-${key}`, text, freed: Infinity });
        memory.release(version - lag);
        for (const [at, record] of living) {
          if (record.freed <= version - lag) living.delete(at);
          else if (worker.key(at) !== record.key || (worker.read(at) as AddressesConfig).layer !== record.text)
            throw new Error(`place ${at} was overwritten`);
        }
      }
      slabs = Math.max(slabs, memory.slabs.length);
    }),
    { numRuns: 60 },
  );
  t.ok(slabs > 0);
});

t.test('memory is used again', async (t) => {
  const memory = new RecordMemory();
  for (let version = 1, place = 0; version < 20_000; version++) {
    if (place !== 0) memory.free(place, version);
    place = memory.write(record('k', 'x'.repeat(1000)));
    memory.release(version);
  }
  t.equal(memory.slabs.length, 1);
});

t.test('a key is compared as bytes', async (t) => {
  const memory = new RecordMemory();
  const place = memory.write(record('outbound|80||a', 'mesh'));
  t.ok(memory.hasKey(place, 'outbound|80||a'));
  for (const other of ['outbound|80||b', 'outbound|80||', 'outbound|80||aa', '']) t.notOk(memory.hasKey(place, other), other);
});
