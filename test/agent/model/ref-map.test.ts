/** It behaves as a map by the text of all parts. */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { type ObjectRef, refKey, typeKey } from '../../../src/agent/model/problem.ts';
import { RefMap } from '../../../src/agent/model/ref-map.ts';

const word = fc.constantFrom('', 'a', 'b');
const ref: fc.Arbitrary<ObjectRef> = fc.record({ group: word, kind: word, namespace: word, name: word });
const upwards = (a: number, b: number): number => a - b;
const step = fc.record({ ref, value: fc.option(fc.nat()) });

t.test('a map by reference', async (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), ref, (steps, asked) => {
      const map = new RefMap<number>();
      const model = new Map<string, readonly [ObjectRef, number]>();
      for (const { ref: changed, value } of steps) {
        if (value === null) map.delete(changed);
        else map.set(changed, value);
        if (value === null) model.delete(refKey(changed));
        else model.set(refKey(changed), [changed, value]);
      }
      t.equal(map.get(asked), model.get(refKey(asked))?.[1]);
      const all = [...model.values()];
      t.same([...map.values()].sort(upwards), all.map(([, value]) => value).sort(upwards));
      const ofType = all.filter(([one]) => typeKey(one) === typeKey(asked));
      t.same([...map.ofType(asked)].sort(upwards), ofType.map(([, value]) => value).sort(upwards));
    }),
  );
});
