/** What hostile servers do on a connection that carries a request, stream 1. */
import { CALM, pieces } from './client-attacks.ts';
import { encodeBlock, type Field } from './field-list.ts';
import { frame, type Http2Peer, parameters, type PeerLine, word } from './peer.ts';

const PROTOCOL_ERROR = 1;
const FLOW_CONTROL_ERROR = 3;

export interface ServerAttack {
  readonly name: string;
  /** The reason that is counted, and the code of GOAWAY. */
  readonly reason: string;
  readonly code: number;
  /** A round of it; it is repeated until the connection is given up. */
  readonly round: (server: Http2Peer<PeerLine>, nth: number) => void;
  /** In how many rounds it has to be stopped. */
  readonly rounds: number;
}

const OK: Field = [':status', '200'];

/** Frames of about no bytes, a hundred in each round. */
function flood(name: string, reason: string, rounds: number, make: (nth: number) => Buffer): ServerAttack {
  return { name, reason, code: CALM, rounds, round: (server) => server.peer.write(pieces(100, make)) };
}

/** Done once. */
function once(name: string, reason: string, code: number, act: (server: Http2Peer<PeerLine>) => unknown): ServerAttack {
  return { name, reason, code, rounds: 1, round: (server) => void act(server) };
}

export const SERVER_ATTACKS: readonly ServerAttack[] = [
  flood('PING flood (CVE-2019-9512)', 'http2_control_flood', 12, () => frame('PING', 0, 0, Buffer.alloc(8))),
  flood('resource loop (CVE-2019-9513): PRIORITY', 'http2_control_flood', 12, (nth) => frame('PRIORITY', 0, 2 * nth + 1, Buffer.alloc(5))),
  flood('reset flood (CVE-2019-9514): RST_STREAM of streams that are over', 'http2_control_flood', 12, () =>
    frame('RST_STREAM', 0, 1, word(8)),
  ),
  flood('SETTINGS flood (CVE-2019-9515)', 'http2_control_flood', 12, (nth) => frame('SETTINGS', 0, 0, parameters([4, 1000 + nth]))),
  flood('GOAWAY flood', 'http2_control_flood', 12, () => frame('GOAWAY', 0, 0, Buffer.concat([word(1), word(0)]))),
  flood('WINDOW_UPDATE flood', 'http2_control_flood', 12, () => frame('WINDOW_UPDATE', 0, 0, word(1))),
  flood('frames of unknown types', 'http2_control_flood', 12, () => frame('99', 0, 0, 'x')),
  {
    name: 'empty DATA (CVE-2019-9518)',
    reason: 'http2_empty_flood',
    code: CALM,
    rounds: 4,
    round: (server, nth) => {
      if (nth === 0) server.headers(1, [OK]);
      server.peer.write(pieces(100, () => frame('DATA', 0, 1)));
    },
  },
  {
    name: 'DATA of a stream that is over',
    reason: 'http2_empty_flood',
    code: CALM,
    rounds: 4,
    round: (server, nth) => {
      if (nth === 0) server.headers(1, [OK], true);
      server.peer.write(pieces(100, () => frame('DATA', 0, 1, 'x')));
    },
  },
  {
    name: 'header blocks of streams that are over',
    reason: 'http2_empty_flood',
    code: CALM,
    rounds: 4,
    round: (server, nth) => {
      if (nth === 0) server.headers(1, [OK], true);
      for (let i = 0; i < 100; i++) server.headers(1, [OK], true);
    },
  },
  {
    name: 'informational responses without end',
    reason: 'http2_empty_flood',
    code: CALM,
    rounds: 4,
    round: (server) => {
      for (let i = 0; i < 100; i++) server.headers(1, [[':status', '103']]);
    },
  },
  once('CONTINUATION without end (CVE-2024-27316)', 'http2_header_flood', CALM, (server) => {
    server.frame('HEADERS', 0, 1, server.block([OK]));
    server.peer.write(pieces(20, () => frame('CONTINUATION', 0, 1, 'x')));
  }),
  once('a header block without end', 'http2_header_flood', CALM, (server) => {
    server.frame('HEADERS', 0, 1, server.block([OK]));
    server.peer.write(pieces(6, () => frame('CONTINUATION', 0, 1, Buffer.alloc(16_000))));
  }),
  once('HPACK bomb: a small block of large fields', 'http2_header_flood', CALM, (server) => {
    const fields: Field[] = Array.from({ length: 2000 }, () => ['x', 'y'.repeat(480)]);
    server.frame('HEADERS', 4, 1, Buffer.concat([server.block([OK]), encodeBlock(server.encoder, fields)]));
  }),
  once('more than 60000 names and values of length 0 (CVE-2019-9516)', 'http2_header_flood', CALM, (server) => {
    server.frame('HEADERS', 0, 1, Buffer.concat([server.block([OK]), pieces(5000, () => Buffer.alloc(3))]));
    server.peer.write(pieces(4, () => frame('CONTINUATION', 0, 1, Buffer.alloc(15_000))));
  }),
  once('PUSH_PROMISE, which we have not allowed', 'http2_protocol_error', PROTOCOL_ERROR, (server) =>
    server.frame('PUSH_PROMISE', 4, 1, word(2)),
  ),
  once('a window of the connection beyond 2^31 − 1', 'http2_protocol_error', FLOW_CONTROL_ERROR, (server) => server.window(0, 2 ** 31 - 1)),
  once('an answer on a stream that nobody has opened', 'http2_protocol_error', PROTOCOL_ERROR, (server) => server.headers(99, [OK], true)),
];
