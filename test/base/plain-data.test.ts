/** Plain data as bytes, and out of them again. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import * as fc from './fast-check.ts';
import t from 'tap';
import { PlainReader } from '../../src/base/plain-data/reader.ts';
import { Vocabulary } from '../../src/base/plain-data/vocabulary.ts';
import { PlainWriter } from '../../src/base/plain-data/writer.ts';

const WORDS = ['v1', 'route', 'default', '', ...Array.from({ length: 200 }, (_, index) => `word-${index}`)];
const vocabulary = new Vocabulary(['id', 'name', 'port', 'weight', 'local', 'domains', 'routes', ...WORDS], WORDS);
/** Texts that contain each other, as those of a record do. */
const names = fc.constantFrom(
  'reviews',
  'reviews.shop',
  'reviews.shop.svc',
  'outbound|80||reviews.shop.svc',
  'reviews:80',
  'λreviews.shop',
);
const text = fc.oneof(
  names,
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom(...WORDS, '__proto__', 'constructor', 'ÿ'.repeat(200)),
);
const number = fc.oneof(fc.integer(), fc.nat(300), fc.double(), fc.constantFrom(-0, 2 ** 31 - 1, 2 ** 31, 2 ** 53));
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    number,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 40 }),
    fc.dictionary(text, tie('value'), { maxKeys: 40, noNullPrototype: true }),
  ),
}));

for (const byParts of [false, true]) {
  const how = byParts ? 'texts said by each other' : 'texts written out';
  const writer = new PlainWriter(vocabulary, byParts);
  const reader = new PlainReader(vocabulary);
  const pack = (one: unknown): string => {
    writer.begin();
    writer.value(one);
    return writer.packed;
  };
  const unpack = (packed: string): unknown => reader.read(Buffer.from(packed, 'latin1'), 0);

  t.test(`what was written is read as it was, wherever it lies (${how})`, async () => {
    fc.assert(
      fc.property(value, names, fc.nat(40), (one, known, room) => {
        writer.begin(room, known);
        writer.raw('raw');
        writer.value(one);
        assert.deepStrictEqual(reader.read(Buffer.from(writer.packed, 'latin1'), room + 3, known), one);
      }),
      { numRuns: 1000 },
    );
  });

  t.test(`equal values are written alike, others not (${how})`, async (t) => {
    // The order of fields counts: of headers it is seen on the wire.
    const isSame = (one: unknown, other: unknown): boolean =>
      isDeepStrictEqual(one, other) && JSON.stringify(one) === JSON.stringify(other);
    fc.assert(fc.property(value, (one) => pack(one) === pack(structuredClone(one))));
    fc.assert(fc.property(value, value, (one, other) => (pack(one) === pack(other)) === isSame(one, other)));
    t.equal(pack({ a: undefined, b: 1 }), pack({ b: 1 }), 'what is undefined is not there');
  });

  t.test(`more fields, items and texts than a byte counts (${how})`, async (t) => {
    const fields = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`field-${index}`, `text-${index % 200}`]));
    const many = { fields, items: Array.from({ length: 10_000 }, (_, index) => index), long: 'x'.repeat(1_000_000) };
    t.strictSame(unpack(pack(many)), many);
  });

  t.test(`other data is refused, and the next value is not affected (${how})`, async (t) => {
    t.throws(() => pack(() => 1), TypeError);
    t.throws(() => pack({ a: 1n }), TypeError);
    t.throws(() => pack({ list: ['reviews.shop', () => 1] }), TypeError);
    t.strictSame(unpack(pack(['reviews.shop'])), ['reviews.shop']);
  });
}

t.test('an object is read up to a name', async (t) => {
  const writer = new PlainWriter(vocabulary, true);
  writer.begin();
  writer.value({ name: 'n', local: { domains: ['a'] }, routes: [1, 2] });
  t.same(new PlainReader(vocabulary).read(writer.written, 0, undefined, 'local'), { name: 'n', local: { domains: ['a'] } });
});

t.test('a text that contains another takes less', async (t) => {
  const length = (byParts: boolean): number => {
    const writer = new PlainWriter(vocabulary, byParts);
    writer.begin(0, 'outbound|80||reviews.shop.svc');
    writer.value(['reviews.shop.svc', 'mesh reviews.shop.svc:80']);
    return writer.written.length;
  };
  t.ok(length(true) < length(false) / 2, `${length(true)} of ${length(false)} bytes`);
});
