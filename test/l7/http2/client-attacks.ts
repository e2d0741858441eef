/**
 * What hostile clients do, by the names under which it became known. Requests for `/silent` are never answered, those for `/large` get a
 * megabyte, those for `/head` a head of two kilobytes and nothing else, all others a byte.
 */
import { encodeBlock, type Field } from './field-list.ts';
import { frame, get, Http2Peer, parameters, type PeerLine, request, word } from './peer.ts';

export const CALM = 11;
const PROTOCOL_ERROR = 1;
const FLOW_CONTROL_ERROR = 3;
const FRAME_SIZE_ERROR = 6;

export interface AttackingLine extends PeerLine {
  /** Takes nothing more from the wire. */
  pause(): void;
}

export interface ClientAttack {
  readonly name: string;
  /** SETTINGS with which the client begins. */
  readonly settings?: readonly (readonly [setting: number, value: number])[];
  /** The reason that is counted. */
  readonly reason: string;
  /** The code of GOAWAY; null: the client does not read, so that it cannot be told. */
  readonly code: number | null;
  /** A round of it; it is repeated until the connection is given up. */
  readonly round: (client: Http2Peer<AttackingLine>, nth: number) => void;
  /** In how many rounds it has to be stopped. */
  readonly rounds: number;
  /** It needs a server that takes nothing at all: the kernel's buffers of real ones take megabytes. */
  readonly atStandstill?: boolean;
}

export const pieces = (count: number, make: (nth: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, nth) => make(nth)));

/** A hundred streams in each round, given up or made to be given up in the same breath. */
function streams(each: (client: Http2Peer<AttackingLine>, stream: number) => void): ClientAttack['round'] {
  return (client, nth) => {
    for (let i = 0; i < 100; i++) each(client, nth * 200 + 2 * i + 1);
  };
}

/** The client does something for which we have to reset a stream whose request is on its way already. */
function madeToReset(how: string, each: (client: Http2Peer<AttackingLine>, stream: number) => void): ClientAttack {
  return { name: `MadeYouReset (CVE-2025-8671): ${how}`, reason: 'http2_reset_flood', code: CALM, rounds: 3, round: streams(each) };
}

const RESETS: readonly ClientAttack[] = [
  {
    name: 'rapid reset (CVE-2023-44487)',
    reason: 'http2_reset_flood',
    code: CALM,
    rounds: 3,
    round: streams((client, stream) => client.request(stream, '/silent').reset(stream)),
  },
  madeToReset('a window that opens by 0', (client, stream) => client.request(stream, '/silent').window(stream, 0)),
  madeToReset('a window beyond 2^31 − 1', (client, stream) => client.request(stream, '/silent').window(stream, 2 ** 31 - 1)),
  madeToReset('HEADERS after the end', (client, stream) => client.request(stream, '/silent').headers(stream, [['x', 'y']], true)),
  madeToReset('DATA after the end', (client, stream) => client.request(stream, '/silent').data(stream, 'x')),
  madeToReset('more content than is announced', (client, stream) =>
    client.headers(stream, [...request('POST', '/silent'), ['content-length', '1']]).data(stream, 'xx'),
  ),
  madeToReset('less content than is announced', (client, stream) =>
    client.headers(stream, [...request('POST', '/silent'), ['content-length', '2']]).data(stream, 'x', true),
  ),
  madeToReset('trailers that do not end the stream', (client, stream) =>
    client.headers(stream, request('POST', '/silent')).headers(stream, [['x', 'y']]),
  ),
  {
    name: 'PRIORITY of a wrong length (CVE-2025-8671): an error of the connection here',
    reason: 'http2_protocol_error',
    code: FRAME_SIZE_ERROR,
    rounds: 1,
    round: (client) => client.request(1, '/silent').frame('PRIORITY', 0, 1, 'x'),
  },
  {
    name: 'reset flood (CVE-2019-9514): requests that are malformed',
    reason: 'http2_empty_flood',
    code: CALM,
    rounds: 3,
    round: streams((client, stream) => client.headers(stream, [...get('/'), ['connection', 'x']], true)),
  },
  {
    name: 'RST_STREAM of streams that are over',
    reason: 'http2_control_flood',
    code: CALM,
    rounds: 13,
    round: (client, nth) => {
      if (nth === 0) client.request(1, '/silent').reset(1);
      client.peer.write(pieces(100, () => frame('RST_STREAM', 0, 1, word(8))));
    },
  },
];

/** A header block that goes on. */
function continuations(
  name: string,
  first: (client: Http2Peer<AttackingLine>) => Uint8Array | string,
  count: number,
  piece: Uint8Array | string,
): ClientAttack {
  return {
    name,
    reason: 'http2_header_flood',
    code: CALM,
    rounds: 1,
    round: (client) => {
      client.frame('HEADERS', 0, 1, first(client));
      client.peer.write(pieces(count, () => frame('CONTINUATION', 0, 1, piece)));
    },
  };
}

const BLOCKS: readonly ClientAttack[] = [
  continuations('CONTINUATION without end (CVE-2024-27316)', (client) => client.block(get('/')), 20, 'x'),
  continuations('CONTINUATION without content', () => '', 20, ''),
  continuations('a header block without end', (client) => client.block(get('/')), 6, Buffer.alloc(16_000)),
  {
    name: 'HPACK bomb: a small block of large fields',
    reason: 'http2_header_flood',
    code: CALM,
    rounds: 1,
    round: (client) => {
      const fields: Field[] = Array.from({ length: 2000 }, () => ['x', 'y'.repeat(480)]);
      client.frame('HEADERS', 5, 1, Buffer.concat([client.block(get('/')), encodeBlock(client.encoder, fields)]));
    },
  },
  {
    name: 'names and values of length 0 (CVE-2019-9516)',
    reason: 'http2_empty_flood',
    code: CALM,
    rounds: 3,
    // A literal without indexing, whose name and value are empty: plain, and as Huffman code.
    round: streams((client, stream) => {
      const empty = pieces(50, (nth) => Buffer.from(nth % 2 === 0 ? [0, 0, 0] : [0, 0x80, 0x80]));
      client.frame('HEADERS', 5, stream, Buffer.concat([client.block(get('/')), empty]));
    }),
  },
  {
    name: 'more than 60000 names and values of length 0 in one block (CVE-2019-9516)',
    reason: 'http2_header_flood',
    code: CALM,
    rounds: 1,
    round: (client) => {
      client.frame('HEADERS', 1, 1, Buffer.concat([client.block(get('/')), pieces(5000, () => Buffer.alloc(3))]));
      client.peer.write(pieces(4, () => frame('CONTINUATION', 0, 1, Buffer.alloc(15_000))));
    },
  },
];

const FRAMES: readonly ClientAttack[] = [
  {
    name: 'PING flood (CVE-2019-9512)',
    reason: 'http2_control_flood',
    code: CALM,
    rounds: 12,
    round: (client) => client.peer.write(pieces(100, () => frame('PING', 0, 0, Buffer.alloc(8)))),
  },
  {
    name: 'resource loop (CVE-2019-9513): PRIORITY of ever other streams',
    reason: 'http2_control_flood',
    code: CALM,
    rounds: 12,
    round: (client) => client.peer.write(pieces(100, (nth) => frame('PRIORITY', 0, 2 * nth + 1, Buffer.alloc(5)))),
  },
  {
    name: 'SETTINGS flood (CVE-2019-9515)',
    reason: 'http2_control_flood',
    code: CALM,
    rounds: 12,
    round: (client) => client.peer.write(pieces(100, (nth) => frame('SETTINGS', 0, 0, parameters([4, 1000 + nth])))),
  },
  {
    name: 'SETTINGS that are empty (CVE-2019-9515)',
    reason: 'http2_control_flood',
    code: CALM,
    rounds: 12,
    round: (client) => client.peer.write(pieces(100, () => frame('SETTINGS', 0, 0))),
  },
  {
    name: 'empty DATA (CVE-2019-9518)',
    reason: 'http2_empty_flood',
    code: CALM,
    rounds: 4,
    round: (client, nth) => {
      if (nth === 0) client.headers(1, request('POST', '/silent'));
      client.peer.write(pieces(100, () => frame('DATA', 0, 1)));
    },
  },
  {
    name: 'DATA of padding only (CVE-2019-9518)',
    reason: 'http2_empty_flood',
    code: CALM,
    rounds: 4,
    round: (client, nth) => {
      if (nth === 0) client.headers(1, request('POST', '/silent'));
      client.peer.write(pieces(100, () => frame('DATA', 8, 1, Buffer.from([2, 0, 0]))));
    },
  },
  {
    name: 'frames of unknown types',
    reason: 'http2_control_flood',
    code: CALM,
    rounds: 12,
    round: (client) => client.peer.write(pieces(100, () => frame('99', 0, 0, 'x'))),
  },
  {
    name: 'PUSH_PROMISE, which no client may send',
    reason: 'http2_protocol_error',
    code: PROTOCOL_ERROR,
    rounds: 1,
    round: (client) => client.request(1, '/silent').frame('PUSH_PROMISE', 4, 1, word(2)),
  },
];

const WINDOWS: readonly ClientAttack[] = [
  {
    name: 'WINDOW_UPDATE flood',
    reason: 'http2_control_flood',
    code: CALM,
    rounds: 12,
    round: (client) => client.peer.write(pieces(100, () => frame('WINDOW_UPDATE', 0, 0, word(1)))),
  },
  {
    name: 'data dribble (CVE-2019-9511): windows that open by a byte',
    settings: [[4, 0]],
    reason: 'http2_control_flood',
    code: CALM,
    rounds: 20,
    round: (client, nth) => {
      if (nth === 0) for (let i = 0; i < 10; i++) client.request(2 * i + 1, '/large');
      else client.peer.write(pieces(100, (i) => frame('WINDOW_UPDATE', 0, 2 * (i % 10) + 1, word(1))));
    },
  },
  {
    name: 'answers that nobody takes from the wire (CVE-2019-9517): heads, which no window holds back',
    reason: 'http2_unread_flood',
    code: null,
    rounds: 40,
    round: (client, nth) => {
      if (nth === 0) client.peer.pause();
      for (let i = 0; i < 100; i++) client.request(nth * 200 + 2 * i + 1, '/head');
    },
  },
  {
    name: 'more than the window of the connection',
    reason: 'http2_protocol_error',
    code: FLOW_CONTROL_ERROR,
    rounds: 3,
    atStandstill: true,
    round: (client, nth) => {
      for (let i = 0; i < 70; i++) {
        if (nth === 0) client.headers(2 * i + 1, request('POST', '/silent'));
        client.peer.write(pieces(16, () => frame('DATA', 0, 2 * i + 1, Buffer.alloc(16_384))));
      }
    },
  },
];

export const CLIENT_ATTACKS: readonly ClientAttack[] = [...RESETS, ...BLOCKS, ...FRAMES, ...WINDOWS];
