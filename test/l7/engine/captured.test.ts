import t from 'tap';
import { CloseReason, type Address } from '../../../src/l7/transport.ts';
import type { DestinationConfig, ScopeConfig } from '../../../src/l7/config/workload.ts';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import { endpointOf, get, identityOf, OUTBOUND, POD, podOf, ok, Rig, route } from './rig.ts';

const SERVICE: Address = { ip: '10.96.0.1', port: 80 };
const TCP_SERVICE: Address = { ip: '10.96.0.2', port: 3306 };
const OUTSIDE: Address = { ip: '203.0.113.5', port: 443 };

/** A rig with the enrolled pod `default/app`; http service `web` at 10.96.0.1:80, tcp service `db` at 10.96.0.2:3306. */
function podRig(addresses: Record<string, DestinationConfig> = {}, limits = {}, scope: Partial<ScopeConfig> = {}): Rig {
  const rig = new Rig({ limits }).cluster('web', ['10.0.0.1:8080']).cluster('db', ['10.0.0.2:3306']);
  rig.scope(
    { 80: { routes: [route('/', 'web')], domains: ['web', 'web.default'] } },
    {
      '10.96.0.1:80': { to: 'cluster', protocol: 'http', cluster: 'web' },
      '10.96.0.2:3306': { to: 'cluster', protocol: 'tcp', cluster: 'db' },
      '*:80': { to: 'host', protocol: 'auto' },
      ...addresses,
    },
    scope,
  );
  rig.engine.listen(
    { kind: 'outbound', id: 7, fd: -1, workload: 'default/app', netns: 5, cookie: '42' },
    { address: OUTBOUND.ip, port: OUTBOUND.port },
  );
  return rig;
}

function open(rig: Rig, destination: Address | null): MemoryPeer {
  rig.destinations.push(destination);
  return rig.transport.dial(OUTBOUND);
}

t.test('an HTTP service: routed, balanced to an endpoint, from the pod’s own namespace', async (t) => {
  const rig = podRig();
  let netns = 0;
  rig.transport.serve({ ip: '10.0.0.1', port: 8080 }, (peer, options) => {
    netns = options.netns;
    rig.transport.defer(() => peer.write(ok('web')));
  });
  const client = open(rig, SERVICE);
  client.write('GET /x HTTP/1.1\r\nHost: web\r\n\r\n');
  rig.run();
  t.match(client.text(), /\r\nserver: envoy\r\n[^]*web$/);
  t.equal(netns, 5);
  t.equal(rig.count('istio_requests_total', { reporter: 'source', source_workload: 'app', destination_workload: 'pod-10.0.0.1' }), 1);
});

t.test('HTTP/1.0 without a host, as load balancers look for life: the server is told where it was meant for', async (t) => {
  const rig = podRig();
  const up = rig.serve('10.96.0.1:80', () => ok('fine'));
  const answers = ['OPTIONS / HTTP/1.0\r\n\r\n', `GET /a HTTP/1.0\r\nX: ${'y'.repeat(500)}\r\n\r\n`].map((request) => {
    const client = open(rig, SERVICE);
    client.write(request);
    rig.run();
    return client.text();
  });
  for (const answer of answers) t.match(answer, /^HTTP\/1\.1 200 /);
  t.match(up.requests[0], /^OPTIONS \/ HTTP\/1\.1\r\nHost: 10\.96\.0\.1\r\n/);
  t.match(up.requests[1], /^GET \/a HTTP\/1\.1\r\nHost: 10\.96\.0\.1\r\nX: y+\r\n/);
});

t.test('headers inside the mesh: what is there stays, the attempt count is ours', async (t) => {
  const rig = podRig();
  const up = rig.serve('10.0.0.1:8080', () => ok(''));
  const client = open(rig, SERVICE);
  client.write(
    'GET / HTTP/1.1\r\nHost: web\r\nx-request-id: mine\r\nx-forwarded-proto: https\r\nx-forwarded-for: 1.2.3.4\r\nx-envoy-attempt-count: 7\r\n\r\n',
  );
  rig.run();
  t.match(
    up.requests[0],
    /x-request-id: mine\r\nx-forwarded-proto: https\r\nx-forwarded-for: 1\.2\.3\.4\r\nx-envoy-attempt-count: 1\r\n\r\n$/,
  );
});

t.test('an unknown Host passes through to the original destination', async (t) => {
  const rig = podRig();
  const up = rig.serve('203.0.113.5:80', () => ok('outside'));
  const client = open(rig, { ip: OUTSIDE.ip, port: 80 });
  client.write('GET / HTTP/1.1\r\nHost: example.org\r\n\r\n');
  rig.run();
  t.match(client.text(), /outside$/);
  t.match(up.requests[0], /Host: example\.org\r\n/);
  t.equal(rig.count('istio_requests_total', { destination_service_name: 'PassthroughCluster' }), 1);
});

t.test('a declared TCP service: balanced, never looked into, counted', async (t) => {
  const rig = podRig();
  const servers: MemoryPeer[] = [];
  rig.transport.serve({ ip: '10.0.0.2', port: 3306 }, (peer) => {
    servers.push(peer);
    rig.transport.defer(() => peer.write('greeting'));
  });
  const client = open(rig, TCP_SERVICE);
  rig.run();
  t.equal(client.takeText(), 'greeting', 'the server speaks first, without a stall');
  client.write('GET / HTTP/1.1\r\n\r\n');
  rig.run();
  t.equal(servers[0]?.text(), 'GET / HTTP/1.1\r\n\r\n', 'bytes as they are');
  client.end();
  rig.run();
  t.ok(servers[0]?.ended, 'half-close passes');
  servers[0]?.write('bye');
  servers[0]?.end();
  rig.run();
  t.equal(client.text(), 'bye');
  t.equal(rig.transport.connections, 0);
  t.equal(rig.count('istio_tcp_connections_opened_total', { destination_service_name: 'db' }), 1);
  t.equal(rig.count('istio_tcp_connections_closed_total'), 1);
  t.equal(rig.count('istio_tcp_sent_bytes_total'), 'greeting'.length + 'bye'.length);
  t.equal(rig.count('istio_tcp_received_bytes_total'), 'GET / HTTP/1.1\r\n\r\n'.length);
});

t.test('detection: HTTP/1 is served, TLS and the rest pass through with their first bytes', async (t) => {
  for (const [name, first, http] of [
    ['HTTP/1', 'GET / HTTP/1.1\r\nHost: web\r\n\r\n', true],
    ['TLS', '\x16\x03\x01\x00\x05hello', false],

    ['something', '\x00\x01\x02', false],
  ] as const) {
    const rig = podRig();
    const web = rig.serve('10.0.0.1:8080', () => ok('web'));
    const servers: MemoryPeer[] = [];
    rig.transport.serve({ ip: '10.0.0.2', port: 3306 }, (peer) => servers.push(peer));
    rig.scope(
      { 9000: { routes: [route('/', 'web')], domains: ['web'] } },
      { '10.96.0.3:9000': { to: 'cluster', protocol: 'auto', cluster: 'db' } },
    );
    const client = open(rig, { ip: '10.96.0.3', port: 9000 });
    for (const byte of first) {
      client.write(byte);
      rig.run();
    }
    t.equal(web.requests.length, http ? 1 : 0, `${name}: routed by HTTP`);
    t.equal(servers[0]?.text() ?? '', http ? '' : first, `${name}: passed through whole`);
  }
});

t.test('a silent client: the server is heard after 20 ms; HTTP is still recognised when the client speaks first after all', async (t) => {
  const rig = podRig();
  const servers: MemoryPeer[] = [];
  rig.transport.serve({ ip: '203.0.113.5', port: 80 }, (peer) => servers.push(peer));
  const heard = open(rig, { ip: OUTSIDE.ip, port: 80 });
  rig.run();
  rig.advance(15);
  t.equal(servers.length, 0, 'not before');
  rig.advance(15);
  t.equal(servers.length, 1);
  servers[0]?.write('220 smtp ready\r\n');
  rig.run();
  t.equal(heard.takeText(), '220 smtp ready\r\n');
  heard.write('HELO\r\n');
  rig.run();
  t.equal(servers[0]?.text(), 'HELO\r\n');

  const late = open(rig, { ip: OUTSIDE.ip, port: 80 });
  rig.run();
  rig.advance(40);
  t.equal(servers.length, 2);
  late.write('GET / HTTP/1.1\r\nHost: web\r\n\r\n');
  const web = rig.serve('10.0.0.1:8080', () => ok('web'));
  rig.run();
  t.match(late.text(), /web$/);
  t.equal(web.requests.length, 1);
  t.equal(servers[1]?.text(), '', 'the connection that was opened meanwhile saw nothing');
});

t.test('a connection without an original destination is closed, counted, and sent nowhere', async (t) => {
  const rig = podRig();
  const client = open(rig, null);
  client.write(get('/'));
  rig.run();
  t.ok(client.ended || client.wasReset);
  t.equal(client.text(), '');
  t.equal(rig.count('nodeway_refused_connections_total', { reason: 'original_destination_missing' }), 1);
});

t.test('an upstream that cannot be reached resets an opaque client', async (t) => {
  const rig = podRig();
  rig.transport.fail({ ip: '10.0.0.2', port: 3306 }, CloseReason.Refused);
  const client = open(rig, TCP_SERVICE);
  rig.run();
  t.ok(client.wasReset);
});

t.test('a reset passes through a tunnel, both ways', async (t) => {
  for (const side of ['client', 'server'] as const) {
    const rig = podRig();
    const servers: MemoryPeer[] = [];
    rig.transport.serve({ ip: '10.0.0.2', port: 3306 }, (peer) => servers.push(peer));
    const client = open(rig, TCP_SERVICE);
    rig.run();
    (side === 'client' ? client : servers[0])?.reset();
    rig.run();
    t.ok((side === 'client' ? servers[0] : client)?.wasReset, `from the ${side}`);
    t.equal(rig.transport.connections, 0);
  }
});

t.test('a callee on the same node: one pass, recorded by both sides', async (t) => {
  const rig = podRig();
  const identity = identityOf('callee');
  rig.apply({
    endpoints: { web: [{ ...endpointOf('10.0.0.1:8080', 'default/callee'), identity }] },
    workloads: { 'default/app': podOf(), 'default/callee': podOf({ identity, addresses: ['10.0.0.1'] }) },
  });
  rig.serve('10.0.0.1:8080', () => ok('web'));
  const client = open(rig, SERVICE);
  client.write(get('/').replace('shop', 'web'));
  rig.run();
  t.match(client.text(), /web$/);
  for (const reporter of ['source', 'destination']) {
    t.equal(
      rig.count('istio_requests_total', { reporter, source_workload: 'app', destination_workload: 'callee', response_code: '200' }),
      1,
      reporter,
    );
  }
});

t.test('inbound: an unenrolled client’s request reaches the application and is recorded by the callee alone', async (t) => {
  const rig = podRig();
  rig.apply({
    workloads: {
      'default/app': podOf({
        inbound: {
          8080: { protocol: 'http', service: { host: 'app.default.svc.cluster.local', name: 'app', namespace: 'default', port: 80 } },
        },
      }),
    },
  });
  const up = rig.serve(`${POD}:8080`, () => ok('app'));
  rig.engine.listen(
    { kind: 'inbound', id: 8, fd: -1, workload: 'default/app', netns: 5, ownPorts: [15001, 15006, 15008] },
    { address: POD, port: 8080 },
  );
  const answer = rig.ask(get('/in', 'x-envoy-attempt-count: 3\r\n'), { ip: POD, port: 8080 });
  t.match(answer, /server: istio-envoy\r\n[^]*app$/);
  t.match(up.requests[0], /x-envoy-attempt-count: 3\r\nx-forwarded-proto: http\r\nx-request-id: /);
  t.equal(
    rig.count('istio_requests_total', {
      reporter: 'destination',
      source_workload: 'unknown',
      destination_workload: 'app',
      destination_service_name: 'app',
    }),
    1,
  );
  t.equal(rig.count('istio_requests_total', { reporter: 'source' }), 0);
});

t.test('inbound to one of the agent’s own ports is refused', async (t) => {
  const rig = podRig();
  rig.engine.listen(
    { kind: 'inbound', id: 9, fd: -1, workload: 'default/app', netns: 5, ownPorts: [15001, 15006, 15008] },
    { address: POD, port: 15006 },
  );
  const client = rig.transport.dial({ ip: POD, port: 15006 });
  rig.run();
  t.ok(client.ended || client.wasReset);
  t.equal(rig.count('nodeway_refused_connections_total', { reason: 'own_port' }), 1);
});

t.test('a tunnel through which nothing passes for the idle time is reset, a used one is not', async (t) => {
  const rig = podRig({}, { idleTimeoutMs: 1000 });
  const servers: MemoryPeer[] = [];
  rig.transport.serve({ ip: '10.0.0.2', port: 3306 }, (peer) => servers.push(peer));
  const client = open(rig, TCP_SERVICE);
  rig.run();
  for (let i = 0; i < 5; i++) {
    client.write('x');
    rig.run();
    rig.advance(900);
  }
  t.notOk(client.wasReset, 'used');
  rig.advance(1100);
  rig.advance(1100);
  t.ok(client.wasReset && servers[0]?.wasReset, 'idle');
});
