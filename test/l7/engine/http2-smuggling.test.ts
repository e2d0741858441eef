/**
 * Whatever clients of HTTP/2 send, a server of HTTP/1 sees no request that they have not opened: it never answers here, so that each of its
 * connections may carry one request, and an independent parser (llhttp, in node:http) must find no more in what has come.
 */
import { createServer } from 'node:http';
import { Duplex } from 'node:stream';
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { HpackEncoder } from '../../../src/l7/http2/hpack-encoder.ts';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import type { Field } from '../http2/field-list.ts';
import { blockOf, frame, get, request } from '../http2/peer.ts';
import { dialHttp2, http1Gateway } from './http2-rig.ts';

const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nhost: shop\r\n\r\n';
const text = fc.constantFrom(
  SMUGGLED,
  `0\r\n\r\n${SMUGGLED}`,
  `\r\n${SMUGGLED}`,
  `\r\n\r\n${SMUGGLED}`,
  'abc',
  '0',
  '3',
  '5\r\nhello\r\n0\r\n\r\n',
  '',
);
const name = fc.constantFrom(
  ...['content-length', 'transfer-encoding', 'te', 'connection', 'expect', 'upgrade', 'host', 'trailer', 'cookie', 'x'],
  ...[
    'content-length ',
    'content-length\r\n',
    `x\r\n\r\n${SMUGGLED}x`,
    'x: y\r\nz',
    ' transfer-encoding',
    'transfer_encoding',
    'Transfer-Encoding',
  ],
);
const value = fc.oneof(
  text,
  fc.constantFrom('chunked', 'identity, chunked', 'trailers', 'close', 'h2c', '100-continue', '40', '+3', '3, 3', '3\r\n'),
);
const fields = fc.array(fc.tuple(name, value), { maxLength: 3 });
const pseudo = fc.tuple(
  fc.constantFrom(':method', ':path', ':authority', ':scheme', ':protocol'),
  fc.oneof(
    text,
    fc.constantFrom(`/ HTTP/1.1\r\nhost: a\r\n\r\n${SMUGGLED}`, '/ ', 'GET', 'POST', 'CONNECT', 'websocket', 'shop:80', 'shop\r\n', 'http'),
  ),
);
const opening = fc.tuple(
  fc.constantFrom<readonly Field[]>(
    get('/'),
    request('POST', '/post'),
    [...request('POST', '/three'), ['content-length', '3']],
    request('HEAD', '/'),
    request('OPTIONS', '*'),
  ),
  fc.option(pseudo, { freq: 3 }),
  fields,
);
/** Of messages whose content agrees with what they announce, or nearly: at random they are as rare as what is wrong with one of them. */
const announcing = fc
  .tuple(fc.constantFrom('0', '3', String(SMUGGLED.length), String(SMUGGLED.length + 3)), fc.constantFrom(...['POST', 'GET']))
  .map(([length, method]) => [[...request(method, '/announced'), ['content-length', length] as const], null, []] as const);
/** A message: its head, content in frames, and an end. */
const message = fc.record({
  opening: fc.oneof({ arbitrary: opening, weight: 3 }, { arbitrary: announcing, weight: 1 }),
  content: fc.array(text, { maxLength: 4 }),
  ends: fc.constantFrom('head', 'content', 'trailers', 'reset', 'not'),
  trailers: fields,
});
type Message = typeof message extends fc.Arbitrary<infer T> ? T : never;

function framesOf(stream: number, { opening: [first, replaced, more], content, ends, trailers }: Message): Buffer {
  const head = replaced === null ? first : [...first.filter(([name]) => name !== replaced[0]), replaced];
  const blocks = [[...head, ...more], trailers].map((list) => blockOf(new HpackEncoder(), list));
  const last = ends === 'content' ? content.length - 1 : -1;
  const end =
    ends === 'trailers'
      ? frame('HEADERS', 5, stream, blocks[1])
      : ends === 'reset'
        ? frame('RST_STREAM', 0, stream, Buffer.alloc(4))
        : Buffer.alloc(0);
  const data = content.map((piece, i) => frame('DATA', i === last ? 1 : 0, stream, piece));
  return Buffer.concat([frame('HEADERS', ends === 'head' ? 5 : 4, stream, blocks[0]), ...data, end]);
}

/** Whether the client has said how its message ends, so that nothing more is to come of it. */
function isOver({ content, ends }: Message): boolean {
  return ends !== 'not' && (ends !== 'content' || content.length > 0);
}

/** Targets of the requests that llhttp finds, and whether it has found the end of each. */
async function requestsIn(bytes: string): Promise<{ readonly found: string[]; readonly whole: boolean }> {
  const found: string[] = [];
  let ends = 0;
  const server = createServer((request, response) => {
    found.push(`${request.method} ${request.url}`);
    // Otherwise it would not look for another one.
    request.resume().on('end', () => ends++);
    request.on('close', () => response.end());
  });
  server.on('connect', (request: { url?: string }) => found.push(`CONNECT ${request.url}`));
  server.on('upgrade', (request: { url?: string }) => found.push(`upgrade ${request.url}`));
  const socket = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
  const over = new Promise((resolve) => socket.once('close', resolve));
  server.emit('connection', socket);
  socket.push(Buffer.from(bytes, 'latin1'));
  socket.push(null);
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  socket.destroy();
  await over;
  return { found, whole: ends === found.length };
}

t.test('the check sees what is smuggled', async (t) => {
  const head = 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n';
  t.same(await requestsIn(`${head}abc${SMUGGLED}`), { found: ['POST /', 'GET /smuggled'], whole: true });
  t.same(await requestsIn(`${head}ab`), { found: ['POST /'], whole: false });
});

t.test('no message of a client becomes two of HTTP/1', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 3 }), fc.constantFrom(1, 9, 100_000), async (messages, step) => {
      const rig = http1Gateway();
      const peers: MemoryPeer[] = [];
      rig.transport.serve({ ip: '10.0.0.1', port: 80 }, (peer) => peers.push(peer));
      const client = dialHttp2(rig);
      const bytes = Buffer.concat(messages.map((one, i) => framesOf(2 * i + 1, one)));
      for (let from = 0; from < bytes.length; from += step) {
        client.peer.write(bytes.subarray(from, from + step));
        rig.transport.run();
      }
      rig.run();
      for (const peer of peers) {
        const sent = peer.text();
        const { found, whole } = await requestsIn(sent);
        if (found.length > 1) throw new Error(`${found.join(' and ')} in ${JSON.stringify(sent)}`);
        // The next request on this connection would be the rest of it.
        if (!whole && messages.every(isOver) && !peer.wasReset && !peer.ended) throw new Error(`kept: ${JSON.stringify(sent)}`);
      }
      if (peers.length > messages.length) throw new Error(`${peers.length} connections`);
      if (rig.count('nodeway_worker_faults_total') > 0) throw new Error(`it throws: ${JSON.stringify(rig.log)}`);
    }),
    { numRuns: 400 },
  );
});
