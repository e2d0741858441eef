import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { BlockFault, BlockKind, HeadLines } from '../../../src/l7/http2/head-lines.ts';
import { Decoded, HpackDecoder } from '../../../src/l7/http2/hpack-decoder.ts';
import { HpackEncoder } from '../../../src/l7/http2/hpack-encoder.ts';
import { parseRequestHead } from '../../../src/l7/http1/parser.ts';
import { DEFAULT_LIMITS, Head } from '../../../src/l7/message/head.ts';
import { HeaderNames } from '../../../src/l7/message/header-names.ts';
import { encodeBlock, type Field } from './field-list.ts';
import { blockOf, get, request } from './peer.ts';

const names = new HeaderNames();

/** The lines that a block means; a number: why it means none. */
function linesOf(fields: readonly Field[], kind: BlockKind = BlockKind.Request, limits = DEFAULT_LIMITS): string | number {
  const lines = new HeadLines(names, limits);
  const block = blockOf(new HpackEncoder(), fields);
  lines.begin(kind);
  const decoded = new HpackDecoder(4096).decode(block, 0, block.length, lines);
  if (decoded !== Decoded.Whole) return decoded;
  const fault = lines.finish();
  return fault === BlockFault.None ? Buffer.from(lines.bytes.subarray(lines.start, lines.length)).toString('latin1') : fault;
}

t.test('a request becomes the head that HTTP/1 would have had', async (t) => {
  t.equal(linesOf(get('/a?b')), 'GET /a?b HTTP/1.1\r\nhost: shop\r\n\r\n');
  t.equal(
    linesOf([...request('POST', '/'), ['content-type', 'application/grpc'], ['te', 'trailers'], ['x', '']]),
    'POST / HTTP/1.1\r\nhost: shop\r\ncontent-type: application/grpc\r\nte: trailers\r\nx: \r\n\r\n',
  );
  t.equal(linesOf([...request('OPTIONS', '*'), ['a', 'b']]), 'OPTIONS * HTTP/1.1\r\nhost: shop\r\na: b\r\n\r\n');
  const connect: Field[] = [
    [':method', 'CONNECT'],
    [':authority', 'shop:443'],
  ];
  t.equal(linesOf(connect), 'CONNECT shop:443 HTTP/1.1\r\nhost: shop:443\r\n\r\n');
  t.equal(
    linesOf([...request('CONNECT', '/chat'), [':protocol', 'websocket'], ['origin', 'http://shop']]),
    'GET /chat HTTP/1.1\r\nhost: shop\r\nconnection: Upgrade\r\nupgrade: websocket\r\norigin: http://shop\r\n\r\n',
  );
  const hostOnly = get('/').filter(([name]) => name !== ':authority');
  t.equal(linesOf([...hostOnly, ['host', 'shop']]), 'GET / HTTP/1.1\r\nhost: shop\r\n\r\n', 'Host stands for :authority');
  t.equal(linesOf([...get('/'), ['host', 'SHOP'], ['a', 'b']]), 'GET / HTTP/1.1\r\nhost: shop\r\na: b\r\n\r\n', 'Host repeats :authority');
});

t.test('several cookie fields become one line, wherever they stand', async (t) => {
  const fields: Field[] = [...get('/'), ['cookie', 'a=1'], ['x', 'y'], ['cookie', 'b=2'], ['z', 'z'], ['cookie', 'c=3']];
  t.equal(linesOf(fields), 'GET / HTTP/1.1\r\nhost: shop\r\ncookie: a=1; b=2; c=3\r\nx: y\r\nz: z\r\n\r\n');
  const cookies = (...values: string[]) => linesOf([...get('/'), ...values.map((value): Field => ['cookie', value]), ['x', 'y']]);
  const head = 'GET / HTTP/1.1\r\nhost: shop\r\n';
  t.equal(cookies('', 'a=1', '', 'b=2', ''), `${head}cookie: a=1; b=2\r\nx: y\r\n\r\n`, 'no separators of empty ones');
  t.equal(cookies('', ''), `${head}cookie: \r\nx: y\r\n\r\n`);
});

t.test('responses and trailers', async (t) => {
  const { Response, Trailers } = BlockKind;
  t.equal(linesOf([[':status', '200'], ['a', 'b']], Response), 'HTTP/1.1 200 OK\r\na: b\r\n\r\n'); // prettier-ignore
  t.equal(linesOf([[':status', '103']], Response), 'HTTP/1.1 103 \r\n\r\n');
  t.equal(linesOf([['grpc-status', '0'], ['grpc-message', '']], Trailers), 'grpc-status: 0\r\ngrpc-message: \r\n'); // prettier-ignore
  t.equal(linesOf([], Trailers), '');
  t.equal(linesOf([['content-length', '5'], ['a', 'b']], Trailers), 'a: b\r\n', 'what may only stand in a head is left out'); // prettier-ignore
  t.equal(linesOf([[':status', '200']], Trailers), BlockFault.Malformed);
  t.equal(linesOf([['a', 'b']], Response), BlockFault.Malformed, 'no status');
  for (const status of ['20', '2000', '']) t.equal(linesOf([[':status', status]], Response), BlockFault.Malformed, status);
  t.equal(linesOf([[':status', '200'], [':path', '/']], Response), BlockFault.Malformed, 'a pseudo-header of requests'); // prettier-ignore
});

t.test('what RFC 9113 §8 forbids', async (t) => {
  const without = (name: string): Field[] => get('/').filter(([known]) => known !== name);
  const replaced = (name: string, value: string): Field[] => get('/').map((field) => (field[0] === name ? [name, value] : field));
  const refused: Readonly<Record<string, readonly Field[]>> = {
    'no method': without(':method'),
    'no scheme': without(':scheme'),
    'no path': without(':path'),
    'an empty path': replaced(':path', ''),
    'an empty authority': replaced(':authority', ''),
    'an unknown pseudo-header': [...get('/'), [':what', 'x']],
    'a pseudo-header of responses': [...get('/'), [':status', '200']],
    'a pseudo-header twice': [...get('/'), [':path', '/x']],
    ':protocol of something else than CONNECT': [...get('/'), [':protocol', 'websocket']],
    'CONNECT with a path': [...request('CONNECT', '/')],
    'CONNECT without an authority': [[':method', 'CONNECT']],
    'a path in absolute form': replaced(':path', 'http://other/'),
    'a path without a slash': replaced(':path', 'admin'),
    '* of GET': replaced(':path', '*'),
    'a blank in the path': replaced(':path', '/ HTTP/1.1'),
    'a second request in the path': replaced(':path', '/ HTTP/1.1\r\n\r\nGET /admin'),
    'a line end in the method': replaced(':method', 'GET /\r\nx'),
    'a blank in the method': replaced(':method', 'GET /admin'),
    'a line end in the authority': replaced(':authority', 'shop\r\nx: y'),
    'another Host than :authority': [...get('/'), ['host', 'other']],
    'a name in upper case': [...get('/'), ['x-A', 'b']],
    'an empty name': [...get('/'), ['', 'b']],
    'a blank in a name': [...get('/'), ['a b', 'c']],
    'a colon in a name': [...get('/'), ['a:b', 'c']],
    'a line end in a name': [...get('/'), ['a\r\nb', 'c']],
    'CR LF in a value': [...get('/'), ['a', 'b\r\nhost: other']],
    'LF in a value': [...get('/'), ['a', 'b\nc']],
    'CR in a value': [...get('/'), ['a', 'b\rc']],
    'NUL in a value': [...get('/'), ['a', 'b\0c']],
    'DEL in a value': [...get('/'), ['a', 'b\x7f']],
    'white space before a value': [...get('/'), ['a', ' b']],
    'white space behind a value': [...get('/'), ['a', 'b\t']],
    connection: [...get('/'), ['connection', 'close']],
    'keep-alive': [...get('/'), ['keep-alive', 'timeout=5']],
    'proxy-connection': [...get('/'), ['proxy-connection', 'keep-alive']],
    'transfer-encoding': [...get('/'), ['transfer-encoding', 'chunked']],
    upgrade: [...get('/'), ['upgrade', 'websocket']],
    'te that is more than trailers': [...get('/'), ['te', 'gzip']],
    'a line end in :protocol': [...request('CONNECT', '/'), [':protocol', 'x\r\ny: z']],
  };
  for (const [why, fields] of Object.entries(refused)) t.equal(linesOf(fields), BlockFault.Malformed, why);
  t.equal(linesOf([...without(':path'), ['a', 'b'], [':path', '/']]), BlockFault.Malformed, 'a pseudo-header behind another field');
});

t.test('heads beyond the limits', async (t) => {
  const limits = { maxHeadBytes: 1000, maxHeaders: 5 };
  const many: Field[] = Array.from({ length: 20 }, (_, i) => [`x-${i}`, 'y']);
  t.equal(linesOf([...get('/'), ...many], BlockKind.Request, limits), BlockFault.TooLarge, 'too many fields');
  t.equal(linesOf([...get('/'), ['a', 'b'.repeat(950)]], BlockKind.Request, limits), BlockFault.TooLarge, 'too long');
  t.equal(linesOf([...get('/'), ['a', 'b'.repeat(5000)]], BlockKind.Request, limits), Decoded.GivenUp, 'far too long');
});

t.test('a bomb of small fields that stand for large ones ends early', async (t) => {
  const encoder = new HpackEncoder();
  const fields: Field[] = Array.from({ length: 60_000 }, () => ['x', 'y'.repeat(480)]);
  const block = encodeBlock(encoder, fields);
  const lines = new HeadLines(names, DEFAULT_LIMITS);
  lines.begin(BlockKind.Trailers);
  t.equal(new HpackDecoder(4096).decode(block, 0, block.length, lines), Decoded.GivenUp);
  t.ok(lines.bytes.length < 8 * DEFAULT_LIMITS.maxHeadBytes, `${lines.bytes.length} bytes are kept`);
});

const value = fc.oneof(
  fc.stringMatching(/^[\x21-\x7e]{0,20}$/),
  fc.constantFrom('a\r\nb', '\r\n\r\nGET / HTTP/1.1\r\n', ' x', 'a b', 'chunked', 'trailers', '5'),
);
const regular = fc.tuple(
  fc.constantFrom('a', 'cookie', 'host', 'te', 'x-A', 'content-length', 'transfer-encoding', 'b c', 'connection'),
  value,
);
const pseudo = fc.tuple(fc.constantFrom(':method', ':path', ':scheme', ':authority', ':protocol'), value);
const someFields = fc.tuple(
  fc.constantFrom(get('/'), request('POST', '/x?y'), []),
  fc.array(pseudo, { maxLength: 2 }),
  fc.array(regular, { maxLength: 6 }),
);

t.test('what is not refused is one head to the parser of HTTP/1, with one line for each field', async () => {
  const head = new Head(names, DEFAULT_LIMITS);
  fc.assert(
    fc.property(someFields, ([first, more, rest]) => {
      const fields = [...first, ...more, ...rest];
      const text = linesOf(fields);
      if (typeof text === 'number') return;
      if (text.indexOf('\r\n\r\n') !== text.length - 4) throw new Error(`more than one head: ${JSON.stringify(text)}`);
      const bytes = Buffer.from(text, 'latin1');
      const next = parseRequestHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS);
      if (next < 0) return;
      if (next !== bytes.length) throw new Error(`something follows the head: ${JSON.stringify(text)}`);
      const cookies = Math.max(0, rest.filter(([name]) => name === 'cookie').length - 1);
      const hosts = rest.filter(([name]) => name === 'host').length;
      const ours = text.includes('\r\nconnection: Upgrade\r\n') ? 2 : 0;
      const authority = fields.some(([name]) => name === ':authority');
      const expected = rest.length - cookies + ours + (authority ? 1 - hosts : 0);
      if (head.count !== expected) throw new Error(`${head.count} lines, not ${expected}: ${JSON.stringify(text)}`);
    }),
    { numRuns: 2000 },
  );
});

/** What a parser has found in a head, without what HTTP/2 knows besides. */
function found(head: Head, next: number): unknown {
  const lines = Array.from({ length: next > 0 ? head.count : 0 }, (_, i) =>
    [head.nameStart, head.nameEnd, head.valueStart, head.valueEnd, head.lineEnd, head.id].map((span) => span[i]),
  );
  const { start, fields, end, contentLength, authorityStart, authorityEnd, upgrade } = head;
  const ids = next > 0 ? [...head.id.subarray(0, head.count)].map((id) => (id < 0 ? -1 : head.find(id))) : [];
  return { next, lines, ids, start, fields, end: next > 0 ? end : 0, contentLength, authorityStart, authorityEnd, upgrade };
}

t.test('a parser that is told of the lines finds what one finds that looks for them, also in fields that it has met before', async () => {
  const told = new Head(names, DEFAULT_LIMITS);
  const looked = new Head(names, DEFAULT_LIMITS);
  const lines = new HeadLines(names, DEFAULT_LIMITS);
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(4096);
  fc.assert(
    fc.property(someFields, ([first, more, rest]) => {
      const block = blockOf(encoder, [...first, ...more, ...rest]);
      lines.begin(BlockKind.Request);
      if (decoder.decode(block, 0, block.length, lines) !== Decoded.Whole) throw new Error('malformed');
      if (lines.finish() !== BlockFault.None) return;
      const at = 7;
      const bytes = new Uint8Array(at + lines.length - lines.start);
      bytes.set(lines.bytes.subarray(lines.start, lines.length), at);
      const next = parseRequestHead(bytes, at, bytes.length, told, DEFAULT_LIMITS, lines.fieldLines);
      const got = found(told, next);
      const want = found(looked, parseRequestHead(bytes, at, bytes.length, looked, DEFAULT_LIMITS));
      if (JSON.stringify(got) !== JSON.stringify(want)) throw new Error(`got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
    }),
    { numRuns: 2000 },
  );
});

t.test('what was found of an entry of a table does not outlive the names', async (t) => {
  const own = new HeaderNames();
  const lines = new HeadLines(own, DEFAULT_LIMITS);
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(4096);
  const idOf = (): number | undefined => {
    const block = blockOf(encoder, [...get('/'), ['x-late', 'y']]);
    const head = new Head(own, DEFAULT_LIMITS);
    lines.begin(BlockKind.Request);
    decoder.decode(block, 0, block.length, lines);
    lines.finish();
    parseRequestHead(lines.bytes, lines.start, lines.length, head, DEFAULT_LIMITS, lines.fieldLines);
    return head.id[head.count - 1];
  };
  t.strictSame([idOf(), idOf(), idOf()], [-1, -1, -1]);
  const id = own.intern('x-late');
  t.equal(idOf(), id);
  own.release(id);
  t.equal(idOf(), -1);
});
