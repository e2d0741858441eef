/**
 * Attacks by clients: each ends its own connection with ENHANCE_YOUR_CALM or the error of its kind, is counted, costs little, and is not
 * noticed by another connection. What attacks by servers come to is in test/l7/upstream/http2-abuse.test.ts.
 */
import t from 'tap';
import { CLIENT_ATTACKS } from '../http2/client-attacks.ts';
import { frame, get, request } from '../http2/peer.ts';
import { attackUntilRefused, dialHttp2, http1Gateway, leftSockets } from './http2-rig.ts';
import { ok, Rig, route } from './rig.ts';

/** Servers that answer, and others that read nothing. */
function attackedGateway(): Rig {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).cluster('silent', ['10.0.0.2:80']);
  rig.serve('10.0.0.1:80', (request) => {
    if (request.startsWith('GET /head')) return ok('', `X-Long: ${'x'.repeat(2000)}\r\n`);
    return ok('x'.repeat(request.startsWith('GET /large') ? 1_000_000 : 1));
  });
  rig.transport.serve({ ip: '10.0.0.2', port: 80 }, (peer) => peer.pause(0));
  return rig.gateway(route('/silent', 'silent'), route('/', 'a'));
}

for (const attack of CLIENT_ATTACKS) {
  const { name, settings = [], code } = attack;
  t.test(name, async (t) => {
    const rig = attackedGateway();
    const other = dialHttp2(rig);
    const attacker = dialHttp2(rig, settings);
    const { refused, used } = attackUntilRefused(rig, attacker, attack);
    t.equal(refused, 1, `counted after ${used} rounds`);
    t.equal(attacker.goAway.at(-1)?.code ?? null, code, 'told');
    other.request(1, '/');
    rig.run();
    t.same(other.goAway, [], 'the other one is served');
    t.equal(other.stream(1).content, 'x');
    attacker.peer.end();
    rig.advance(60_000);
    if (code !== null) t.ok(attacker.peer.ended, 'closed');
    t.equal(rig.count('nodeway_downstream_connections'), 1, 'nothing of it is left');
    t.equal(leftSockets(rig), 0, 'nor its socket');
  });
}

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

t.test('calls that have lasted may be given up all at once, and again', async (t) => {
  const rig = http1Gateway();
  rig.transport.serve({ ip: '10.0.0.1', port: 80 }, () => undefined);
  const client = dialHttp2(rig);
  for (let first = 1; first < 9000; first += 1800) {
    for (let stream = first; stream < first + 1800; stream += 2) client.request(stream, '/');
    rig.advance(1500);
    for (let stream = first; stream < first + 1800; stream += 2) client.reset(stream);
    rig.run();
  }
  t.same(client.goAway, []);
  t.equal(rig.count('nodeway_downstream_connections'), 1);
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

t.test('uploads that are refused while they are under way are no flood', async (t) => {
  const rig = new Rig().gateway();
  const client = dialHttp2(rig);
  const streams = Array.from({ length: 500 }, (_, index) => 2 * index + 1);
  for (const stream of streams) client.headers(stream, request('POST', '/'));
  rig.run();
  // The window of each stream, in frames of a kilobyte, before any answer has been read.
  for (let piece = 0; piece < 20; piece++) for (const stream of streams) client.data(stream, Buffer.alloc(1024));
  rig.run();
  t.same(client.goAway, []);
  t.match(client.stream(999).heads, [{ ':status': '404' }]);
});
