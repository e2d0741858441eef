import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { DEFAULT_LIMITS, Head } from '../../../src/l7/message/head.ts';
import { H, HeaderNames, NameLease, WELL_KNOWN } from '../../../src/l7/message/header-names.ts';
import { parseRequestHead } from '../../../src/l7/http1/parser.ts';

function idOf(names: HeaderNames, name: string): number {
  const bytes = Buffer.from(name, 'latin1');
  let hash = 0;
  for (const byte of Buffer.from(name.toLowerCase(), 'latin1')) hash = HeaderNames.mix(hash, byte);
  return names.find(bytes, 0, bytes.length, hash);
}

t.test('a name has one id from its first use to its last, and well-known ones for good', async () => {
  const universe = Array.from({ length: 600 }, (_, i) => `x-name-${i}`);
  const operation = fc.tuple(fc.nat(universe.length - 1), fc.integer({ min: -2, max: 3 }));
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 3000, size: 'max' }), (operations) => {
      const names = new HeaderNames();
      const uses = new Map<string, { id: number; count: number }>();
      for (const [index, kind] of operations) {
        const name = universe[index] as string;
        const known = uses.get(name);
        if (kind >= 0) {
          const id = names.intern(kind === 0 ? name.toUpperCase() : name);
          if (known !== undefined && known.id !== id) throw new Error(`${name} has two ids`);
          for (const [other, { id: taken }] of uses)
            if (taken === id && other !== name) throw new Error(`${name} and ${other} share ${id}`);
          uses.set(name, { id, count: (known?.count ?? 0) + 1 });
        } else if (known !== undefined) {
          names.release(known.id);
          if (--known.count === 0) uses.delete(name);
        }
        if (idOf(names, name) !== (uses.get(name)?.id ?? -1)) throw new Error(`${name} is not found as it is known`);
      }
      for (const name of universe) if (idOf(names, name) !== (uses.get(name)?.id ?? -1)) throw new Error(name);
      for (const name of WELL_KNOWN) if (idOf(names, name) !== H[name]) throw new Error(name);
      if (names.size !== WELL_KNOWN.length + uses.size) throw new Error('size');
    }),
    { numRuns: 30 },
  );
});

t.test('a hundred thousand names, and none of them left', async (t) => {
  const names = new HeaderNames();
  for (let round = 0; round < 3; round++) {
    const lease = new NameLease(names);
    for (let i = 0; i < 100_000; i++) lease.intern(`x-${round}-${i}`);
    t.equal(names.nameOf(idOf(names, `x-${round}-77`)), `x-${round}-77`);
    lease.release();
    t.equal(idOf(names, `x-${round}-77`), -1);
    t.equal(names.size, WELL_KNOWN.length);
  }
  t.equal(names.bound, WELL_KNOWN.length + 100_000, 'ids are given out again');
});

t.test('a head grows with the names; an id that is given to another name matches only what is parsed after', async (t) => {
  const names = new HeaderNames();
  const head = new Head(names);
  const parse = (fields: string): Head => {
    const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: h\r\n${fields}\r\n`, 'latin1');
    t.equal(parseRequestHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS), bytes.length);
    return head;
  };
  parse('x-new: 1\r\n');
  const first = names.intern('x-new');
  t.equal(head.find(first), -1, 'a head that was parsed before knows nothing of it');
  t.equal(parse('x-new: 1\r\n').find(first), 1);
  names.release(first);
  const second = names.intern('x-other');
  t.equal(second, first, 'the id is given out again');
  t.equal(parse('x-new: 1\r\n').find(second), -1);
  t.equal(parse('x-other: 1\r\n').find(second), 1);
});
