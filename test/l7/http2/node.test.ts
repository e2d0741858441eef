/**
 * Random sequences of frames, given to a gateway and to the server of Node.js (nghttp2): both do nothing, reset the same streams, or give the
 * connection up. Where they differ, the table below has to say why.
 */
import { once } from 'node:events';
import { createServer, type Http2Server } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import t from 'tap';
import { HpackEncoder } from '../../../src/l7/http2/hpack-encoder.ts';
import { dialHttp2, http1Gateway } from '../engine/http2-rig.ts';
import { ok } from '../engine/rig.ts';
import { seededRandom } from '../upstream/seeded-random.ts';
import type { Field } from './field-list.ts';
import { blockOf, frame, get, parameters, request, type SeenFrame, splitFrames, word } from './peer.ts';

const SEQUENCES = 300;
const MOST_FRAMES = 4;
const CONNECTION = 'the connection';
const LAST_PING = 'finished';

interface Sent {
  readonly type: 'HEADERS' | 'DATA' | 'RST_STREAM' | 'WINDOW_UPDATE' | 'PRIORITY' | 'SETTINGS';
  readonly stream: number;
  readonly end: boolean;
  readonly bytes: Buffer;
}

/** Where they may differ. */
interface Difference {
  readonly why: string;
  /** Which of the two does more than the other one: resets a stream, or gives the connection up. */
  readonly stricter: 'we' | 'Node.js';
  readonly holds: (sent: readonly Sent[]) => boolean;
}

const DIFFERENCES: readonly Difference[] = [
  {
    why: 'PRIORITY of stream 0 is an error of the connection (RFC 9113 §6.3), which nghttp2 leaves out together with priorities',
    stricter: 'we',
    holds: (sent) => sent.some(({ type, stream }) => type === 'PRIORITY' && stream === 0),
  },
  {
    why: 'a stream below one that is open cannot be opened: an error of the connection (RFC 9113 §5.1.1); nghttp2 passes over it',
    stricter: 'we',
    holds: (sent) => opened(sent).some(({ stream }, index, all) => all.slice(0, index).some((before) => before.stream > stream)),
  },
  {
    why: 'HEADERS or DATA of a stream that the client has ended is an error of that stream (RFC 9113 §5.1); nghttp2 gives up the connection',
    stricter: 'Node.js',
    holds: (sent) =>
      messages(sent).some(({ stream }, index, all) => all.slice(0, index).some((before) => before.stream === stream && before.end)),
  },
  {
    why: 'a window that opens by 0 or beyond 2^31 − 1 is an error of its stream (RFC 9113 §6.9); nghttp2 gives up the connection',
    stricter: 'Node.js',
    holds: (sent) => sent.some(({ type, stream, bytes }) => type === 'WINDOW_UPDATE' && stream !== 0 && bytes.readUInt32BE(9) !== 1),
  },
  {
    why: 'DATA of a stream below one that is open: that one is closed (RFC 9113 §5.1.1), which is said; nghttp2 throws it away',
    stricter: 'we',
    holds: (sent) =>
      sent.some(({ type, stream }, index) => type === 'DATA' && opened(sent.slice(0, index)).some((one) => one.stream > stream)),
  },
  {
    why: 'HEADERS or DATA of a stream that the client has reset: it is closed (RFC 9113 §5.1), which is said; nghttp2 throws them away',
    stricter: 'we',
    holds: (sent) => messages(sent).some(({ stream }) => sent.some((before) => before.type === 'RST_STREAM' && before.stream === stream)),
  },
];

const opened = (sent: readonly Sent[]): readonly Sent[] => sent.filter(({ type }) => type === 'HEADERS');
const messages = (sent: readonly Sent[]): readonly Sent[] => sent.filter(({ type }) => type === 'HEADERS' || type === 'DATA');

type Random = () => number;

const HEADS: readonly (readonly Field[])[] = [
  get('/'),
  request('POST', '/x'),
  [...request('POST', '/x'), ['content-length', '3']],
  [['x', 'y']],
  [...get('/'), ['connection', 'x']],
];
const SETTINGS = [[1, 0], [2, 0], [2, 2], [3, 1], [4, 0], [4, 2 ** 31], [5, 16_384], [5, 1]] as const; // prettier-ignore

function draw(random: Random): Sent {
  const oneOf = <T>(list: readonly T[]): T => list[random() % list.length] as T;
  const stream = oneOf([1, 1, 1, 3, 3, 5, 0, 2]);
  const end = oneOf([true, true, false]);
  switch (oneOf(['HEADERS', 'HEADERS', 'HEADERS', 'DATA', 'RST_STREAM', 'WINDOW_UPDATE', 'PRIORITY', 'SETTINGS'] as const)) {
    case 'HEADERS':
      return { type: 'HEADERS', stream, end, bytes: frame('HEADERS', end ? 5 : 4, stream, blockOf(new HpackEncoder(), oneOf(HEADS))) };
    case 'DATA':
      return { type: 'DATA', stream, end, bytes: frame('DATA', end ? 1 : 0, stream, 'x'.repeat(oneOf([0, 3, 5]))) };
    case 'RST_STREAM':
      return { type: 'RST_STREAM', stream, end: false, bytes: frame('RST_STREAM', 0, stream, word(8)) };
    case 'WINDOW_UPDATE':
      return { type: 'WINDOW_UPDATE', stream, end: false, bytes: frame('WINDOW_UPDATE', 0, stream, word(oneOf([0, 1, 2 ** 31 - 1]))) };
    case 'PRIORITY':
      return { type: 'PRIORITY', stream, end: false, bytes: frame('PRIORITY', 0, stream, Buffer.from([0, 0, 0, 9, 1])) };
    default:
      return { type: 'SETTINGS', stream: 0, end: false, bytes: frame('SETTINGS', 0, 0, parameters(oneOf(SETTINGS))) };
  }
}

function verdict(frames: readonly SeenFrame[]): string {
  if (frames.some(({ type, payload }) => type === 'GOAWAY' && payload.readUInt32BE(4) !== 0)) return CONNECTION;
  const resets = frames.filter(({ type, payload }) => type === 'RST_STREAM' && payload.readUInt32BE(0) !== 0);
  return resets.length === 0 ? 'nothing' : `streams ${[...new Set(resets.map(({ stream }) => stream))].sort((a, b) => a - b).join(', ')}`;
}

function ours(sent: readonly Sent[]): string {
  const rig = http1Gateway();
  rig.serve('10.0.0.1:80', () => ok('x'));
  const client = dialHttp2(rig);
  for (const { bytes } of sent) client.peer.write(bytes);
  rig.run();
  client.take();
  return verdict(client.seen);
}

const isLast = ({ type, flags, payload }: SeenFrame): boolean => type === 'PING' && flags === 1 && payload.toString() === LAST_PING;

/** What has come by the time that the server has looked at all of it, or has closed the connection. */
async function nodes(port: number, sent: readonly Sent[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame('SETTINGS', 0, 0), frame('SETTINGS', 1, 0)]);
  socket.write(Buffer.concat([preface, ...sent.map(({ bytes }) => bytes), frame('PING', 0, 0, LAST_PING)]));
  let received: Buffer = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer]);
    const { frames } = splitFrames(received);
    if (frames.some(isLast) || verdict(frames) === CONNECTION) break;
  }
  socket.destroy();
  return verdict(splitFrames(received).frames);
}

function isKnown(sent: readonly Sent[], we: string, they: string): boolean {
  const stricter = they === CONNECTION ? 'Node.js' : 'we';
  return we !== 'nothing' || they === CONNECTION ? DIFFERENCES.some((one) => one.stricter === stricter && one.holds(sent)) : false;
}

t.test('the same verdict as that of Node.js, or a difference with a reason', async (t) => {
  const server: Http2Server = createServer((_, response) => response.end('x'));
  server.on('sessionError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const random = seededRandom(9);
  let same = 0;
  for (let nth = 0; nth < SEQUENCES; nth++) {
    const sent = Array.from({ length: 1 + (random() % MOST_FRAMES) }, () => draw(random));
    const [we, they] = [ours(sent), await nodes(port, sent)];
    if (we === they) same++;
    else t.ok(isKnown(sent, we, they), `we: ${we}, Node.js: ${they}, after ${sent.map(({ bytes }) => bytes.toString('hex')).join(' ')}`);
  }
  t.ok(same > 0.9 * SEQUENCES, `${same} of ${SEQUENCES} are the same`);
  server.close();
});
