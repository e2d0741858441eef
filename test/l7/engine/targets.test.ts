/** Every form of a request's target (RFC 9112 §3.2) on every way: as sent and then a tunnel where that is right, refused where not. */
import t from 'tap';
import type { Address } from '../../../src/l7/transport.ts';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import { GATEWAY, ok, OUTBOUND, POD, Rig, route } from './rig.ts';

/** A forward proxy that no service is known for. */
const PROXY: Address = { ip: '203.0.113.8', port: 80 };

/** A pod that sees `web` and any Host at port 80, and whose own application listens at 8080. */
function podRig(): Rig {
  const rig = new Rig().cluster('web', ['10.0.0.1:8080']);
  rig.scope(
    { 80: { routes: [route('/', 'web')], domains: ['web'] } },
    { '10.96.0.1:80': { to: 'cluster', protocol: 'http', cluster: 'web' }, '*:80': { to: 'host', protocol: 'auto' } },
  );
  rig.engine.listen(
    { kind: 'outbound', id: 7, fd: -1, workload: 'default/app', netns: 5, cookie: '42' },
    { address: OUTBOUND.ip, port: OUTBOUND.port },
  );
  rig.engine.listen({ kind: 'inbound', id: 8, fd: -1, workload: 'default/app', netns: 5, ownPorts: [] }, { address: POD, port: 8080 });
  return rig;
}

function dialOut(rig: Rig, to: Address): MemoryPeer {
  rig.destinations.push(to);
  return rig.transport.dial(OUTBOUND);
}

const WAYS = {
  'pass-through': { open: (rig: Rig) => dialOut(rig, PROXY), server: `${PROXY.ip}:80` },
  inbound: { open: (rig: Rig) => rig.transport.dial({ ip: POD, port: 8080 }), server: `${POD}:8080` },
} as const;

for (const [way, { open, server }] of Object.entries(WAYS)) {
  t.test(`CONNECT, ${way}: as sent, and after 2xx a tunnel`, async (t) => {
    const rig = podRig();
    const up = rig.serve(server, (_request, nth) => (nth === 0 ? 'HTTP/1.1 200 Connection established\r\n\r\nhello' : null));
    const client = open(rig);
    client.write('CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n');
    rig.run();
    t.match(up.requests[0], /^CONNECT example\.org:443 HTTP\/1\.1\r\nHost: example\.org:443\r\n/);
    t.match(client.takeText(), /^HTTP\/1\.1 200 Connection established\r\n[^]*\r\n\r\nhello$/);
    client.write('\x16\x03\x01GET / HTTP/1.1\r\n\r\n');
    rig.run();
    t.equal(up.requests[1], '\x16\x03\x01GET / HTTP/1.1\r\n\r\n', 'bytes, never requests');
    up.connections[0]?.end();
    client.end();
    rig.run();
    t.equal(rig.transport.connections, 0);
  });

  t.test(`CONNECT, ${way}: what the proxy refuses is an answer with a body`, async (t) => {
    const rig = podRig();
    rig.serve(server, () => 'HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope');
    const client = open(rig);
    client.write('CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n');
    rig.run();
    t.match(client.takeText(), /^HTTP\/1\.1 403 Forbidden\r\n[^]*nope$/);
    t.equal(rig.count('nodeway_tunnels'), 0);
  });

  t.test(`absolute form, ${way}: a proxy gets the target as it was sent`, async (t) => {
    const rig = podRig();
    const up = rig.serve(server, () => ok('proxied'));
    const client = open(rig);
    client.write('GET http://example.org/a?b HTTP/1.1\r\nHost: example.org\r\n\r\n');
    rig.run();
    t.match(up.requests[0], /^GET http:\/\/example\.org\/a\?b HTTP\/1\.1\r\nHost: example\.org\r\n/);
    t.match(client.text(), /proxied$/);
  });

  t.test(`absolute form with another Host, ${way}: the target's host stands in both`, async (t) => {
    const rig = podRig();
    const up = rig.serve(server, () => ok('proxied'));
    const client = open(rig);
    client.write('GET http://example.org/a HTTP/1.1\r\nHost: admin\r\nX: y\r\n\r\n');
    rig.run();
    t.match(up.requests[0], /^GET http:\/\/example\.org\/a HTTP\/1\.1\r\nX: y\r\nhost: example\.org\r\n/);
    t.notMatch(up.requests[0], /admin/);
  });

  t.test(`asterisk form, ${way}`, async (t) => {
    const rig = podRig();
    const up = rig.serve(server, () => ok(''));
    const client = open(rig);
    client.write('OPTIONS * HTTP/1.1\r\nHost: example.org\r\n\r\n');
    rig.run();
    t.match(up.requests[0], /^OPTIONS \* HTTP\/1\.1\r\n/);
  });
}

t.test('by a rule: CONNECT is 404 as in Envoy and ends the connection, absolute form becomes origin form, asterisk stays', async (t) => {
  for (const way of ['route', 'gateway'] as const) {
    const rig = way === 'route' ? podRig() : new Rig().cluster('web', ['10.0.0.1:8080']).gateway(route('/', 'web'), route('*', 'web'));
    const up = rig.serve('10.0.0.1:8080', () => ok('web'));
    const open = (): MemoryPeer => (way === 'route' ? dialOut(rig, { ip: '10.96.0.1', port: 80 }) : rig.transport.dial(GATEWAY));
    const connect = open();
    connect.write('CONNECT web:80 HTTP/1.1\r\nHost: web:80\r\n\r\nGET /admin HTTP/1.1\r\nHost: web\r\n\r\n');
    rig.run();
    t.match(connect.text(), /^HTTP\/1\.1 404 [^]*connection: close\r\n/, way);
    t.equal(connect.text().match(/HTTP\/1\.1/g)?.length, 1, `${way}: what follows is no request`);
    t.equal(up.requests.length, 0);
    const absolute = open();
    absolute.write('GET http://web/a?b HTTP/1.1\r\nHost: web\r\n\r\n');
    rig.run();
    t.match(up.requests[0], /^GET \/a\?b HTTP\/1\.1\r\n/, way);
    t.match(up.requests[0], /\r\nhost: web\r\n/i, way);
    const other = open();
    other.write('GET http://web/a HTTP/1.1\r\nHost: admin\r\n\r\n');
    rig.run();
    t.match(up.requests[1], /^GET \/a HTTP\/1\.1\r\nhost: web\r\n/, `${way}: the target's host beats Host`);
    t.notMatch(up.requests[1], /admin/);
  }
});

t.test('CONNECT without a port, or with a body, is no HTTP', async (t) => {
  for (const request of [
    'CONNECT example.org HTTP/1.1\r\nHost: example.org\r\n\r\n',
    'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\nContent-Length: 3\r\n\r\nabc',
  ]) {
    const rig = podRig();
    const up = rig.serve(`${POD}:8080`, () => ok(''));
    const client = rig.transport.dial({ ip: POD, port: 8080 });
    client.write(request);
    rig.run();
    t.match(client.text(), /^HTTP\/1\.1 400 /);
    t.equal(up.requests.length, 0);
  }
});
