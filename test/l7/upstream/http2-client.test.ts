/** Connections to servers of HTTP/2, and how requests share them, through a gateway. */
import t from 'tap';
import { get as fieldsOf, Http2Peer, request, word } from '../http2/peer.ts';
import { dialHttp2, http2Gateway, serveHttp2 } from '../engine/http2-rig.ts';
import { GATEWAY, get, retry, Rig, route } from '../engine/rig.ts';

const goAway = (last: number, code = 0): Buffer => Buffer.concat([word(last), word(code)]);
const requests = (server: Http2Peer): string[] => {
  server.take();
  return server.seen.filter(({ type, flags }) => type === 'HEADERS' && (flags & 4) !== 0).map((one) => server.fields(one)[':path'] ?? '');
};

function answerAll(server: Http2Peer): void {
  server.take();
  for (const stream of new Set(server.seen.filter(({ type }) => type === 'HEADERS').map((one) => one.stream)))
    if (server.seen.every((one) => one.stream !== stream || one.type !== 'RST_STREAM')) server.headers(stream, [[':status', '200']], true);
}

t.test('requests of many clients share a connection, up to what the server allows; more open another one', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig, '10.0.0.1', 80, [[3, 3]]);
  const ask = (path: string): void => rig.transport.dial(GATEWAY).write(get(path));
  ask('/1');
  rig.run();
  for (const path of ['/2', '/3', '/4', '/5']) ask(path);
  rig.run();
  t.same(servers.map(requests), [['/1', '/2', '/3'], ['/4', '/5']]); // prettier-ignore
  t.equal(rig.count('nodeway_upstream_connections'), 2);
  servers[0]?.headers(3, [[':status', '200']], true);
  rig.run();
  ask('/6');
  rig.run();
  t.same(servers.map((server) => requests(server).length), [4, 2], 'room is used again'); // prettier-ignore
});

t.test('a request that the server says it has not looked at is sent again, whatever it is', async (t) => {
  const rig = http2Gateway({}, { retry: retry({ on: ['refused-stream'] }) });
  const servers = serveHttp2(rig);
  const client = dialHttp2(rig);
  client.request(1, '/first').headers(3, request('POST', '/second')).data(3, 'content', true);
  rig.run();
  servers[0]?.frame('GOAWAY', 0, 0, goAway(1));
  rig.run();
  t.equal(servers.length, 2);
  t.same(requests(servers[1] as Http2Peer), ['/second']);
  t.equal(servers[1]?.stream(1).content, 'content');
  servers[0]?.headers(1, [[':status', '200']], true);
  servers[1]?.headers(1, [[':status', '201']], true);
  rig.run();
  t.match(client.stream(1).heads[0], { ':status': '200' }, 'what it has looked at ends there');
  t.match(client.stream(3).heads[0], { ':status': '201' });
  t.ok(servers[0]?.peer.ended, 'and then the connection ends');
  client.request(5, '/third');
  rig.run();
  t.same(requests(servers[1] as Http2Peer), ['/second', '/third']);
});

t.test('a refused stream is retried by the condition of that name', async (t) => {
  const rig = http2Gateway({}, { retry: retry({ on: ['refused-stream'] }) });
  const servers = serveHttp2(rig);
  const client = dialHttp2(rig);
  client.headers(1, request('POST', '/')).data(1, 'body', true);
  rig.run();
  servers[0]?.reset(1, 7);
  rig.advance(100);
  t.equal(servers[0]?.stream(3).content, 'body');
  servers[0]?.headers(3, [[':status', '200']], true);
  rig.run();
  t.match(client.stream(1).heads[0], { ':status': '200' });
  const plain = http2Gateway();
  const others = serveHttp2(plain);
  const other = dialHttp2(plain);
  other.request(1, '/');
  plain.run();
  others[0]?.reset(1, 7);
  plain.run();
  t.match(other.stream(1).content, /remote refused stream reset$/);
});

t.test('a kept connection that turns out to be dead is replaced; one that breaks amid a request is not', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig);
  const client = dialHttp2(rig);
  client.request(1, '/');
  rig.run();
  answerAll(servers[0] as Http2Peer);
  rig.run();
  client.request(3, '/again');
  servers[0]?.peer.reset();
  rig.run();
  t.same(requests(servers[1] as Http2Peer), ['/again']);
  servers[1]?.headers(1, [[':status', '200']]);
  rig.run();
  servers[1]?.peer.reset();
  rig.run();
  t.equal(client.stream(3).reset, 2, 'after the head only a reset says that the answer is not whole');
  t.equal(rig.count('nodeway_upstream_connections'), 0);
});

t.test('a server that cannot be reached, or breaks the rules', async (t) => {
  const rig = http2Gateway();
  const client = dialHttp2(rig);
  client.request(1, '/');
  rig.run();
  rig.advance(1500);
  t.match(client.stream(1).content, /connect|connection/);
  const servers = serveHttp2(rig);
  client.request(3, '/');
  rig.run();
  servers[0]?.headers(2, [[':status', '200']], true);
  rig.run();
  t.match(client.stream(3).heads[0], { ':status': '502' });
  t.equal(servers[0]?.goAway[0]?.code, 1);
  t.equal(rig.count('nodeway_refused_connections_total', { reason: 'http2_protocol_error' }), 1);
});

t.test('answers that are malformed', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig);
  const client = dialHttp2(rig);
  const answers: Readonly<Record<string, (server: Http2Peer, stream: number) => void>> = {
    'no status': (server, stream) => server.headers(stream, [['a', 'b']], true),
    'a status that is no number': (server, stream) => server.headers(stream, [[':status', 'abc']], true),
    '101': (server, stream) => server.headers(stream, [[':status', '101']]),
    'an informational response that ends': (server, stream) => server.headers(stream, [[':status', '103']], true),
    'a field of connections': (server, stream) => server.headers(stream, [[':status', '200'], ['connection', 'x']], true), // prettier-ignore
    'a line end in a value': (server, stream) => server.headers(stream, [[':status', '200'], ['a', 'b\r\nc: d']], true), // prettier-ignore
    'content that is shorter than announced': (server, stream) => server.headers(stream, [[':status', '200'], ['content-length', '5']], true), // prettier-ignore
    'two lengths': (server, stream) => server.headers(stream, [[':status', '200'], ['content-length', '5'], ['content-length', '6']]), // prettier-ignore
  };
  let stream = 1;
  for (const [why, answer] of Object.entries(answers)) {
    client.request(stream, '/');
    rig.run();
    answer(servers[0] as Http2Peer, stream);
    rig.run();
    t.match(client.stream(stream), { heads: [{ ':status': '502' }], ended: true }, why);
    t.equal(servers[0]?.stream(stream).reset, 1, `${why}: the stream is reset`);
    stream += 2;
  }
  client.request(stream, '/');
  rig.run();
  servers[0]?.headers(stream, [[':status', '200'], ['content-length', '3']]).data(stream, 'four'); // prettier-ignore
  rig.run();
  t.equal(client.stream(stream).reset, 1, 'content that is longer than announced');
  t.equal(servers.length, 1, 'the connection goes on through all of it');
});

t.test('trailers that do not end the stream, DATA before a head, frames of streams that we have given up', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig);
  const client = dialHttp2(rig);
  client.request(1, '/').request(3, '/').request(5, '/');
  rig.run();
  const server = servers[0] as Http2Peer;
  server.headers(1, [[':status', '200']]).headers(1, [['x', 'y']]);
  client.reset(5);
  rig.run();
  server.headers(5, [[':status', '200']]).data(5, 'late', true);
  server.headers(3, [[':status', '200']], true);
  rig.run();
  t.equal(client.stream(1).reset, 1);
  t.equal(client.stream(5).reset, null);
  t.ok(client.stream(3).ended);
  t.same(server.goAway, []);
});

t.test('endpoints are chosen for each request, not for each connection', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80', '10.0.0.2:80'], { wire: 'http2' }).gateway(route('/', 'a'));
  const servers = [serveHttp2(rig, '10.0.0.1'), serveHttp2(rig, '10.0.0.2')];
  const client = dialHttp2(rig);
  for (let i = 0; i < 10; i++) client.request(2 * i + 1, '/');
  rig.run();
  t.same(servers.map((list) => list.map((server) => requests(server).length)), [[5], [5]]); // prettier-ignore
});

t.test('an endpoint that leaves: its streams end, and then its connection', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig);
  const client = dialHttp2(rig);
  client.request(1, '/');
  rig.run();
  rig.apply({ endpoints: { a: [] } });
  rig.run();
  t.notOk(servers[0]?.peer.ended);
  servers[0]?.headers(1, [[':status', '200']], true);
  rig.run();
  t.ok(client.stream(1).ended);
  t.ok(servers[0]?.peer.ended);
});

t.test('connections that are idle for long are closed', async (t) => {
  const rig = http2Gateway({ limits: { idleTimeoutMs: 60_000 } });
  const servers = serveHttp2(rig);
  const client = dialHttp2(rig);
  client.headers(1, fieldsOf('/'), true);
  rig.run();
  answerAll(servers[0] as Http2Peer);
  rig.run();
  rig.advance(30_000);
  t.notOk(servers[0]?.peer.ended);
  rig.advance(90_000);
  t.ok(servers[0]?.peer.ended);
  t.ok(client.peer.ended);
  t.same(client.goAway, [{ last: 1, code: 0 }]);
});

t.test('streams beyond what a server takes, which were sent before it could say so, are sent again, and no more of them', async (t) => {
  const rig = http2Gateway();
  const servers: Http2Peer[] = [];
  rig.transport.serve({ ip: '10.0.0.1', port: 80 }, (peer) => servers.push(new Http2Peer(peer)));
  const client = dialHttp2(rig);
  client.request(1, '/1').request(3, '/2');
  rig.run();
  t.same(servers.map(requests), [['/1', '/2']]); // prettier-ignore
  servers[0]?.settings([3, 1]).reset(3, 7);
  rig.run();
  t.same(servers.map(requests), [['/1', '/2'], ['/2']]); // prettier-ignore
  client.request(5, '/3');
  rig.run();
  t.same(servers.map(requests), [['/1', '/2'], ['/2'], ['/3']]); // prettier-ignore
  for (const server of servers.slice(1)) server.settings([3, 1]);
  for (const server of servers) answerAll(server);
  rig.run();
  for (const stream of [1, 3, 5]) t.match(client.stream(stream).heads, [{ ':status': '200' }]);
});
