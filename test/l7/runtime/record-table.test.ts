/** The table against a plain map, under random changes. */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { Epoch } from '../../../src/base/epoch.ts';
import { packRecord } from '../../../src/l7/packed/record-form.ts';
import { RecordMemory } from '../../../src/l7/packed/record-memory.ts';
import { RecordTable } from '../../../src/l7/runtime/record-table.ts';

const step = fc.record({ key: fc.nat(200), remove: fc.boolean() });

t.test('records are found as in a map of all keys, and keep their numbers', async () => {
  fc.assert(
    fc.property(fc.array(fc.array(step, { maxLength: 120 }), { maxLength: 6 }), fc.boolean(), (rounds, direct) => {
      const memory = new RecordMemory();
      const epoch = new Epoch();
      epoch.direct = direct;
      const table = new RecordTable(memory, epoch);
      let model = new Map<string, number>();
      const numbers = new Map<string, number>();
      const check = (expected: ReadonlyMap<string, number>, when: string): void => {
        for (let i = 0; i <= 200; i++) {
          const place = table.current(table.find(`key-${i}`));
          if (place !== (expected.get(`key-${i}`) ?? 0)) throw new Error(`key-${i} ${when}`);
        }
      };
      for (const round of rounds) {
        const next = new Map(model);
        let settles = false;
        for (const { key: i, remove } of round) {
          const key = `key-${i}`;
          let number = table.find(key);
          if (remove && number < 0) continue;
          if (number >= 0 && numbers.has(key) && numbers.get(key) !== number) throw new Error(`${key} has another number`);
          const place = remove ? 0 : memory.write(packRecord('endpoints', key, []));
          if (number < 0) number = table.add(key);
          numbers.set(key, number);
          settles = table.stage(number, place) || settles;
          if (remove) next.delete(key);
          else next.set(key, place);
          if (remove && direct) numbers.delete(key);
        }
        if (!direct) check(model, 'before the commit');
        epoch.committed = true;
        check(next, 'after it');
        while (settles && !table.settle());
        epoch.committed = false;
        check(next, 'when it has settled');
        for (const key of numbers.keys()) if (!next.has(key)) numbers.delete(key);
        model = next;
        if (epoch.open !== 0) throw new Error(`${epoch.open} values are on their way`);
        if (table.bound !== model.size) throw new Error(`${table.bound} records, ${model.size} in the map`);
      }
    }),
    { numRuns: 200 },
  );
});
