import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { parseLogFilter, parseTagValue } from '../../../src/agent/model/log-filter.ts';

t.test('what is a value of a tag', async (t) => {
  for (const [text, value] of [
    ['"a"', { kind: 'literal', text: 'a' }],
    ["'it\\'s'", { kind: 'literal', text: "it's" }],
    ['12', { kind: 'literal', text: '12' }],
    ['true', { kind: 'literal', text: 'true' }],
    ['request.host', { kind: 'attribute', of: { name: 'request.host' } }],
    ["request.headers['X-A']", { kind: 'attribute', of: { name: 'request.headers', header: 'x-a' } }],
    ['string(destination.port)', { kind: 'attribute', of: { name: 'destination.port' } }],
    [
      'response.code >= 500 ? "bad" : request.method == "GET" ? "read" : "write"',
      { kind: 'choice', condition: { op: '>=' }, whenTrue: { text: 'bad' }, otherwise: { kind: 'choice' } },
    ],
  ] as const) {
    const parsed = parseTagValue(text);
    t.match(parsed.ok && parsed.value, value, text);
  }
});

t.test('what is none, and why', async (t) => {
  for (const [text, fault] of [
    ['', /was expected|not served/],
    ['upstream_peer.name', /is not served/],
    ['request.host == "a"', /"\?" was expected/],
    ['"a" + "b"', /cannot be read/],
    ['"a" "b"', /was not expected/],
    ['request.host ? "a"', /./],
    ['string('.repeat(40) + '"a"' + ')'.repeat(40), /nested/],
    ['"a'.padEnd(5000, 'a'), /characters/],
  ] as const) {
    const parsed = parseTagValue(text);
    t.match(parsed.ok ? null : parsed.fault, fault, text);
  }
});

const WORDS = [
  'request.host',
  "request.headers['a']",
  'has',
  'string',
  '(',
  ')',
  '?',
  ':',
  '==',
  '&&',
  '!',
  '"x"',
  '1',
  'in',
  '[',
  ']',
  ',',
  '.',
  '\\',
  '\u0000',
  'true',
];

t.test('hostile expressions get an answer, and never an exception', async (t) => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.constantFrom(...WORDS), { maxLength: 60 }).map((words) => words.join(' ')),
  );
  fc.assert(
    fc.property(text, (expression) => {
      for (const parsed of [parseTagValue(expression), parseLogFilter(expression)]) {
        if (!parsed.ok && parsed.fault === '') throw new Error('it must be said what is wrong');
      }
    }),
    { numRuns: 2000 },
  );
  t.pass();
});
