/** What the connection pool of a DestinationRule says of connections of HTTP/2, through a gateway. */
import t from 'tap';
import type { PoolConfig } from '../../../src/l7/config/cluster.ts';
import type { Http2Peer } from '../http2/peer.ts';
import { dialHttp2, serveHttp2 } from '../engine/http2-rig.ts';
import { clusterOf, endpointOf, Rig, route } from '../engine/rig.ts';

interface Lab {
  readonly rig: Rig;
  readonly client: Http2Peer;
  readonly servers: readonly Http2Peer[];
  /** Sends requests on the next streams. */
  readonly ask: (count: number) => void;
}

function lab(pool: PoolConfig): Lab {
  const rig = new Rig().cluster('a', ['10.0.0.1:80'], { wire: 'http2', pool }).gateway(route('/', 'a'));
  const servers = serveHttp2(rig);
  const client = dialHttp2(rig);
  let next = 1;
  const ask = (count: number): void => {
    for (let i = 0; i < count; i++, next += 2) client.request(next, `/${next}`);
    rig.run();
  };
  return { rig, client, servers, ask };
}

function paths(server: Http2Peer | undefined): string[] {
  server?.take();
  return (server?.seen ?? []).filter(({ type }) => type === 'HEADERS').map((one) => server?.fields(one)[':path'] ?? '');
}

const answer = (server: Http2Peer | undefined, stream: number): void => void server?.headers(stream, [[':status', '200']], true);
const statusOf = (client: Http2Peer, stream: number): string | undefined => client.stream(stream).heads[0]?.[':status'];

t.test('maxConcurrentStreams: more requests open more connections', async (t) => {
  const { servers, ask } = lab({ maxConcurrentStreams: 2 });
  ask(5);
  t.same(servers.map((server) => paths(server).length), [2, 2, 1]); // prettier-ignore
});

t.test('maxRequests: more are answered 503 with the flag UO, and room is given back', async (t) => {
  const { rig, client, servers, ask } = lab({ maxRequests: 2 });
  ask(3);
  t.equal(statusOf(client, 5), '503');
  t.equal(rig.count('istio_requests_total', { response_flags: 'UO' }), 1);
  answer(servers[0], 1);
  rig.run();
  ask(1);
  t.equal(statusOf(client, 7), undefined, 'it is under way');
  client.reset(7).reset(3);
  rig.run();
  ask(2);
  t.equal(statusOf(client, 9), undefined);
  t.equal(statusOf(client, 11), undefined);
});

t.test('maxConnections: requests wait for a stream, first come first served; maxPending bounds how many', async (t) => {
  const { rig, client, servers, ask } = lab({ maxConnections: 1, maxConcurrentStreams: 1, maxPending: 2 });
  ask(1);
  ask(3);
  t.same(paths(servers[0]), ['/1']);
  t.equal(statusOf(client, 7), '503', 'a third one that waits is too many');
  client.reset(3);
  rig.run();
  answer(servers[0], 1);
  rig.run();
  t.same(paths(servers[0]), ['/1', '/5'], 'who has left is passed over');
  answer(servers[0], 3);
  rig.run();
  t.same([1, 5].map((stream) => statusOf(client, stream)), ['200', '200']); // prettier-ignore
  t.equal(servers.length, 1);
});

t.test('who waits gets a new connection when the old one is gone', async (t) => {
  const { rig, servers, ask } = lab({ maxConnections: 1, maxConcurrentStreams: 1 });
  ask(2);
  servers[0]?.peer.reset();
  rig.run();
  t.equal(servers.length, 2);
  t.same(paths(servers[1]), ['/3']);
});

t.test('who waits for an endpoint that is gone when their turn comes is sent to another one', async (t) => {
  const { rig, servers, ask } = lab({ maxConnections: 1, maxConcurrentStreams: 1 });
  const others = serveHttp2(rig, '10.0.0.2');
  ask(2);
  rig.apply({ endpoints: { a: [endpointOf('10.0.0.2:80')] } });
  servers[0]?.peer.reset();
  rig.run();
  t.equal(servers.length, 1);
  t.same(paths(others[0]), ['/3']);
});

t.test('maxRequestsPerConnection: the connection retires', async (t) => {
  const { rig, servers, ask } = lab({ maxRequestsPerConnection: 2 });
  ask(3);
  t.same(servers.map((server) => paths(server).length), [2, 1]); // prettier-ignore
  answer(servers[0], 1);
  answer(servers[0], 3);
  rig.run();
  t.ok(servers[0]?.peer.ended);
  t.notOk(servers[1]?.peer.ended);
});

t.test('maxConnectionMs, and an idle timeout', async (t) => {
  const old = lab({ maxConnectionMs: 1000 });
  old.ask(1);
  old.rig.advance(1100);
  old.ask(1);
  t.same(old.servers.map((server) => paths(server)), [['/1'], ['/3']]); // prettier-ignore
  const idle = lab({ idleTimeoutMs: 5000 });
  idle.ask(1);
  idle.rig.advance(6000);
  t.notOk(idle.servers[0]?.peer.ended, 'it is in use');
  answer(idle.servers[0], 1);
  idle.rig.advance(4900);
  t.notOk(idle.servers[0]?.peer.ended);
  idle.rig.advance(200);
  t.ok(idle.servers[0]?.peer.ended);
});

t.test('http2KeepAlive: a server that does not answer PING is given up', async (t) => {
  const { rig, client, servers, ask } = lab({ http2Keepalive: { intervalMs: 1000, timeoutMs: 300 } });
  ask(1);
  rig.advance(1000);
  const [ping] = servers[0]?.take().filter(({ type }) => type === 'PING') ?? [];
  servers[0]?.frame('PING', 1, 0, ping?.payload ?? '');
  rig.advance(400);
  t.equal(statusOf(client, 1), undefined, 'it is alive');
  rig.advance(1000);
  rig.advance(400);
  t.equal(statusOf(client, 1), '503');
  t.ok(servers[0]?.peer.ended);
});

t.test('limits that come while connections are open count what is open', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80'], { wire: 'http2' }).gateway(route('/', 'a'));
  const servers = serveHttp2(rig);
  const client = dialHttp2(rig);
  client.request(1, '/').request(3, '/');
  rig.run();
  rig.apply({
    clusters: { a: clusterOf('a', { wire: 'http2', pool: { maxRequests: 3 } }) },
    endpoints: { a: [endpointOf('10.0.0.1:80')] },
  });
  client.request(5, '/').request(7, '/');
  rig.run();
  t.equal(statusOf(client, 5), undefined);
  t.equal(statusOf(client, 7), '503');
  answer(servers[0], 1);
  rig.run();
  client.request(9, '/');
  rig.run();
  t.equal(statusOf(client, 9), undefined);
});
