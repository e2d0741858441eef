/** What users write and what of it may stand on the wire. */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import {
  authority,
  checkedText,
  cookiePath,
  fieldLine,
  fieldName,
  fieldValue,
  join,
  literal,
  locationPath,
  requestTarget,
  wireBytes,
  type WireResult,
} from '../../../src/l7/message/wire-text.ts';

/** Strings in which everything is likely that a line or a field ends with. */
const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      '\r',
      '\n',
      '\r\n',
      '\0',
      ' ',
      '\t',
      ';',
      '#',
      ':',
      '/',
      '%',
      '\u010d',
      '\u010a',
      '\u0100',
      '\u2028',
      'ü',
      '💥',
      '\ud800',
    ),
    fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 1 }),
  ),
  maxLength: 12,
});
const bytesOf = (result: WireResult): number[] | null => (result.ok ? [...wireBytes(result.text)] : null);
const every = (encode: (text: string) => WireResult, holds: (bytes: number[], text: string) => boolean): void =>
  fc.assert(
    fc.property(hostile, (text) => {
      const bytes = bytesOf(encode(text));
      return bytes === null || holds(bytes, text);
    }),
    { numRuns: 2000 },
  );
const visible = (byte: number): boolean => byte > 0x20 && byte < 0x7f;

t.test('a value has no control character, and is UTF-8', async (t) => {
  every(
    fieldValue,
    (bytes, text) => bytes.every((byte) => byte === 9 || (byte >= 0x20 && byte !== 0x7f)) && Buffer.from(bytes).equals(Buffer.from(text)),
  );
  t.same(bytesOf(fieldValue('Zürich')), [...Buffer.from('Zürich')]);
  t.equal(fieldValue('a\r\nb: c').ok, false);
  t.equal(fieldValue('1\u010d\u010ab: c').ok, true);
});

t.test('a name is a token', async (t) => {
  every(fieldName, (bytes, text) => bytes.length > 0 && bytes.every(visible) && !/[\s():;,/"<>@[\]?={}\\]/.test(text));
  t.same([fieldName('').ok, fieldName('a:').ok, fieldName('x-A_1').ok], [false, false, true]);
});

t.test('a request target is visible ASCII without a fragment', async (t) => {
  every(requestTarget, (bytes) => bytes.every((byte) => visible(byte) && byte !== 0x23));
  t.same(requestTarget('/a?ü'), { ok: true, text: '/a?%C3%BC' });
  for (const text of ['/a b', '/a#b', '/a\tb', '/a\r\nb']) t.equal(requestTarget(text).ok, false, text);
});

t.test('a location may have a fragment', async (t) => {
  every(locationPath, (bytes) => bytes.every(visible) && bytes.filter((byte) => byte === 0x23).length <= 1);
  t.same(locationPath('/a#ü'), { ok: true, text: '/a#%C3%BC' });
});

t.test('encoding twice changes nothing', async (t) => {
  for (const encode of [requestTarget, locationPath, authority, cookiePath, fieldName]) {
    fc.assert(
      fc.property(hostile, (text) => {
        const once = encode(text);
        return !once.ok || checkedText(encode(once.text)) === once.text;
      }),
    );
  }
  t.pass('of these');
});

t.test('an authority is a host with or without a port', async (t) => {
  every(authority, (bytes, text) => bytes.every(visible) && !/[@/?#%\\]/.test(text));
  for (const text of ['', 'a b', 'u@a', 'a:65536', 'a:', 'fe80::1', '[fe80::1%25eth0]', 'a/b']) t.equal(authority(text).ok, false, text);
  for (const text of ['a', 'a:80', '10.0.0.1:65535', '[::1]', '[::1]:80']) t.equal(authority(text).ok, true, text);
});

t.test("a cookie's path ends at no attribute", async (t) => {
  every(cookiePath, (bytes) => bytes.every((byte) => byte >= 0x20 && byte < 0x7f && byte !== 0x3b));
  t.equal(cookiePath('/; Domain=a').ok, false);
});

t.test('text of our own', async (t) => {
  t.throws(() => literal('a\nb'), RangeError);
  t.throws(() => checkedText(fieldName('a b')), RangeError);
  t.equal(join(literal('a'), fieldLine(literal('b'), literal('c'))), 'ab: c\r\n');
});
