/** Plain data in one string, and out of it again. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { pack, unpack } from '../../../src/agent/model/packed.ts';
import { WORDS } from '../../../src/agent/model/words.ts';

const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom(...WORDS, '__proto__', 'constructor', 'ÿ'.repeat(200)));
const scalar = fc.oneof(text, fc.integer(), fc.nat(1000), fc.double(), fc.constantFrom(-0, 2 ** 31 - 1, 2 ** 31, 2 ** 53), fc.boolean());
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    scalar,
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 40 }),
    fc.dictionary(text, tie('value'), { maxKeys: 40, noNullPrototype: true }),
  ),
}));

t.test('what was packed is read as it was', async () => {
  fc.assert(
    fc.property(value, (one) => assert.deepStrictEqual(unpack(pack(one)), one)),
    { numRuns: 1000 },
  );
});

/** The order of fields counts: of headers it is seen on the wire. */
const isSame = (one: unknown, other: unknown): boolean => isDeepStrictEqual(one, other) && JSON.stringify(one) === JSON.stringify(other);

t.test('equal values are packed alike, others not', async (t) => {
  fc.assert(fc.property(value, (one) => pack(one) === pack(structuredClone(one))));
  fc.assert(fc.property(value, value, (one, other) => (pack(one) === pack(other)) === isSame(one, other)));
  t.equal(pack({ a: undefined, b: 1 }), pack({ b: 1 }), 'what is undefined is not there');
});

t.test('more fields, items and texts than a byte counts', async (t) => {
  const fields = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`field-${index}`, `text-${index % 200}`]));
  const many = { fields, items: Array.from({ length: 10_000 }, (_, index) => index), long: 'x'.repeat(1_000_000) };
  t.strictSame(unpack(pack(many)), many);
});

t.test('the characters of what is packed are bytes', async (t) => {
  const packed = pack({ metadata: { name: 'web', labels: { app: 'Käse', owner: '日本' } }, spec: {} });
  t.ok(Array.from({ length: packed.length }, (_, at) => packed.charCodeAt(at)).every((code) => code < 256));
  t.ok(packed.length < 40, `${packed.length} bytes`);
});

t.test('other data is refused', async (t) => {
  t.throws(() => pack(() => 1), TypeError);
  t.throws(() => pack({ a: 1n }), TypeError);
});

t.test('every word is one word, and the first are said in a byte', async (t) => {
  t.equal(new Set(WORDS).size, WORDS.length);
  for (const name of ['apiVersion', 'metadata', 'endpoints', 'destination']) t.ok(WORDS.indexOf(name) < 128 && WORDS.includes(name), name);
});
