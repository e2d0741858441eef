import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { StreamTable } from '../../../src/l7/http2/stream-table.ts';

interface Stream {
  readonly id: number;
}

/** True: a stream opens, so many identifiers on. A number: one of those that there are is over. */
const steps = fc.array(fc.oneof(fc.record({ skip: fc.integer({ min: 0, max: 40 }) }), fc.record({ over: fc.nat() })), { maxLength: 300 });

t.test('it holds what a map would hold', async (t) => {
  fc.assert(
    fc.property(steps, (all) => {
      const table = new StreamTable<Stream>();
      const map = new Map<number, Stream>();
      let next = 1;
      for (const step of all) {
        if ('skip' in step) {
          const stream = { id: (next += 2 * step.skip) };
          next += 2;
          table.add(stream);
          map.set(stream.id, stream);
        } else {
          const id = [...map.keys()][step.over % Math.max(1, map.size)] ?? next;
          table.delete(id);
          map.delete(id);
        }
        t.equal(table.size, map.size);
        t.strictSame(table.all(), [...map.values()]);
        for (const id of [0, 1, next, ...map.keys()]) if (table.get(id) !== map.get(id)) t.fail(`stream ${id}`);
      }
    }),
  );
});

t.test('a thousand streams that are over leave nothing behind', async (t) => {
  const table = new StreamTable<Stream>();
  for (let id = 1; id < 2000; id += 2) table.add({ id });
  for (let id = 1999; id > 0; id -= 2) table.delete(id);
  t.strictSame(table.all(), []);
  table.add({ id: 2001 });
  t.equal(table.get(2001)?.id, 2001);
});
