import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { share } from '../../../../src/agent/model/incremental/share.ts';

t.test('share keeps what is equal, and only that', async (t) => {
  const value = fc.jsonValue({ maxDepth: 4 });
  fc.assert(
    fc.property(value, value, (previous, next) => {
      const shared = share(previous, next);
      const kept = JSON.stringify(previous) !== JSON.stringify(next) || shared === previous;
      return isDeepStrictEqual(shared, next) && kept && share(next, structuredClone(next)) === next;
    }),
  );
  t.same(
    Object.entries(share({}, JSON.parse('{ "__proto__": "x" }') as object)),
    [['__proto__', 'x']],
    'a name that objects take for more',
  );
  const swapped = { b: 1, a: 2 };
  t.same(Object.keys(share({ a: 2, b: 1 }, swapped)), ['b', 'a'], 'the order of keys counts');
});
