/** What is remembered between requests is right: timeouts, endpoints, identities, bytes. */
import t from 'tap';
import { CloseReason } from '../../../src/l7/transport.ts';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import { clusterOf, endpointOf, GATEWAY, get, identityOf, lines, ok, OUTBOUND, podOf, retry, Rig, route } from './rig.ts';
import { literal } from '../../../src/l7/message/wire-text.ts';

const AUTO = { ip: '10.96.0.3', port: 9000 };

function podRig(): Rig {
  const rig = new Rig().cluster('web', ['10.0.0.1:8080']);
  rig.scope(
    { 9000: { routes: [route('/', 'web')], domains: ['web'] } },
    { '10.96.0.3:9000': { to: 'cluster', protocol: 'auto', cluster: 'web' } },
  );
  rig.engine.listen(
    { kind: 'outbound', id: 7, fd: -1, workload: 'default/app', netns: 5, cookie: '42' },
    { address: OUTBOUND.ip, port: OUTBOUND.port },
  );
  return rig;
}

function open(rig: Rig): MemoryPeer {
  rig.destinations.push(AUTO);
  return rig.transport.dial(OUTBOUND);
}

t.test('an opaque connection leaves the timeout of later HTTP requests alone', async (t) => {
  const rig = podRig();
  rig.transport.serve({ ip: '10.0.0.1', port: 8080 }, () => undefined);
  const opaque = open(rig);
  opaque.write('\x00\x01');
  rig.run();
  rig.transport.fail({ ip: '10.0.0.1', port: 8080 }, 'silent');
  const client = open(rig);
  client.write('GET / HTTP/1.1\r\nHost: web\r\n\r\n');
  rig.run();
  rig.advance(900);
  t.equal(client.text(), '', 'the connection may take its 1 000 ms');
  rig.advance(200);
  t.match(client.text(), /^HTTP\/1\.1 503 [^]*connection timeout$/);
});

t.test('a changed connectTimeout holds for the next attempt, whatever pools there are', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80'], { connectTimeoutMs: 5000 }).gateway(route('/', 'a'));
  const up = rig.serve('10.0.0.1:80', () => ok('x'));
  rig.ask(get('/'));
  up.connections[0]?.end();
  rig.transport.fail({ ip: '10.0.0.1', port: 80 }, 'silent');
  rig.run();
  rig.apply({ clusters: { a: clusterOf('a', { connectTimeoutMs: 100 }) } });
  const client = rig.transport.dial(GATEWAY);
  client.write(get('/'));
  rig.run();
  rig.advance(120);
  t.match(client.text(), /connection timeout$/);
});

t.test('a retry whose cluster has gone meanwhile goes nowhere', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a', { retry: retry() }));
  const up = rig.serve('10.0.0.1:80', () => 'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n');
  const client = rig.transport.dial(GATEWAY);
  client.write(get('/'));
  rig.run();
  rig.apply({ remove: { clusters: ['a'] } });
  rig.advance(300);
  t.match(client.text(), /^HTTP\/1\.1 503 /);
  t.equal(up.requests.length, 1);
  t.equal(rig.count('istio_requests_total', { response_flags: 'NC' }), 1);
});

t.test('metrics follow the identities of both peers, while connections are kept', async (t) => {
  const rig = podRig();
  rig.serve('10.0.0.1:8080', () => ok('x'));
  const client = open(rig);
  const ask = (): void => {
    client.write('GET / HTTP/1.1\r\nHost: web\r\n\r\n');
    rig.run();
  };
  ask();
  rig.apply({ workloads: { 'default/app': podOf({ identity: { ...identityOf('app'), version: 'v2' } }) } });
  ask();
  rig.apply({ endpoints: { web: [{ ...endpointOf('10.0.0.1:8080'), identity: identityOf('renamed') }] } });
  ask();
  const counted = (labels: Record<string, string>): number => rig.count('istio_requests_total', labels);
  t.equal(counted({ source_version: 'v1', destination_workload: 'pod-10.0.0.1' }), 1);
  t.equal(counted({ source_version: 'v2', destination_workload: 'pod-10.0.0.1' }), 1);
  t.equal(counted({ source_version: 'v2', destination_workload: 'renamed' }), 1);
});

t.test('a client that is silent at first gets its answer by the rules when its server cannot be reached', async (t) => {
  const rig = podRig();
  rig.transport.fail({ ip: '10.0.0.1', port: 8080 }, CloseReason.Refused);
  const client = open(rig);
  rig.run();
  rig.advance(40);
  t.notOk(client.wasReset, 'it may be about to speak');
  client.write('GET / HTTP/1.1\r\nHost: web\r\n\r\n');
  rig.run();
  t.match(client.text(), /^HTTP\/1\.1 503 [^]*remote connection failure$/);
  const waits = open(rig);
  rig.run();
  rig.advance(1500);
  t.ok(waits.wasReset, 'one that waits for its server is told');
});

t.test('bytes that a server speaks first are counted', async (t) => {
  const rig = podRig();
  const servers: MemoryPeer[] = [];
  rig.transport.serve({ ip: '10.0.0.1', port: 8080 }, (peer) => servers.push(peer));
  const client = open(rig);
  rig.run();
  rig.advance(40);
  servers[0]?.write('x'.repeat(78));
  rig.run();
  client.write('hello');
  servers[0]?.write('y'.repeat(10));
  rig.run();
  servers[0]?.end();
  client.end();
  rig.run();
  t.equal(rig.count('istio_tcp_sent_bytes_total'), 88);
  t.equal(rig.count('istio_tcp_received_bytes_total'), 5);
});

t.test('useSourceIp keeps opaque connections of one client at one endpoint', async (t) => {
  const rig = podRig();
  const addresses = ['10.0.0.1:8080', '10.0.0.2:8080', '10.0.0.3:8080', '10.0.0.4:8080'];
  rig.apply({
    clusters: { web: clusterOf('web', { balancer: { kind: 'ring-hash', minimumRingSize: 1024, key: { kind: 'source-address' } } }) },
    endpoints: { web: addresses.map((address) => endpointOf(address)) },
  });
  const reached = new Map<string, Set<string>>();
  let now = '';
  for (const address of addresses) {
    const [ip = '', port] = address.split(':');
    rig.transport.serve({ ip, port: Number(port) }, () => void reached.get(now)?.add(address));
  }
  for (let client = 0; client < 12; client++) {
    now = `192.0.2.${client + 10}`;
    reached.set(now, new Set());
    for (let i = 0; i < 4; i++) {
      rig.destinations.push(AUTO);
      rig.transport.dial(OUTBOUND, { ip: now, port: 40_000 + client * 10 + i }).write('\x00\x01');
      rig.run();
    }
  }
  t.ok(
    [...reached.values()].every((set) => set.size === 1),
    'one each',
  );
  t.ok(new Set([...reached.values()].flatMap((set) => [...set])).size > 1, 'not all the same');
});

t.test(
  'a new cookie follows from the connection: a client that ignores it stays at one endpoint for as long as it is connected',
  async (t) => {
    const rig = new Rig().gateway(route('/', 'h'));
    const addresses = ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80', '10.0.0.4:80'];
    for (const address of addresses) rig.serve(address, () => ok(address));
    const key = { kind: 'cookie', name: literal('sid'), path: literal('/'), ttlSeconds: 0 } as const;
    rig.apply({
      clusters: { h: clusterOf('h', { balancer: { kind: 'ring-hash', minimumRingSize: 1024, key } }) },
      endpoints: { h: addresses.map((address) => endpointOf(address)) },
    });
    const used = new Set<string>();
    const cookies = new Set<string>();
    for (let connection = 0; connection < 12; connection++) {
      const client = rig.transport.dial(GATEWAY);
      const answers = Array.from({ length: 4 }, () => {
        client.write(get('/'));
        rig.run();
        return client.takeText();
      });
      const own = new Set(answers.map((answer) => answer.split('\r\n\r\n')[1] ?? ''));
      const values = new Set(answers.map((answer) => /set-cookie: sid="([0-9a-f]{16})"/.exec(answer)?.[1] ?? ''));
      t.equal(own.size, 1, `connection ${connection}: one endpoint`);
      t.equal(values.size, 1, `connection ${connection}: one value`);
      for (const one of own) used.add(one);
      for (const one of values) cookies.add(one);
    }
    t.ok(used.size > 1, 'connections spread');
    t.equal(cookies.size, 12);
  },
);

t.test('a 101 has the sticky cookie and the route’s header operations', async (t) => {
  const base = route('/', 'h');
  const action = { ...base.action, destinations: [{ cluster: 'h', weight: 1 }] } as typeof base.action;
  const rig = new Rig().gateway({ ...base, action, responseHeaders: { set: lines({ 'x-route': 'yes' }), remove: ['x-internal'] } });
  const key = { kind: 'cookie', name: literal('sid'), path: literal('/'), ttlSeconds: 0 } as const;
  rig.apply({
    clusters: { h: clusterOf('h', { balancer: { kind: 'ring-hash', minimumRingSize: 64, key } }) },
    endpoints: { h: [endpointOf('10.0.0.1:80')] },
  });
  rig.serve('10.0.0.1:80', () => 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\nX-Internal: 1\r\n\r\n');
  const answer = rig.ask(get('/', 'Connection: Upgrade\r\nUpgrade: x\r\n'));
  t.match(answer, /^HTTP\/1\.1 101 /);
  t.match(answer, /set-cookie: sid=/);
  t.match(answer, /x-route: yes\r\n/);
  t.notMatch(answer, /X-Internal/i);
});

t.test('what a server answered before it broke off is the answer, and nothing is sent again because of it', async (t) => {
  for (const length of [200_000, 2_000_000]) {
    const rig = new Rig()
      .cluster('a', ['10.0.0.1:80'])
      .gateway(route('/', 'a', { retry: retry({ on: ['5xx', 'reset', 'connect-failure'] }) }));
    const servers: MemoryPeer[] = [];
    rig.transport.serve({ ip: '10.0.0.1', port: 80 }, (peer) => {
      servers.push(peer);
      peer.pause(1000);
    });
    const client = rig.transport.dial(GATEWAY);
    client.write(`POST /upload HTTP/1.1\r\nHost: shop\r\nContent-Length: ${length}\r\n\r\n`);
    client.write('u'.repeat(length));
    rig.run();
    servers[0]?.write('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig');
    servers[0]?.reset();
    rig.run();
    rig.advance(300);
    t.match(client.text(), /^HTTP\/1\.1 413 Too Large\r\n[^]*big$/, `${length} bytes`);
    t.equal(servers.length, 1);
    t.equal(rig.count('istio_requests_total', { response_code: '413', response_flags: '-' }), 1);
  }
});
