import t from 'tap';
import type { EndpointConfig } from '../../../src/l7/config/cluster.ts';
import { KeptRecords } from '../../../src/l7/packed/kept-records.ts';
import { packRecord, type PackedRecord } from '../../../src/l7/packed/record-form.ts';
import { RecordMemory } from '../../../src/l7/packed/record-memory.ts';
import { endpointConfig } from '../runtime/snapshots.ts';

const endpoint = (index: number): EndpointConfig => endpointConfig(`10.0.0.${index}`);
const packed = (count: number, first = 1): PackedRecord<'endpoints'> =>
  packRecord(
    'endpoints',
    'c',
    Array.from({ length: count }, (_, index) => endpoint(first + index)),
  );

t.test('what is equal stays where it is; what is not goes elsewhere, and can be read until it is let go', (t) => {
  const memory = new RecordMemory();
  const kept = new KeptRecords('endpoints', memory);
  const first = kept.put('c', packed(1), 1);
  t.type(first?.after, 'number', 'a light record is a place');
  t.equal(kept.put('c', packed(1), 2), null);
  const second = kept.put('c', packed(1, 2), 2);
  t.equal(second?.before, first?.after);
  t.not(second?.after, first?.after, 'of the same length');
  t.same(kept.read('c', second?.before as number), [endpoint(1)]);
  t.same(kept.values.get('c'), [endpoint(2)]);
  memory.release(2);
  t.equal(kept.put('d', packRecord('endpoints', 'd', [endpoint(3)]), 3)?.after, first?.after, 'the place is used again');
  t.end();
});

t.test('what is light can grow, and shrink', (t) => {
  const kept = new KeptRecords('endpoints', new RecordMemory());
  kept.put('c', packed(2), 1);
  t.type(kept.put('c', packed(100), 2)?.after, 'string');
  t.same([kept.places().length, [...kept.others().keys()]], [0, ['c']]);
  t.equal(kept.put('c', packed(100), 3), null);
  t.type(kept.put('c', packed(2), 3)?.after, 'number');
  t.equal(kept.others().size, 0);
  t.same(kept.remove('c', 4)?.after, undefined);
  t.equal(kept.remove('c', 4), null);
  t.same([...kept.values], []);
  t.end();
});
