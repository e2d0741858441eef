/**
 * Attacks on a client's connection: each ends that connection with ENHANCE_YOUR_CALM or the error of its kind, is counted, costs little,
 * and is not noticed by another connection.
 */
import t from 'tap';
import { encodeBlock, type Field } from '../http2/field-list.ts';
import { frame, get, type Http2Peer, parameters, request, word } from '../http2/peer.ts';
import { dialHttp2, http1Gateway } from './http2-rig.ts';
import { ok } from './rig.ts';

const CALM = 11;

interface Attack {
  readonly name: string;
  readonly reason: string;
  readonly code: number;
  /** A round of it; it is repeated until the connection is given up. */
  readonly round: (client: Http2Peer, nth: number) => void;
  /** In how many rounds it has to be stopped. */
  readonly rounds: number;
}

const pieces = (count: number, make: (nth: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, nth) => make(nth)));

const ATTACKS: readonly Attack[] = [
  {
    name: 'rapid reset (CVE-2023-44487)',
    reason: 'http2_reset_flood',
    code: CALM,
    rounds: 3,
    round: (client, nth) => {
      for (let i = 0; i < 100; i++) client.request(nth * 200 + 2 * i + 1, '/').reset(nth * 200 + 2 * i + 1);
    },
  },
  {
    name: 'resets that the client makes us send, by windows of 0',
    reason: 'http2_control_flood',
    code: CALM,
    rounds: 15,
    round: (client, nth) => {
      for (let i = 0; i < 100; i++) {
        const stream = nth * 200 + 2 * i + 1;
        client.request(stream, '/').window(stream, 0);
      }
    },
  },
  {
    name: 'requests that are malformed',
    reason: 'http2_empty_flood',
    code: CALM,
    rounds: 3,
    round: (client, nth) => {
      for (let i = 0; i < 100; i++) client.headers(nth * 200 + 2 * i + 1, [...get('/'), ['connection', 'x']], true);
    },
  },
  {
    name: 'CONTINUATION without end (CVE-2024-27316)',
    reason: 'http2_header_flood',
    code: CALM,
    rounds: 1,
    round: (client) => {
      client.frame('HEADERS', 0, 1, client.block(get('/')));
      client.peer.write(pieces(20, () => frame('CONTINUATION', 0, 1, 'x')));
    },
  },
  {
    name: 'a header block without end',
    reason: 'http2_header_flood',
    code: CALM,
    rounds: 1,
    round: (client) => {
      client.frame('HEADERS', 0, 1, client.block(get('/')));
      client.peer.write(pieces(6, () => frame('CONTINUATION', 0, 1, Buffer.alloc(16_000))));
    },
  },
  {
    name: 'a bomb: a small block of large fields',
    reason: 'http2_header_flood',
    code: CALM,
    rounds: 1,
    round: (client) => {
      const fields: Field[] = Array.from({ length: 2000 }, () => ['x', 'y'.repeat(480)]);
      client.frame('HEADERS', 5, 1, Buffer.concat([client.block(get('/')), encodeBlock(client.encoder, fields)]));
    },
  },
  {
    name: 'PING flood (CVE-2019-9512)',
    reason: 'http2_control_flood',
    code: CALM,
    rounds: 12,
    round: (client) => client.peer.write(pieces(100, () => frame('PING', 0, 0, Buffer.alloc(8)))),
  },
  {
    name: 'SETTINGS flood (CVE-2019-9515)',
    reason: 'http2_control_flood',
    code: CALM,
    rounds: 12,
    round: (client) => client.peer.write(pieces(100, (nth) => frame('SETTINGS', 0, 0, parameters([4, 1000 + nth])))),
  },
  {
    name: 'PRIORITY flood (CVE-2019-9513)',
    reason: 'http2_control_flood',
    code: CALM,
    rounds: 12,
    round: (client) => client.peer.write(pieces(100, (nth) => frame('PRIORITY', 0, 2 * nth + 1, Buffer.alloc(5)))),
  },
  {
    name: 'WINDOW_UPDATE flood',
    reason: 'http2_control_flood',
    code: CALM,
    rounds: 12,
    round: (client) => client.peer.write(pieces(100, () => frame('WINDOW_UPDATE', 0, 0, word(1)))),
  },
  {
    name: 'RST_STREAM of streams that are over',
    reason: 'http2_control_flood',
    code: CALM,
    rounds: 13,
    round: (client, nth) => {
      if (nth === 0) client.request(1, '/').reset(1);
      client.peer.write(pieces(100, () => frame('RST_STREAM', 0, 1, word(8))));
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
    name: 'empty DATA (CVE-2019-9518)',
    reason: 'http2_empty_flood',
    code: CALM,
    rounds: 4,
    round: (client, nth) => {
      if (nth === 0) client.headers(1, request('POST', '/'));
      client.peer.write(pieces(100, () => frame('DATA', 0, 1)));
    },
  },
  {
    name: 'more than the window of the connection',
    reason: 'http2_protocol_error',
    code: 3,
    rounds: 3,
    round: (client, nth) => {
      for (let i = 0; i < 70; i++) {
        if (nth === 0) client.headers(2 * i + 1, request('POST', '/'));
        client.peer.write(pieces(16, () => frame('DATA', 0, 2 * i + 1, Buffer.alloc(16_384))));
      }
    },
  },
];

t.test('each attack ends its connection alone', async (t) => {
  for (const { name, reason, code, round, rounds } of ATTACKS) {
    const rig = http1Gateway();
    // Servers that read nothing.
    rig.transport.serve({ ip: '10.0.0.1', port: 80 }, (peer) => peer.pause(0));
    const other = dialHttp2(rig);
    const attacker = dialHttp2(rig);
    let used = 0;
    for (; used < rounds && attacker.goAway.length === 0; used++) {
      round(attacker, used);
      rig.run();
    }
    t.equal(attacker.goAway.at(-1)?.code, code, `${name}: stopped in ${used} rounds`);
    t.ok(attacker.peer.ended, `${name}: closed`);
    t.equal(rig.count('nodeway_refused_connections_total', { reason }), 1, `${name}: counted`);
    rig.run();
    other.request(1, '/');
    rig.run();
    t.same(other.goAway, [], `${name}: the other one is served`);
    t.equal(other.stream(1).reset, null);
    attacker.peer.end();
    rig.advance(6000);
    t.equal(rig.count('nodeway_downstream_connections'), 1, `${name}: nothing of it is left`);
  }
});

t.test('an honest client that does much of everything is never taken for one', async (t) => {
  const rig = http1Gateway();
  rig.serve('10.0.0.1:80', () => ok('x'.repeat(5000)));
  const client = dialHttp2(rig, [[4, 2 ** 30]]);
  client.window(0, 2 ** 30);
  let stream = 1;
  for (let second = 0; second < 60; second++) {
    for (let i = 0; i < 40; i++, stream += 2) client.request(stream, '/');
    rig.run();
    for (let i = 0; i < 20; i++, stream += 2) client.request(stream, '/').reset(stream);
    client.frame('PING', 0, 0, Buffer.alloc(8)).window(0, 1000).settings([3, 100]);
    rig.advance(1000);
  }
  t.same(client.goAway, []);
});

t.test('a thousand streams at a time: what the client says of their answers all at once is no flood', async (t) => {
  const rig = http1Gateway();
  rig.serve('10.0.0.1:80', () => ok('x'));
  const client = dialHttp2(rig);
  for (let round = 0; round < 5; round++) {
    const streams = Array.from({ length: 1000 }, (_, index) => 2 * (1000 * round + index) + 1);
    for (const stream of streams) client.request(stream, '/');
    rig.run();
    // As Node.js does with a stream whose answer it has read.
    for (const stream of streams) client.window(stream, 1).window(0, 1).reset(stream);
    rig.run();
  }
  t.same(client.goAway, []);
  t.equal(rig.count('nodeway_downstream_connections'), 1);
});

t.test('calls that have lasted may be given up all at once', async (t) => {
  const rig = http1Gateway();
  rig.transport.serve({ ip: '10.0.0.1', port: 80 }, () => undefined);
  const client = dialHttp2(rig);
  const streams = Array.from({ length: 900 }, (_, index) => 2 * index + 1);
  for (const stream of streams) client.request(stream, '/');
  rig.advance(1500);
  for (const stream of streams) client.reset(stream);
  rig.run();
  t.same(client.goAway, []);
});

t.test('streams that are opened and left cost no more than their number allows', async (t) => {
  const rig = http1Gateway();
  rig.transport.serve({ ip: '10.0.0.1', port: 80 }, () => undefined);
  const client = dialHttp2(rig);
  for (let i = 0; i < 1100; i++) client.headers(2 * i + 1, request('POST', '/'));
  rig.run();
  t.equal(client.stream(2 * 1023 + 1).reset, null);
  t.equal(client.stream(2 * 1024 + 1).reset, 7, 'REFUSED_STREAM beyond the number that we have announced');
  t.same(client.goAway, []);
});

t.test('a window of 0 keeps what has been read, and no more', async (t) => {
  const rig = http1Gateway();
  const servers: { outgoing: Uint8Array }[] = [];
  rig.transport.serve({ ip: '10.0.0.1', port: 80 }, (peer) => {
    servers.push(peer);
    rig.transport.defer(() => peer.write(ok('x'.repeat(3_000_000))));
  });
  const client = dialHttp2(rig, [[4, 0]]);
  for (let i = 0; i < 10; i++) client.request(2 * i + 1, '/');
  rig.run();
  for (const server of servers) t.ok(server.outgoing.length > 2_000_000, 'the rest stays with the server');
  t.equal(client.stream(1).content, '');
});

t.test('a header block that uses a table beyond what was agreed, or what is not there', async (t) => {
  for (const block of [Buffer.from([0x3f, 0xe2, 0x1f]), Buffer.from([0xbe])]) {
    const rig = http1Gateway();
    const client = dialHttp2(rig);
    client.frame('HEADERS', 5, 1, block);
    rig.run();
    t.equal(client.goAway.at(-1)?.code, 9, 'COMPRESSION_ERROR');
  }
});

t.test('a client that takes nothing of one response for five minutes loses that one', async (t) => {
  const rig = http1Gateway();
  rig.serve('10.0.0.1:80', (request) => (request.startsWith('GET /large') ? ok('x'.repeat(100_000)) : ok('small')));
  const client = dialHttp2(rig, [[4, 10]]);
  client.request(1, '/large').request(3, '/small');
  rig.run();
  t.equal(client.stream(3).content, 'small');
  rig.advance(280_000);
  t.equal(client.stream(1).reset, null);
  rig.advance(60_000);
  t.equal(client.stream(1).reset, 8);
  client.request(5, '/small');
  rig.run();
  t.equal(client.stream(5).content, 'small');
});

t.test('a frame that comes in drops does not keep a connection', async (t) => {
  const rig = http1Gateway();
  const client = dialHttp2(rig);
  const slow = frame('HEADERS', 5, 1, client.block(get('/')));
  for (let i = 0; i < 10; i++) {
    client.peer.write(slow.subarray(i, i + 1));
    rig.advance(20_000);
  }
  t.ok(client.peer.ended);
  t.equal(rig.count('nodeway_refused_connections_total', { reason: 'head_timeout' }), 1);
});
