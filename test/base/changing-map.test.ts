import * as fc from './fast-check.ts';
import t from 'tap';
import { ChangingMap } from '../../src/base/changing-map.ts';
import { Epoch } from '../../src/base/epoch.ts';

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g');
const rounds = fc.array(fc.array(fc.tuple(key, fc.option(fc.nat(9), { nil: undefined })), { maxLength: 12 }), { maxLength: 6 });

t.test('what is staged is seen at the commit, all of it, and stays so while it settles', async () => {
  fc.assert(
    fc.property(rounds, fc.constantFrom(1, 4), (changes, shards) => {
      const epoch = new Epoch();
      epoch.direct = false;
      const map = new ChangingMap<string, number>(epoch, shards);
      let model = new Map<string, number>();
      const check = (when: string): void => {
        for (const name of 'abcdefg') if (map.get(name) !== model.get(name)) throw new Error(`${name} ${when}`);
        const sorted = (entries: Iterable<[string, number]>): string =>
          JSON.stringify([...entries].toSorted(([a], [b]) => (a < b ? -1 : 1)));
        if (sorted(map.entries()) !== sorted(model)) throw new Error(`entries ${when}`);
      };
      for (const round of changes) {
        const next = new Map(model);
        let unsettled = false;
        for (const [name, value] of round) {
          unsettled = map.stage(name, value) || unsettled;
          if (value === undefined) next.delete(name);
          else next.set(name, value);
          if (map.upcoming(name) !== value) throw new Error('upcoming');
          check('before the commit');
        }
        epoch.committed = true;
        model = next;
        check('after the commit');
        if (unsettled) while (!map.settle()) check('while it settles');
        epoch.committed = false;
        check('when it has settled');
        if (map.bound !== model.size) throw new Error('something is left behind');
      }
    }),
  );
});

t.test('before somebody reads, changes hold at once', async (t) => {
  const map = new ChangingMap<number, string>(new Epoch(), 2);
  t.equal(map.stage(1, 'one'), false);
  t.equal(map.get(1), 'one');
  t.equal(map.stage(1, undefined), false);
  t.equal(map.has(1), false);
  t.equal(map.bound, 0);
});
