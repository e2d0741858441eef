/** Properties of the small decisions over parsed heads: framing, persistence, hop-by-hop lines, sniffing. */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { persistent, requestFraming, responseFraming } from '../../../src/l7/http1/framing.ts';
import { markHopByHop } from '../../../src/l7/http1/hop-by-hop.ts';
import { parseRequestHead, parseResponseHead } from '../../../src/l7/http1/parser.ts';
import { sniff } from '../../../src/l7/http1/sniff.ts';
import { DEFAULT_LIMITS, Framing, Head } from '../../../src/l7/message/head.ts';
import { HeaderNames } from '../../../src/l7/message/header-names.ts';

const head = new Head(new HeaderNames());
const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

const lengthField = fc.constantFrom('', 'Content-Length: 0\r\n', 'Content-Length: 7\r\n', 'Transfer-Encoding: chunked\r\n');
const connection = fc.constantFrom('', 'Connection: close\r\n', 'Connection: keep-alive\r\n', 'Connection: Keep-Alive, Close\r\n');
const minor = fc.constantFrom(0, 1);

t.test('a head says its framing once, or is refused', async () => {
  fc.assert(
    fc.property(
      minor,
      fc.constantFrom(100, 200, 204, 206, 304, 404),
      lengthField,
      connection,
      fc.boolean(),
      (minor, status, length, fields, isHead) => {
        const bytes = bytesOf(`HTTP/1.${minor} ${status} X\r\n${length}${fields}\r\n`);
        const next = parseResponseHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS);
        const chunked = length.startsWith('Transfer');
        const bodiless = status < 200 || status === 204;
        const refused = (chunked && (minor === 0 || bodiless)) || (bodiless && length.includes('7'));
        if (next < 0 !== refused) throw new Error(`${next}`);
        if (refused) return;
        const framing = responseFraming(head, isHead, false);
        const without = isHead || bodiless || status === 304;
        const want = without ? Framing.None : chunked ? Framing.Chunked : length === '' ? Framing.UntilClose : Framing.Length;
        if (framing !== want) throw new Error(`framing ${framing} instead of ${want}`);
        const closes = /close/i.test(fields) || (minor === 0 && !/keep-alive/i.test(fields));
        if (persistent(head) === closes) throw new Error('persistence');
      },
    ),
  );
});

t.test('a request without a length has no body', async () => {
  fc.assert(
    fc.property(lengthField, fc.constantFrom('GET', 'POST'), (length, method) => {
      const bytes = bytesOf(`${method} / HTTP/1.1\r\nHost: h\r\n${length}\r\n`);
      if (parseRequestHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS) !== bytes.length) throw new Error('not whole');
      const want = length === '' ? Framing.None : length.startsWith('T') ? Framing.Chunked : Framing.Length;
      if (requestFraming(head) !== want) throw new Error('framing');
    }),
  );
});

const names = ['X-A', 'X-B', 'Accept', 'Host', 'Keep-Alive', 'Proxy-Connection', 'Upgrade', 'Cookie', 'X-Forwarded-For'];
const ALWAYS = new Set(['connection', 'keep-alive', 'proxy-connection', 'upgrade']);
/** Well-known fields are for all recipients: no connection option takes them away. */
const NEVER = new Set(['host', 'cookie', 'x-forwarded-for']);

t.test('the lines that stay are those of the end-to-end fields, in their order', async () => {
  const lines = fc.array(fc.constantFrom(...names.filter((name) => name !== 'Host')), { maxLength: 8 });
  const options = fc.array(fc.constantFrom(...names.map((name) => name.toLowerCase()), 'close'), { maxLength: 4 });
  fc.assert(
    fc.property(lines, options, (lines, options) => {
      const own = options.length === 0 ? [] : [`Connection: ${options.join(' , ')}`];
      const text = ['GET / HTTP/1.1', 'Host: h', ...lines.map((name) => `${name}: v`), ...own, '', ''].join('\r\n');
      const bytes = bytesOf(text);
      if (parseRequestHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS) !== bytes.length) throw new Error('not whole');
      const marked = head.hopByHop.subarray(0, markHopByHop(head, false));
      const got = Array.from(marked, (line) => head.name(line).toLowerCase());
      const named = new Set(options.filter((name) => !NEVER.has(name)));
      const all = ['host', ...lines.map((name) => name.toLowerCase()), ...(options.length === 0 ? [] : ['connection'])];
      const want = all.filter((name) => ALWAYS.has(name) || named.has(name));
      if (JSON.stringify(got) !== JSON.stringify(want)) throw new Error(`${got.join()} instead of ${want.join()}`);
    }),
  );
});

const token = fc.string({ unit: fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZ-_'.split('')), minLength: 1, maxLength: 20 });
const opening = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc
    .tuple(token, fc.webPath(), fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'SIP/2.0'))
    .map((parts) => bytesOf(`${parts.join(' ')}\r\n`)),
  fc.constantFrom('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\x16\x03\x01\x02\x00\x01', 'SSH-2.0-x\r\n').map(bytesOf),
);

t.test('sniffing: more bytes never change a verdict, and bytes outside do not count', async () => {
  fc.assert(
    fc.property(opening, fc.uint8Array({ minLength: 1, maxLength: 8 }), (bytes, junk) => {
      const whole = sniff(bytes, 0, bytes.length);
      for (let end = 0; end < bytes.length; end++) {
        const part = sniff(bytes, 0, end);
        if (part !== 'more' && part !== whole) throw new Error(`${part} after ${end} bytes, ${whole} whole`);
      }
      if (sniff(Buffer.concat([junk, bytes, junk]), junk.length, junk.length + bytes.length) !== whole) throw new Error('outside');
    }),
  );
});

t.test('a request that the parser takes is sniffed as HTTP/1', async () => {
  fc.assert(
    fc.property(token, fc.webPath(), minor, (method, path, minor) => {
      const bytes = bytesOf(`${method} ${path === '' ? '/' : path} HTTP/1.${minor}\r\nHost: h\r\n\r\n`);
      if (parseRequestHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS) <= 0) return;
      if (sniff(bytes, 0, bytes.length) !== 'http1') throw new Error('not HTTP/1');
    }),
  );
});
