import fc from 'fast-check';
import t from 'tap';
import { LONGEST, PlainReader, PlainWriter } from '../../../src/l7/packed/plain-data.ts';

const latin1 = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 40 });
const key = fc.string({ unit: fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code)), maxLength: 30 });
/** Strings that contain each other, as those of a record do. */
const names = fc.constantFrom('reviews', 'reviews.shop', 'reviews.shop.svc', 'outbound|80||reviews.shop.svc', 'reviews:80', '', 'v1');
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.nat(300),
    fc.integer(),
    fc.double({ noNaN: true }),
    latin1,
    names,
    fc.array(tie('tree'), { maxLength: 5 }),
    fc.dictionary(fc.oneof(names, fc.constantFrom('id', 'name', 'port', 'weight'), latin1), tie('tree'), {
      maxKeys: 5,
      noNullPrototype: true,
    }),
  ),
}));

t.test('what was packed is read as it was, wherever it lies', async () => {
  const writer = new PlainWriter();
  const reader = new PlainReader();
  fc.assert(
    fc.property(key, tree, fc.nat(40), (key, value, offset) => {
      const packed = writer.pack(key, value);
      if (packed === null) throw new Error('it does not fit');
      const memory = Buffer.concat([Buffer.alloc(offset, 7), packed]);
      if (reader.key(memory, offset) !== key) throw new Error('another key');
      const read = reader.read(memory, offset);
      // Objects with a key `__proto__` do not come from a compiler.
      if (JSON.stringify(read) !== JSON.stringify(value)) throw new Error(`${JSON.stringify(read)} instead of ${JSON.stringify(value)}`);
    }),
    { numRuns: 2000 },
  );
});

t.test('what it cannot hold is refused, and the next record is not affected', async (t) => {
  const writer = new PlainWriter();
  t.equal(writer.pack('k', { value: 'λ' }), null, 'text beyond Latin-1');
  t.equal(writer.pack('k', 'x'.repeat(LONGEST)), null, 'a long string');
  t.equal(
    writer.pack(
      'k',
      Array.from({ length: LONGEST }, () => 1),
    ),
    null,
    'many values',
  );
  t.equal(writer.pack('k', { value: undefined, list: [() => 1] }), null, 'a function');
  t.same(new PlainReader().read(writer.pack('k', { value: undefined, name: 'n' }) as Buffer, 0), { name: 'n' });
});

t.test('an object is read up to a key', async (t) => {
  const packed = new PlainWriter().pack('k', { name: 'n', local: { namespace: 'x', domains: ['a'] }, routes: [1, 2] }) as Buffer;
  t.same(new PlainReader().read(packed, 0, 'local'), { name: 'n', local: { namespace: 'x', domains: ['a'] } });
});
