import t from 'tap';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import { get, type Http2Peer, request, word } from '../http2/peer.ts';
import { dialHttp2, http1Gateway, http2Gateway, serveHttp2 } from './http2-rig.ts';
import { decodeChunked, GATEWAY, get as get1, ok, OUTBOUND, type Rig } from './rig.ts';

const OK: readonly (readonly [string, string])[] = [[':status', '200']];

function first(servers: readonly Http2Peer[]): Http2Peer {
  const [server] = servers;
  if (server === undefined) throw new Error('nobody has connected');
  return server;
}

t.test('streams of one connection are exchanges of their own, answered as their answers come', async (t) => {
  const rig = http1Gateway();
  const servers: MemoryPeer[] = [];
  rig.transport.serve({ ip: '10.0.0.1', port: 80 }, (peer) => servers.push(peer));
  const client = dialHttp2(rig);
  client.request(1, '/one').request(3, '/two').request(5, '/three');
  rig.run();
  t.same(
    servers.map((server) => server.text().split(' ', 2).join(' ')),
    ['GET /one', 'GET /two', 'GET /three'],
  );
  servers[1]?.write(ok('second'));
  rig.run();
  t.match(client.stream(3), {
    heads: [{ ':status': '200', 'content-length': '6', server: 'istio-envoy' }],
    content: 'second',
    ended: true,
  });
  t.equal(client.stream(1).ended, false);
  servers[0]?.write(ok('first'));
  servers[2]?.write('HTTP/1.1 204 No Content\r\n\r\n');
  rig.run();
  t.equal(client.stream(1).content, 'first');
  t.match(client.stream(5), { heads: [{ ':status': '204' }], content: '', ended: true });
  t.equal(rig.count('istio_requests_total', { response_code: '200' }), 2);
  t.equal(rig.count('nodeway_downstream_connections'), 1);
});

t.test('a request to an HTTP/1 server: Host, cookies and framing as HTTP/1 has them', async (t) => {
  const rig = http1Gateway();
  const log = rig.serve('10.0.0.1:80', () => ok('fine'));
  const client = dialHttp2(rig);
  client.headers(1, [...request('POST', '/a?b=c'), ['cookie', 'a=1'], ['cookie', 'b=2'], ['te', 'trailers'], ['x-own', 'yes']]);
  client.data(1, 'hello ').data(1, 'world', true);
  rig.run();
  const text = log.requests[0] ?? '';
  t.match(text, /^POST \/a\?b=c HTTP\/1\.1\r\nhost: shop\r\ncookie: a=1; b=2\r\nte: trailers\r\nx-own: yes\r\n/);
  t.equal(decodeChunked(text.slice(text.indexOf('\r\n\r\n') + 4))?.content, 'hello world');
  client.headers(3, [...request('PUT', '/'), ['content-length', '5']]).data(3, 'hello', true);
  rig.run();
  t.match(log.requests[1], /\r\ncontent-length: 5\r\n[^]*\r\n\r\nhello$/);
  t.notMatch(log.requests[1], /transfer-encoding/);
});

t.test('trailers pass between HTTP/2 and HTTP/1 in both directions', async (t) => {
  const rig = http1Gateway();
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n0\r\nGrpc-Status: 5\r\nX-Last: yes\r\n\r\n';
  const log = rig.serve('10.0.0.1:80', () => chunked);
  const client = dialHttp2(rig);
  client
    .headers(1, request('POST', '/'))
    .data(1, 'x')
    .headers(1, [['x-sum', '7']], true);
  rig.run();
  t.match(log.requests[0], /0\r\nx-sum: 7\r\n\r\n$/);
  t.match(client.stream(1), { heads: [{ ':status': '200' }, { 'grpc-status': '5', 'x-last': 'yes' }], content: 'wiki', ended: true });
});

t.test('HTTP/2 on both sides: content, trailers, statuses and informational responses', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig);
  const client = dialHttp2(rig);
  client.headers(1, [...request('POST', '/pkg.Service/Method'), ['te', 'trailers'], ['content-type', 'application/grpc']]);
  rig.run();
  const server = first(servers);
  t.match(server.stream(1).heads[0], {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': '/pkg.Service/Method',
    ':authority': 'shop',
    te: 'trailers',
    'x-envoy-attempt-count': '1',
  });
  t.notOk('host' in (server.stream(1).heads[0] ?? {}));
  client.data(1, 'question');
  rig.run();
  t.equal(server.stream(1).content, 'question', 'content is not kept back');
  server.headers(1, [[':status', '103'], ['link', 'x']]); // prettier-ignore
  server.headers(1, OK).data(1, 'answer');
  rig.run();
  t.same(client.stream(1).heads.map((head) => head[':status']), ['103', '200']); // prettier-ignore
  t.equal(client.stream(1).content, 'answer');
  client.headers(1, [['x-end', '1']], true);
  server.headers(1, [['grpc-status', '0']], true);
  rig.run();
  t.match(client.stream(1), { ended: true, reset: null });
  t.equal(client.stream(1).heads.at(-1)?.['grpc-status'], '0');
});

t.test('HTTP/1 clients of HTTP/2 servers', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig);
  const client = rig.transport.dial(GATEWAY);
  client.write(
    'POST /x HTTP/1.1\r\nHost: shop\r\nConnection: close, x-hop\r\nX-Hop: 1\r\nX-Upper: Yes\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n',
  );
  rig.run();
  const server = first(servers);
  const [head = {}, trailers] = server.stream(1).heads;
  t.match(head, { ':method': 'POST', ':path': '/x', ':authority': 'shop', 'x-upper': 'Yes' });
  for (const name of ['connection', 'x-hop', 'transfer-encoding', 'host']) t.notOk(name in head, `${name} stays here`);
  t.match(trailers, { 'x-sum': '6' });
  t.equal(server.stream(1).content, 'abc');
  server.headers(1, OK).data(1, 'answer', true);
  rig.run();
  const text = client.text();
  t.match(text, /^HTTP\/1\.1 200 OK\r\n[^]*transfer-encoding: chunked\r\n[^]*connection: close/);
  t.equal(decodeChunked(text.slice(text.indexOf('\r\n\r\n') + 4))?.content, 'answer');
});

t.test('HTTP/1 clients are told the end of an answer without content', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig);
  const client = rig.transport.dial(GATEWAY);
  client.write(get1('/'));
  rig.run();
  first(servers).headers(1, OK, true);
  rig.run();
  t.match(client.takeText(), /^HTTP\/1\.1 200 OK\r\n[^]*content-length: 0\r\n/);
  client.write('HEAD / HTTP/1.1\r\nHost: shop\r\n\r\n');
  rig.run();
  first(servers).headers(3, [...OK, ['content-length', '99']], true);
  rig.run();
  t.match(client.takeText(), /content-length: 99\r\n[^]*\r\n\r\n$/);
  client.write(get1('/'));
  rig.run();
  first(servers).headers(5, [[':status', '304']], true);
  rig.run();
  t.notMatch(client.takeText(), /content-length/);
});

t.test('what is malformed ends its stream alone, and reaches nobody', async (t) => {
  const rig = http1Gateway();
  const log = rig.serve('10.0.0.1:80', () => ok('fine'));
  const client = dialHttp2(rig);
  client.headers(1, [...get('/'), ['x', 'a\r\nhost: other']], true);
  client.headers(3, [...get('/'), ['connection', 'close']], true);
  client.headers(5, [...request('POST', '/'), ['content-length', '5']]).data(5, 'four', true);
  client.headers(7, [...request('POST', '/'), ['content-length', '3']]).data(7, 'four');
  client.headers(9, [...request('POST', '/'), ['content-length', '3']], true);
  client.headers(11, [...get('/'), ['content-length', '1'], ['content-length', '2']], true);
  client.headers(13, request('POST', '/')).headers(13, [['x', 'not the end']]);
  client.request(101, '/fine');
  rig.run();
  for (const id of [1, 3, 5, 7, 9, 13]) t.equal(client.stream(id).reset, 1, `stream ${id}`);
  t.match(client.stream(11).heads[0], { ':status': '400' }, 'what only the parser of HTTP/1 refuses gets an answer');
  t.equal(client.stream(101).content, 'fine');
  t.ok(log.requests.every((text) => text.startsWith('GET /fine')));
  t.same(client.goAway, []);
});

t.test('answers of our own', async (t) => {
  const rig = http1Gateway();
  const client = dialHttp2(rig);
  client.request(1, '/');
  client.headers(3, [[':method', 'HEAD'], [':scheme', 'http'], [':path', '/'], [':authority', 'shop']], true); // prettier-ignore
  rig.run();
  rig.advance(2000);
  t.match(client.stream(1), { heads: [{ ':status': '503', 'content-type': 'text/plain' }], ended: true });
  t.match(client.stream(1).content, /^upstream connect error/);
  t.match(client.stream(3), { heads: [{ ':status': '503' }], content: '', ended: true });
});

t.test('a client that does not read one stream stops the upstream of that stream alone', async (t) => {
  const rig = http1Gateway();
  const servers: MemoryPeer[] = [];
  rig.transport.serve({ ip: '10.0.0.1', port: 80 }, (peer) => servers.push(peer));
  const client = dialHttp2(rig, [[4, 1000]]);
  client.window(0, 10_000_000).request(1, '/slow').request(3, '/quick');
  client.window(3, 10_000_000);
  rig.run();
  const body = 'x'.repeat(2_000_000);
  for (const server of servers) server.write(ok(body));
  rig.run();
  t.equal(client.stream(3).content.length, body.length);
  t.equal(client.stream(1).content.length, 1000);
  t.ok((servers[0]?.outgoing.length ?? 0) > 1_000_000, 'most of it stays with its server');
  client.window(1, 10_000_000);
  rig.run();
  t.equal(client.stream(1).content.length, body.length);
});

t.test('a server that does not read one request stops the client of that stream alone', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig, '10.0.0.1', 80, [[4, 1000]]);
  const client = dialHttp2(rig);
  client.headers(1, request('POST', '/slow')).headers(3, request('POST', '/quick'));
  rig.run();
  const server = first(servers);
  server.window(0, 10_000_000).window(3, 10_000_000);
  rig.run();
  const sent = new Map([[1, 0], [3, 0]]); // prettier-ignore
  const room = (stream: number): number =>
    client.seen
      .filter((one) => one.type === 'WINDOW_UPDATE' && one.stream === stream)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 262_144);
  for (let round = 0; round < 200; round++) {
    for (const [stream, already] of sent) {
      client.take();
      const size = Math.min(16_384, room(stream) - already);
      if (size <= 0) continue;
      client.data(stream, Buffer.alloc(size));
      sent.set(stream, already + size);
    }
    rig.run();
  }
  t.ok((sent.get(3) ?? 0) > 3_000_000, 'one goes on');
  t.equal(server.stream(1).content.length, 1000);
  t.ok((sent.get(1) ?? 0) <= 262_144 + 131_072, 'the other one is held to its window');
});

t.test('a client that resets a stream ends the request, with its code', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig);
  const client = dialHttp2(rig);
  client.headers(1, request('POST', '/')).headers(3, request('POST', '/'));
  rig.run();
  client.reset(1, 5);
  rig.run();
  t.equal(first(servers).stream(1).reset, 5);
  t.equal(first(servers).stream(3).reset, null);
  t.equal(rig.count('istio_requests_total', { response_code: '0', response_flags: 'DC' }), 1);
});

t.test('a server that resets a stream: an answer before the head, its code after it', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig);
  const client = dialHttp2(rig);
  client.request(1, '/').request(3, '/').request(5, '/');
  rig.run();
  const server = first(servers);
  server.reset(1, 2);
  server.headers(3, OK).data(3, 'part');
  rig.run();
  server.reset(3, 11);
  server.headers(5, OK).data(5, 'whole', true);
  rig.run();
  t.match(client.stream(1), { heads: [{ ':status': '503' }], content: /reset reason: remote reset$/ });
  t.match(client.stream(3), { content: 'part', reset: 11, ended: false });
  t.equal(client.stream(5).content, 'whole');
  t.equal(rig.count('istio_requests_total', { response_flags: 'UR' }), 2);
});

t.test('an answer that comes before the request is whole ends the request', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig);
  const client = dialHttp2(rig);
  client.headers(1, request('POST', '/')).data(1, 'begun');
  rig.run();
  first(servers).headers(1, [[':status', '413']], true);
  rig.run();
  t.match(client.stream(1), { heads: [{ ':status': '413' }], ended: true, reset: 0 });
  t.equal(first(servers).stream(1).reset, 0);
  client.data(1, 'still under way').request(3, '/');
  rig.run();
  t.ok(first(servers).stream(3).heads.length === 1, 'the connection goes on');
});

t.test('draining: what comes after the first GOAWAY is served, after the second one refused, and then the connection ends', async (t) => {
  const rig = http1Gateway();
  const servers: MemoryPeer[] = [];
  rig.transport.serve({ ip: '10.0.0.1', port: 80 }, (peer) => servers.push(peer));
  const client = dialHttp2(rig);
  client.request(1, '/one');
  rig.run();
  let drained = false;
  rig.engine.drain(60_000, () => (drained = true));
  rig.run();
  t.same(client.goAway, [{ last: 2 ** 31 - 1, code: 0 }]);
  const ping = client.seen.findLast(({ type }) => type === 'PING');
  client.request(3, '/two').frame('PING', 1, 0, ping?.payload ?? '');
  rig.run();
  t.same(client.goAway.at(-1), { last: 3, code: 0 });
  client.request(5, '/three');
  rig.run();
  t.equal(client.stream(5).reset, 7, 'REFUSED_STREAM: it may be sent elsewhere');
  for (const server of servers) server.write(ok('done'));
  rig.run();
  t.equal(client.stream(1).content + client.stream(3).content, 'donedone');
  t.ok(client.peer.ended);
  for (const peer of [client.peer, ...servers]) peer.end();
  rig.advance(100);
  t.ok(drained);
});

t.test('draining: a client that does not answer the PING gets the second GOAWAY after a second; idle connections end', async (t) => {
  const rig = http1Gateway();
  const client = dialHttp2(rig);
  rig.engine.drain(60_000, () => undefined);
  rig.run();
  t.equal(client.goAway.length, 1);
  rig.advance(1100);
  t.equal(client.goAway.length, 2);
  t.ok(client.peer.ended);
});

t.test('a client that says GOAWAY is answered to the end', async (t) => {
  const rig = http1Gateway();
  const servers: MemoryPeer[] = [];
  rig.transport.serve({ ip: '10.0.0.1', port: 80 }, (peer) => servers.push(peer));
  const client = dialHttp2(rig);
  client.request(1, '/').frame('GOAWAY', 0, 0, Buffer.concat([word(0), word(0)]));
  rig.run();
  servers[0]?.write(ok('bye'));
  rig.run();
  t.equal(client.stream(1).content, 'bye');
  t.ok(client.peer.ended);
});

function openTunnel(rig: Rig): Http2Peer {
  const client = dialHttp2(rig);
  client.headers(1, [...request('CONNECT', '/chat'), [':protocol', 'websocket'], ['sec-websocket-version', '13']]);
  rig.run();
  return client;
}

t.test('WebSocket over HTTP/2 to an HTTP/1 server: Upgrade, then bytes in both directions', async (t) => {
  const rig = http1Gateway();
  const servers: MemoryPeer[] = [];
  rig.transport.serve({ ip: '10.0.0.1', port: 80 }, (peer) => servers.push(peer));
  const client = openTunnel(rig);
  client.data(1, 'too early');
  rig.run();
  const server = servers[0] as MemoryPeer;
  const asked = server.takeText();
  t.match(asked, /^GET \/chat HTTP\/1\.1\r\nhost: shop\r\nconnection: Upgrade\r\nupgrade: websocket\r\n[^]*\r\n\r\n$/);
  t.match(asked, /\r\nsec-websocket-key: [A-Za-z0-9+/]{22}==\r\n/, 'which no client of HTTP/2 sends (RFC 8441, section 5)');
  server.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-A: b\r\n\r\nhi');
  rig.run();
  t.match(client.stream(1), { heads: [{ ':status': '200', 'x-a': 'b' }], content: 'hi', ended: false });
  t.notOk('upgrade' in (client.stream(1).heads[0] ?? {}));
  t.equal(server.takeText(), 'too early');
  client.data(1, 'ping');
  server.write('pong');
  rig.run();
  t.equal(server.takeText(), 'ping');
  t.equal(client.stream(1).content, 'hipong');
  client.data(1, 'bye', true);
  rig.run();
  t.equal(server.takeText(), 'bye');
  t.ok(server.ended, 'the end passes');
  server.end();
  rig.run();
  t.ok(client.stream(1).ended);
});

t.test('WebSocket over HTTP/2: a server that refuses, and one that breaks', async (t) => {
  const rig = http1Gateway();
  const servers: MemoryPeer[] = [];
  rig.transport.serve({ ip: '10.0.0.1', port: 80 }, (peer) => servers.push(peer));
  const refused = openTunnel(rig);
  servers[0]?.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
  rig.run();
  t.match(refused.stream(1), { heads: [{ ':status': '403' }], content: 'no', ended: true });
  const broken = openTunnel(rig);
  servers.at(-1)?.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  rig.run();
  servers.at(-1)?.reset();
  rig.run();
  t.not(broken.stream(1).reset, null);
});

t.test('Upgrade of an HTTP/1 client to an HTTP/2 server is an extended CONNECT', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig, '10.0.0.1', 80, [[8, 1]]);
  const client = rig.transport.dial(GATEWAY);
  client.write('GET /chat HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n');
  rig.run();
  const server = first(servers);
  t.match(server.stream(1), {
    heads: [{ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat', ':scheme': 'http' }],
    ended: false,
  });
  server.headers(1, [...OK, ['sec-websocket-accept', 'y']]).data(1, 'hello');
  rig.run();
  t.match(
    client.takeText(),
    /^HTTP\/1\.1 101 [^]*sec-websocket-accept: y\r\n[^]*connection: Upgrade\r\nupgrade: websocket\r\n[^]*\r\n\r\nhello$/i,
  );
  client.write('to the server');
  rig.run();
  t.equal(server.stream(1).content, 'to the server');
  server.data(1, 'bye', true);
  rig.run();
  t.equal(client.takeText(), 'bye');
  t.ok(client.ended);
});

t.test('a WebSocket of HTTP/1 to a server of HTTP/2 that proves nothing (RFC 8441, section 5): the proof is ours', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig, '10.0.0.1', 80, [[8, 1]]);
  const client = rig.transport.dial(GATEWAY);
  const key = 'dGhlIHNhbXBsZSBub25jZQ==';
  client.write(`GET /chat HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${key}\r\n\r\n`);
  rig.run();
  first(servers).headers(1, OK);
  rig.run();
  // The example of RFC 6455, section 1.3.
  t.match(client.takeText(), /^HTTP\/1\.1 101 [^]*\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
});

t.test('Upgrade to h2c is not taken up: the request is one of HTTP/1', async (t) => {
  const rig = http1Gateway();
  const log = rig.serve('10.0.0.1:80', () => ok('fine'));
  const answer = rig.ask(
    'GET / HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n',
  );
  t.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  t.notMatch(log.requests[0], /upgrade|http2-settings/i);
});

t.test('a preface that comes byte by byte, and one that turns out to be none', async (t) => {
  const rig = http1Gateway();
  rig.serve('10.0.0.1:80', () => ok('fine'));
  const client = rig.transport.dial(GATEWAY);
  for (const byte of 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n') {
    client.write(byte);
    rig.run();
  }
  client.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
  rig.run();
  t.match(client.received().subarray(0, 9), Buffer.from([0, 0, 24, 4, 0, 0, 0, 0, 0]), 'SETTINGS come first');
  const other = rig.transport.dial(GATEWAY);
  other.write('PRI * HTTP/2.0\r\n\r\n');
  rig.run();
  other.write('XX');
  rig.run();
  t.ok(other.ended);
  t.equal(rig.count('nodeway_refused_connections_total', { reason: 'http2_protocol_error' }), 1);
});

t.test('an enrolled pod: HTTP/2 on a port for HTTP, and what nothing declares, in the wire of the client', async (t) => {
  const rig = http1Gateway();
  rig.cluster('open', ['10.0.0.2:80'], { wire: 'undeclared' }).scope(
    {
      9000: {
        routes: [
          {
            name: 'r',
            match: {},
            action: { kind: 'route', destinations: [{ cluster: 'open', weight: 1 }], mirrors: [], timeoutMs: 0, retry: null },
          },
        ],
        domains: ['shop'],
      },
    },
    { '10.96.0.9:9000': { to: 'cluster', protocol: 'auto', cluster: 'open' } },
  );
  rig.engine.listen(
    { kind: 'outbound', id: 2, fd: -1, workload: 'default/app', netns: 5, cookie: '1' },
    { address: OUTBOUND.ip, port: OUTBOUND.port },
  );
  const servers = serveHttp2(rig, '10.0.0.2');
  rig.destinations.push({ ip: '10.96.0.9', port: 9000 });
  const client = dialHttp2(rig, [], OUTBOUND);
  client.request(1, '/');
  rig.run();
  first(servers).headers(1, OK, true);
  rig.run();
  t.match(client.stream(1), { heads: [{ ':status': '200' }], ended: true });
});
