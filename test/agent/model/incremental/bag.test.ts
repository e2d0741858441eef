import assert from 'node:assert/strict';
import * as fc from '../../../base/fast-check.ts';
import t from 'tap';
import { type Bag, bagEach, bagSize, bagWith, bagWithout } from '../../../../src/agent/model/incremental/bag.ts';

const MEMBERS = Array.from({ length: 40 }, (_, id) => ({ id }));

t.test('a bag behaves as a set, at all of its sizes', async () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.nat(MEMBERS.length - 1)), { maxLength: 200 }), (steps) => {
      const set = new Set<object>();
      let bag: Bag<object> = null;
      for (const [fate, index] of steps) {
        const member = MEMBERS[index] as object;
        if (fate === 0) {
          bag = bagWithout(bag, member);
          set.delete(member);
        } else if (!set.has(member)) {
          bag = bagWith(bag, member);
          set.add(member);
        }
        const seen = new Set<object>();
        bagEach(bag, (one) => void seen.add(one));
        assert.equal(bagSize(bag), set.size);
        assert.deepEqual(seen, set);
      }
    }),
  );
});
