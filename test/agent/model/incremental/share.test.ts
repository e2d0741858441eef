import { isDeepStrictEqual } from 'node:util';
import * as fc from '../../../base/fast-check.ts';
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

t.test('maps and sets are shared by what they hold', async (t) => {
  const [a, b] = [{ port: 1 }, { port: 2 }];
  const before = new Map([['a', a]]);
  t.equal(share(before, new Map([['a', { port: 1 }]])), before, 'equal maps');
  t.same(share(before, new Map([['a', { port: 2 }]])), new Map([['a', { port: 2 }]]), 'another value under the same key');
  const more = share(
    before,
    new Map([
      ['a', { port: 1 }],
      ['b', b],
    ]),
  );
  t.equal(more.size, 2);
  t.equal(more.get('a'), a, 'equal parts of a map that changed are kept');
  const set = new Set(['a']);
  t.equal(share(set, new Set(['a'])), set, 'equal sets');
  t.same(share(set, new Set(['b'])), new Set(['b']), 'other sets');
  t.same(share({}, new Map([['a', 1]])), new Map([['a', 1]]), 'a map is no object without fields');
});
