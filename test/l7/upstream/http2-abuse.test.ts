/**
 * Attacks by servers: each ends its own connection with ENHANCE_YOUR_CALM or the error of its kind and is counted; its client hears of a
 * failure on the stream concerned and keeps its connection, and the next request goes over another connection to the server.
 */
import t from 'tap';
import { attackUntilRefused, dialHttp2, http2Gateway, leftSockets, serveHttp2 } from '../engine/http2-rig.ts';
import { retry, type Rig } from '../engine/rig.ts';
import { type Http2Peer, request, word } from '../http2/peer.ts';
import { SERVER_ATTACKS } from '../http2/server-attacks.ts';

/** The server's connection, once it has said how many streams it takes. */
function greeted(rig: Rig, client: Http2Peer, servers: readonly Http2Peer[]): Http2Peer {
  client.request(1, '/');
  rig.run();
  const server = servers[0] as Http2Peer;
  server.headers(1, [[':status', '200']], true);
  rig.run();
  return server;
}

for (const attack of SERVER_ATTACKS) {
  const { name, code } = attack;
  t.test(name, async (t) => {
    const rig = http2Gateway();
    const servers = serveHttp2(rig);
    const client = dialHttp2(rig);
    client.request(1, '/');
    rig.run();
    const attacker = servers[0] as Http2Peer;
    const { refused, used } = attackUntilRefused(rig, attacker, attack);
    t.equal(refused, 1, `counted after ${used} rounds`);
    t.equal(attacker.goAway.at(-1)?.code, code, 'told');
    t.notOk(attacker.peer.wasReset, 'and not cut off');
    t.equal(rig.count('nodeway_upstream_connections'), 1, 'it is waited for until it has heard that');
    const { heads, ended, reset } = client.stream(1);
    t.ok(ended || reset !== null, 'the client is not left waiting');
    t.match(heads.at(-1)?.[':status'], /^(200|502|503)$/);
    client.request(3, '/again');
    rig.run();
    t.equal(servers.length, 2);
    servers[1]?.headers(1, [[':status', '200']], true);
    rig.run();
    t.match(client.stream(3).heads, [{ ':status': '200' }]);
    t.same(client.goAway, []);
    attacker.peer.end();
    rig.advance(60_000);
    t.ok(attacker.peer.ended, 'closed');
    t.equal(rig.count('nodeway_upstream_connections'), 1, 'nothing of it is left');
    t.equal(leftSockets(rig), 0, 'nor its socket');
  });
}

t.test('a server that never looks at anything: a request is sent again once, and then answered', async (t) => {
  const rig = http2Gateway({}, { retry: retry({ on: ['refused-stream'] }) });
  const servers = serveHttp2(rig);
  const client = dialHttp2(rig);
  client.request(1, '/');
  for (let round = 0; round < 20; round++) {
    rig.advance(1000);
    for (const server of servers) server.frame('GOAWAY', 0, 0, Buffer.concat([word(0), word(0)]));
  }
  t.match(client.stream(1).heads, [{ ':status': '503' }]);
  t.ok(servers.length <= 4, `${servers.length} connections`);
});

t.test('a server that takes no streams: requests fail, and connections do not pile up', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig, '10.0.0.1', 80, [[3, 0]]);
  const client = dialHttp2(rig);
  for (let i = 0; i < 200; i++) {
    client.request(2 * i + 1, '/');
    rig.run();
    // And once more, over a connection of its own: we could not know.
    for (let again = 0; again < 2; again++) {
      servers.at(-1)?.reset(1, 7);
      rig.run();
    }
  }
  t.match(client.stream(399).heads, [{ ':status': '503' }]);
  t.equal(rig.count('nodeway_upstream_connections'), 0);
});

t.test('a server that resets each of a thousand streams is no flood: they were our requests', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig, '10.0.0.1', 80, [[3, 1000]]);
  const client = dialHttp2(rig);
  const server = greeted(rig, client, servers);
  for (let stream = 3; stream < 2003; stream += 2) client.request(stream, '/');
  rig.run();
  for (let stream = 3; stream < 2003; stream += 2) server.reset(stream, 7);
  rig.run();
  t.match(client.stream(2001).heads, [{ ':status': '503' }]);
  t.same(servers[0]?.goAway, []);
});

t.test('a server that answers requests before they are whole and resets them is no flood', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig, '10.0.0.1', 80, [[3, 1000]]);
  const client = dialHttp2(rig);
  const server = greeted(rig, client, servers);
  for (let first = 3; first < 10_000; first += 2000) {
    for (let stream = first; stream < first + 2000; stream += 2) client.headers(stream, request('POST', '/'));
    rig.run();
    for (let stream = first; stream < first + 2000; stream += 2)
      server
        .headers(stream, [[':status', '401']], true)
        .window(0, 1)
        .reset(stream, 0);
    rig.run();
  }
  t.match(client.stream(9999).heads, [{ ':status': '401' }]);
  t.same(servers[0]?.goAway, []);
  t.equal(servers.length, 1);
});

t.test('a server that reads nothing: heads of requests that are given up do not pile up', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig, '10.0.0.1', 80, [[3, 1000]]);
  const client = dialHttp2(rig);
  greeted(rig, client, servers).peer.pause(0);
  const reason = 'http2_unread_flood';
  let stream = 3;
  for (let round = 0; round < 20 && rig.count('nodeway_refused_connections_total', { reason }) === 0; round++) {
    const first = stream;
    for (; stream < first + 400; stream += 2) client.request(stream, '/', [['x-long', 'x'.repeat(2000)]]); // prettier-ignore
    rig.advance(1500);
    for (let given = first; given < stream; given += 2) client.reset(given);
    rig.run();
  }
  t.equal(rig.count('nodeway_refused_connections_total', { reason }), 1);
  t.same(client.goAway, []);
});

t.test('what is under way when calls are given up is no flood', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig, '10.0.0.1', 80, [[3, 1000]]);
  const client = dialHttp2(rig);
  const server = greeted(rig, client, servers);
  for (let first = 3; first < 10_000; first += 2000) {
    for (let stream = first; stream < first + 2000; stream += 2) client.request(stream, '/');
    rig.advance(2000);
    for (let stream = first; stream < first + 2000; stream += 2) client.reset(stream);
    rig.run();
    for (let stream = first; stream < first + 2000; stream += 2)
      server
        .headers(stream, [[':status', '200']])
        .data(stream, 'small')
        .headers(stream, [['grpc-status', '0']], true);
    rig.run();
  }
  t.same(server.goAway, []);
  t.equal(servers.length, 1);
});
