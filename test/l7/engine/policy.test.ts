/** What a policy forbids does not happen: traffic to strangers, tunnels that nobody asked for, messages in the middle of others. */
import t from 'tap';
import type { Address } from '../../../src/l7/transport.ts';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import { GATEWAY, get, ok, OUTBOUND, Rig, route } from './rig.ts';

const STRANGER = '203.0.113.5';

/** A pod that sees `web` at 10.96.0.1:80, and any Host at port 80. */
function podRig(outboundTrafficPolicy: 'ALLOW_ANY' | 'REGISTRY_ONLY'): Rig {
  const rig = new Rig().cluster('web', ['10.0.0.1:8080']);
  rig.scope(
    { 80: { routes: [route('/', 'web')], domains: ['web'] } },
    { '10.96.0.1:80': { to: 'cluster', protocol: 'http', cluster: 'web' }, '*:80': { to: 'host', protocol: 'auto' } },
    { outboundTrafficPolicy },
  );
  rig.engine.listen(
    { kind: 'outbound', id: 7, fd: -1, workload: 'default/app', netns: 5, cookie: '42' },
    { address: OUTBOUND.ip, port: OUTBOUND.port },
  );
  return rig;
}

const ATTEMPTS: readonly (readonly [name: string, to: Address, bytes: string])[] = [
  ['TLS to a port that no service has', { ip: STRANGER, port: 443 }, '\x16\x03\x01\x00\x05\x01hello'],
  ['HTTP to a port that no service has', { ip: STRANGER, port: 9999 }, get('/')],
  ['bytes to a port with HTTP services', { ip: STRANGER, port: 80 }, '\x00\x01\x02'],
  ['TLS to a port with HTTP services', { ip: STRANGER, port: 80 }, '\x16\x03\x01\x00\x05\x01hello'],
];

t.test('REGISTRY_ONLY: nothing of what is unknown leaves; ALLOW_ANY: all of it does', async (t) => {
  for (const policy of ['REGISTRY_ONLY', 'ALLOW_ANY'] as const) {
    for (const [name, to, bytes] of ATTEMPTS) {
      const rig = podRig(policy);
      const servers: MemoryPeer[] = [];
      rig.transport.serve(to, (peer) => servers.push(peer));
      rig.destinations.push(to);
      const client = rig.transport.dial(OUTBOUND);
      client.write(bytes);
      rig.run();
      rig.advance(2000);
      const labels = { destination_service_name: policy === 'REGISTRY_ONLY' ? 'BlackHoleCluster' : 'PassthroughCluster' };
      t.equal(servers[0]?.text() ?? '', policy === 'REGISTRY_ONLY' ? '' : bytes, `${policy}: ${name}`);
      t.equal(client.wasReset || client.ended, policy === 'REGISTRY_ONLY', `${policy}: ${name}: the client is told`);
      t.equal(rig.count('istio_tcp_connections_opened_total', labels), 1, `${policy}: ${name}: counted`);
    }
  }
});

t.test('REGISTRY_ONLY: HTTP to an unknown Host is answered 502, and recorded at BlackHoleCluster; known ones are served', async (t) => {
  const rig = podRig('REGISTRY_ONLY');
  const outside = rig.serve(`${STRANGER}:80`, () => ok('outside'));
  rig.serve('10.0.0.1:8080', () => ok('web'));
  rig.destinations.push({ ip: STRANGER, port: 80 });
  const client = rig.transport.dial(OUTBOUND);
  client.write('GET / HTTP/1.1\r\nHost: example.org\r\n\r\n');
  rig.run();
  t.match(client.takeText(), /^HTTP\/1\.1 502 /);
  client.write('GET / HTTP/1.1\r\nHost: web\r\n\r\n');
  rig.run();
  t.match(client.text(), /web$/);
  t.equal(outside.requests.length, 0);
  t.equal(rig.count('istio_requests_total', { destination_service_name: 'BlackHoleCluster', response_code: '502' }), 1);
});

t.test('REGISTRY_ONLY: a pod of this node is no registry', async (t) => {
  const rig = podRig('REGISTRY_ONLY');
  const servers: MemoryPeer[] = [];
  const to = { ip: '10.0.0.9', port: 7000 };
  rig.transport.serve(to, (peer) => servers.push(peer));
  rig.destinations.push(to);
  const client = rig.transport.dial(OUTBOUND);
  client.write(get('/'));
  rig.run();
  rig.advance(2000);
  t.equal(servers.length, 0);
});

t.test('a 101 that no request asked for is a fault of the server: no tunnel goes round the rules', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/open', 'a'));
  const up = rig.serve('10.0.0.1:80', () => 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
  const client = rig.transport.dial(GATEWAY);
  client.write(get('/open'));
  rig.run();
  t.match(client.takeText(), /^HTTP\/1\.1 502 [^]*protocol error$/);
  client.write(get('/admin'));
  rig.run();
  t.match(client.takeText(), /^HTTP\/1\.1 404 /, 'the next request is looked at');
  t.notMatch(up.connections.map((peer) => peer.text()).join(''), /admin/);
  t.equal(rig.count('nodeway_tunnels'), 0);
  t.equal(rig.count('istio_requests_total', { response_flags: 'UPE', response_code: '502' }), 1);
});

t.test('a malformed chunk after the response has begun resets; it writes no second response into the first', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  rig.serve('10.0.0.1:80', () => null);
  const servers: MemoryPeer[] = [];
  rig.transport.serve({ ip: '10.0.0.1', port: 80 }, (peer) => servers.push(peer));
  const client = rig.transport.dial(GATEWAY);
  client.write('POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
  rig.run();
  servers[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun');
  rig.run();
  client.write('zz\r\n');
  rig.run();
  t.match(client.text(), /^HTTP\/1\.1 200 OK[^]*begun$/, 'nothing after what came');
  t.ok(client.wasReset);
  t.ok(servers[0]?.wasReset);
  t.equal(rig.count('istio_requests_total', { response_flags: 'DPE', response_code: '200' }), 1);
});

t.test('a client that has never sent a byte is closed after the time for heads; one that has sent a request may be idle', async (t) => {
  const rig = new Rig({ limits: { headTimeoutMs: 60_000 } }).cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  rig.serve('10.0.0.1:80', () => ok('x'));
  const silent = rig.transport.dial(GATEWAY);
  const used = rig.transport.dial(GATEWAY);
  used.write(get('/'));
  rig.run();
  rig.advance(55_000);
  t.notOk(silent.ended, 'not early');
  rig.advance(60_000);
  t.ok(silent.ended);
  t.equal(silent.text(), '', 'it has asked nothing, and is told nothing');
  t.notOk(used.ended);
  t.equal(rig.count('nodeway_refused_connections_total', { reason: 'head_timeout' }), 1);
});
