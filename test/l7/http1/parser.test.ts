import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { DEFAULT_LIMITS, Head } from '../../../src/l7/message/head.ts';
import { HeadBuffer } from '../../../src/l7/http1/head-buffer.ts';
import { H, HeaderNames } from '../../../src/l7/message/header-names.ts';
import { markHopByHop } from '../../../src/l7/http1/hop-by-hop.ts';
import { ParseError, parseError } from '../../../src/l7/http1/parse-error.ts';
import { parseRequestHead, parseResponseHead } from '../../../src/l7/http1/parser.ts';
import { sniff, type Sniffed } from '../../../src/l7/http1/sniff.ts';

const head = new Head(new HeaderNames());
const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_';
const token = fc.string({ unit: fc.constantFrom(...letters.split('')), minLength: 1, maxLength: 20 });
const fieldText = fc
  .string({
    unit: fc
      .integer({ min: 32, max: 255 })
      .filter((c) => c !== 127)
      .map((c) => String.fromCharCode(c)),
    maxLength: 30,
  }) // prettier-ignore
  .map((text) => text.replace(/^[ \t]+|[ \t]+$/g, ''));
const fields = fc.array(fc.tuple(token.map((name) => `x-${name}`), fieldText), { maxLength: 12 }); // prettier-ignore
const target = fc.tuple(fc.webPath(), fc.webQueryParameters()).map(([path, query]) => ({ path: path === '' ? '/' : path, query }));

t.test('what was printed is parsed', async () => {
  fc.assert(
    fc.property(fc.constantFrom('GET', 'POST', 'M-SEARCH'), target, fields, (method, { path, query }, fields) => {
      const lines = fields.map(([name, value]) => `${name}:${value}\r\n`).join('');
      const bytes = bytesOf(`${method} ${path}?${query} HTTP/1.1\r\nhost: h\r\n${lines}\r\n`);
      if (parseRequestHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS) !== bytes.length) throw new Error('not whole');
      const got = Array.from({ length: head.count - 1 }, (_, i) => [head.name(i + 1), head.value(i + 1)]);
      if (JSON.stringify(got) !== JSON.stringify(fields)) throw new Error('fields');
      if (head.method() !== method || head.path() !== path || head.queryEnd - head.queryStart !== query.length) throw new Error('line');
    }),
  );
});

// Pieces of heads in any order reach more states than noise does.
const pieces = [
  'GET',
  ' ',
  '/',
  'HTTP/1.1',
  '\r',
  '\n',
  '\r\n',
  'Host',
  ':',
  'h',
  'Content-Length',
  '5',
  'Transfer-Encoding',
  'chunked',
  '\0',
  '\xff',
  ',',
  'CONNECT h:1',
  '*',
  'http://h',
  '200',
];
const soup = fc
  .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary-ascii', maxLength: 3 })), { maxLength: 40 })
  .map((parts) => bytesOf(parts.join('')));
const wire = fc.oneof(
  soup,
  fc.uint8Array({ maxLength: 60 }),
  soup.map((rest) => Buffer.concat([bytesOf('GET / HTTP/1.1\r\nHost: h\r\n'), rest])),
  soup.map((rest) => Buffer.concat([bytesOf('HTTP/1.1 200 OK\r\n'), rest])),
  soup.map((rest) => Buffer.concat([bytesOf('HTTP/1.1 200 OK\nContent-Length: 5\n'), rest, bytesOf('\n\n')])),
);

t.test('any bytes: no exception, no byte beyond the end, prefixes agree', async () => {
  for (const parse of [parseRequestHead, parseResponseHead]) {
    fc.assert(
      fc.property(wire, fc.uint8Array({ minLength: 1, maxLength: 8 }), (bytes, junk) => {
        const whole = parse(bytes, 0, bytes.length, head, DEFAULT_LIMITS);
        const framed = Buffer.concat([junk, bytes, junk]);
        const inside = parse(framed, junk.length, junk.length + bytes.length, head, DEFAULT_LIMITS);
        if (inside !== (whole > 0 ? whole + junk.length : whole)) throw new Error('what lies outside matters');
        if (whole > bytes.length) throw new Error('beyond the end');
        for (let end = 0; end < bytes.length; end++) {
          const part = parse(bytes, 0, end, head, DEFAULT_LIMITS);
          if (part !== 0 && part !== whole) throw new Error(`prefix of ${end}: ${part}, whole: ${whole}`);
        }
      }),
      { numRuns: 500 },
    );
  }
});

/** A field line as a careless server writes it, and what it means. */
const carelessField = fc.record({
  name: token.map((name) => `x-${name}`),
  words: fc.array(fc.string({ unit: fc.constantFrom(...'ab:,=\xe9'.split('')), minLength: 1, maxLength: 5 }), {
    minLength: 1,
    maxLength: 4,
  }),
  blanks: fc.constantFrom('', ' ', '\t '),
  fold: fc.boolean(),
});
const lineEnds = fc.infiniteStream(fc.constantFrom('\n', '\r\n'));

t.test("a careless server's head means what the same head means within the grammar, and comes at its end only", async () => {
  fc.assert(
    fc.property(fc.array(carelessField, { maxLength: 6 }), lineEnds, fc.constantFrom('', 'rest\n\n'), (fields, ends, rest) => {
      const line = (text: string): string => `${text}${ends.next().value}`;
      const lines = fields.map(({ name, words, blanks, fold }) => {
        const separators = words.slice(1).map(() => (fold ? line('') + '\t ' : ' '));
        return line(`${name}${blanks}: ${words.map((word, i) => `${separators[i - 1] ?? ''}${word}`).join('')}`);
      });
      const headBytes = bytesOf(`${line('HTTP/1.1 200 OK')}${lines.join('')}${line('Content-Length: 4')}${line('')}`);
      const bytes = Buffer.concat([headBytes, bytesOf(rest)]);
      for (let end = 0; end < headBytes.length; end++) {
        if (parseResponseHead(bytes, 0, end, head, DEFAULT_LIMITS) !== 0) throw new Error(`not incomplete at ${end}`);
      }
      if (parseResponseHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS) !== headBytes.length) throw new Error('not whole');
      const got = Array.from({ length: head.count }, (_, i) => [head.name(i), head.value(i)]);
      const want = [...fields.map(({ name, words }) => [name, words.join(' ')]), ['Content-Length', '4']];
      if (JSON.stringify(got) !== JSON.stringify(want)) throw new Error(`${JSON.stringify(got)} instead of ${JSON.stringify(want)}`);
      if (head.status !== 200 || head.contentLength !== 4) throw new Error('status or length');
    }),
  );
});

t.test('what is forwarded of a response is within the grammar', async () => {
  fc.assert(
    fc.property(wire, (bytes) => {
      if (parseResponseHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS) <= 0) return;
      const forwarded = Buffer.from(head.bytes.subarray(head.start, head.end));
      const lines = forwarded.toString('latin1').split('\r\n');
      if (lines.slice(1, -2).some((line) => !/^[!-9;-~]+:[\t -~\x80-\xff]*$/.test(line))) throw new Error(JSON.stringify(lines));
      if (parseResponseHead(forwarded, 0, forwarded.length, head, DEFAULT_LIMITS) !== forwarded.length) throw new Error('not whole');
      if (head.bytes !== forwarded) throw new Error('cleaned twice');
    }),
    { numRuns: 2000 },
  );
});

t.test('limits', async (t) => {
  const limits = { maxHeadBytes: 100, maxHeaders: 3 };
  const parse = (text: string) => parseRequestHead(bytesOf(text), 0, text.length, head, limits);
  const fill = (n: number) => `GET / HTTP/1.1\r\nHost: h\r\nX: ${'y'.repeat(n)}`;
  const fixed = fill(0).length + 4;
  t.equal(parse(`${fill(100 - fixed)}\r\n\r\n`), 100, 'exactly as large as allowed');
  t.equal(parse(`${fill(101 - fixed)}\r\n\r\n`), ParseError.HeadTooLarge);
  t.equal(parse(fill(99 - fixed + 4)), 0);
  t.equal(parse(fill(100 - fixed + 4)), ParseError.HeadTooLarge, 'known before the end is there');
  t.equal(parse('GET / HTTP/1.1\r\nHost: h\r\nA:\r\nB:\r\n\r\n'), 35);
  t.equal(parse('GET / HTTP/1.1\r\nHost: h\r\nA:\r\nB:\r\nC'), ParseError.TooManyFields);
});

t.test('headers of the head before do not come back', async (t) => {
  const one = bytesOf(
    'GET / HTTP/1.1\r\nHost: h\r\nCookie: a\r\nContent-Length: 3\r\nExpect: 100-Continue\r\nConnection: close, x\r\n\r\n',
  );
  const two = bytesOf('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
  for (const generation of [head.generation, 0x7ffffffe, 0x7fffffff]) {
    head.generation = generation;
    parseRequestHead(one, 0, one.length, head, DEFAULT_LIMITS);
    t.match(head, { contentLength: 3, expectContinue: true, connectionClose: true, connectionTokens: true });
    t.equal(head.find(H.cookie), 1);
    parseRequestHead(two, 0, two.length, head, DEFAULT_LIMITS);
    t.match(head, { contentLength: -1, expectContinue: false, connectionClose: false, connectionTokens: false });
    t.equal(head.find(H.cookie), -1);
  }
});

t.test('every code has its own explanation', async (t) => {
  const codes = Object.values(ParseError);
  t.same(codes.toSorted((a, b) => b - a), codes.map((_, i) => -1 - i)); // prettier-ignore
  t.equal(new Set(codes.map((code) => parseError(code).name)).size, codes.length);
  for (const [name, code] of Object.entries(ParseError)) t.equal(parseError(code).name.replaceAll('_', ''), name.toLowerCase());
});

t.test('hop-by-hop lines', async (t) => {
  const marked = (fields: string, keepUpgrade = false) => {
    const bytes = bytesOf(`GET / HTTP/1.1\r\nHost: h\r\n${fields.replaceAll('\n', '\r\n')}\r\n\r\n`);
    t.equal(parseRequestHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS), bytes.length);
    const count = markHopByHop(head, keepUpgrade);
    return Array.from(head.hopByHop.subarray(0, count), (line) => head.name(line));
  };
  t.same(marked('A: b\nTE: trailers'), []);
  t.same(marked('Connection: keep-alive\nKeep-Alive: 5\nA: b\nProxy-Connection: x'), ['Connection', 'Keep-Alive', 'Proxy-Connection']);
  t.same(marked('Connection: foo , BAR\nfoo: 1\nBar: 2\nbaz: 3\nfoo: 4'), ['Connection', 'foo', 'Bar', 'foo']);
  t.same(marked('TE: trailers, gzip\nUpgrade: x'), ['TE', 'Upgrade']);
  t.same(marked('Connection: Upgrade\nUpgrade: websocket', true), []);
  t.same(
    marked('Connection: host, x-forwarded-for, content-length\nX-Forwarded-For: 1\nContent-Length: 0'),
    ['Connection'],
    'fields for all recipients stay',
  );
});

t.test('a head in pieces is parsed a few times only', async (t) => {
  const text = `GET / HTTP/1.1\r\nHost: h\r\n${'X: y\r\n'.repeat(90)}\r\n`;
  const buffer = new HeadBuffer();
  let parses = 0;
  let parsed = 0;
  for (const byte of bytesOf(text)) {
    if (!buffer.add(Uint8Array.of(byte), 0, 1)) continue;
    parses++;
    parsed = parseRequestHead(buffer.bytes, 0, buffer.length, head, DEFAULT_LIMITS);
  }
  t.equal(parsed, text.length, 'the last byte completes it');
  t.ok(parses <= Math.ceil(Math.log2(text.length)) + 2, `${parses} parses`);

  const bare = `HTTP/1.1 200 OK\n${'X: y\n'.repeat(90)}`;
  const other = new HeadBuffer();
  for (const byte of bytesOf(bare)) other.add(Uint8Array.of(byte), 0, 1);
  t.equal(other.add(bytesOf('\r\n'), 0, 2), true, 'an empty line after a line that ended with LF alone');
  t.equal(parseResponseHead(other.bytes, 0, other.length, head, DEFAULT_LIMITS), bare.length + 2);
});

t.test('sniffing', async (t) => {
  const cases: [bytes: string, want: Sniffed][] = [
    ['', 'more'], ['G', 'more'], ['GET / HTTP/1.1\r\n', 'http1'], ['\r\nM-SEARCH * HTTP/1.0\r\n', 'http1'], ['GET / HTTP/1.1\n', 'http1'],
    ['GET key\r\n', 'other'], ['OPTIONS sip:a@b SIP/2.0\r\n', 'other'], ['GET / HTTP/1.2\r\n', 'other'], ['get / HTTP/1.1\r\n', 'other'],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'http2'], ['PRI * HTTP/2.0\r\n', 'more'], ['PRI', 'more'], ['PRIVATE / HTTP/1.1\r\n', 'http1'],
    ['\x16\x03\x01\x02\x00\x01', 'tls'], ['\x16\x03', 'more'], ['\x16\x03\x01\x02\x00\x02', 'other'], ['\x16\x02', 'other'],
    ['EHLO x\r\n', 'other'], ['SSH-2.0-x\r\n', 'other'], ['*1\r\n', 'other'], ['\0', 'other'], ['A'.repeat(25), 'other'],
  ]; // prettier-ignore
  for (const [text, want] of cases) {
    t.equal(sniff(bytesOf(text), 0, text.length), want, JSON.stringify(text));
    for (let end = 0; end < text.length; end++) {
      const part = sniff(bytesOf(text), 0, end);
      if (part !== 'more' && part !== want) t.fail(`${JSON.stringify(text)} cut at ${end}: ${part}`);
    }
  }
});
