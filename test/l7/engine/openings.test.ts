/** What connections to endpoints begin with, where a DestinationRule says so: a header of the PROXY protocol, or a question to a forward proxy. */
import t from 'tap';
import type { ClusterConfig } from '../../../src/l7/config/cluster.ts';
import type { Address } from '../../../src/l7/transport.ts';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import { get, ok, OUTBOUND, Rig, route } from './rig.ts';

const ENDPOINT = { ip: '192.0.2.1', port: 9 };
const DESTINATION = { ip: '10.1.0.1', port: 9000 };

/** A pod whose connections at port 9000 are bytes to the cluster, and at port 80 HTTP. */
function podRig(more: Partial<ClusterConfig>): Rig {
  const rig = new Rig()
    .scope(
      { 80: { routes: [route('/', 'c')], domains: ['*'] } },
      {
        '10.1.0.1:9000': { to: 'cluster', protocol: 'tcp', cluster: 'c' },
        '10.1.0.1:80': { to: 'host', protocol: 'http' },
      },
    )
    .cluster('c', ['192.0.2.1:9'], more);
  rig.engine.listen(
    { kind: 'outbound', id: 7, fd: -1, workload: 'default/app', netns: 5, cookie: '42' },
    { address: OUTBOUND.ip, port: OUTBOUND.port },
  );
  return rig;
}

function open(rig: Rig, destination: Address, text = ''): MemoryPeer {
  rig.destinations.push(destination);
  const client = rig.transport.dial(OUTBOUND);
  if (text !== '') client.write(text);
  return client;
}

function servers(rig: Rig): MemoryPeer[] {
  const peers: MemoryPeer[] = [];
  rig.transport.serve(ENDPOINT, (peer) => void peers.push(peer));
  return peers;
}

/** Once everybody else has ended, nothing is left. */
function allGone(rig: Rig, ...peers: (MemoryPeer | undefined)[]): boolean {
  for (const peer of peers) peer?.end();
  rig.run();
  return rig.transport.connections === 0;
}

t.test('PROXY protocol: bytes', async (t) => {
  const rig = podRig({ proxyProtocol: 1 });
  const peers = servers(rig);
  const client = open(rig, DESTINATION, 'hello');
  rig.run();
  t.match(peers[0]?.takeText(), /^PROXY TCP4 \d+\.\d+\.\d+\.\d+ 10\.1\.0\.1 \d+ 9000\r\nhello$/);
  peers[0]?.write('back');
  rig.run();
  t.equal(client.takeText(), 'back');
});

t.test('PROXY protocol: each request has a connection of its own', async (t) => {
  const rig = podRig({ proxyProtocol: 1 });
  const up = rig.serve('192.0.2.1:9', (_request, nth) => ok(`answer ${nth}`));
  const client = open(rig, { ip: '10.1.0.1', port: 80 });
  for (const nth of [0, 1]) {
    client.write(get('/'));
    rig.run();
    t.match(client.takeText(), new RegExp(`answer ${nth}$`));
    t.match(up.requests[nth], /^PROXY TCP4 \S+ 10\.1\.0\.1 \d+ 80\r\nGET \/ HTTP\/1\.1\r\n/);
  }
  t.equal(up.connections.length, 2);
});

t.test('a forward proxy is asked for the target', async (t) => {
  const rig = podRig({ tunnel: 'target.example:443' });
  const peers = servers(rig);
  const client = open(rig, DESTINATION, 'hello');
  rig.run();
  const [proxy] = peers;
  t.equal(proxy?.takeText(), 'CONNECT target.example:443 HTTP/1.1\r\nhost: target.example:443\r\n\r\n', 'and nothing of the client yet');
  proxy?.write('HTTP/1.1 200 Connection ');
  rig.run();
  client.write(' again');
  rig.run();
  proxy?.write('established\r\nVia: x\r\n\r\nfirst');
  rig.run();
  t.equal(proxy?.takeText(), 'hello again');
  t.equal(client.takeText(), 'first', 'what came with the answer is the target’s');
  proxy?.write(' second');
  client.end();
  rig.run();
  t.equal(client.takeText(), ' second');
});

t.test('a forward proxy that does not want to', async (t) => {
  for (const [name, answer] of [
    ['another status', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'],
    ['not HTTP', '220 mail.example\r\n\r\n'],
    ['a head without an end', `HTTP/1.1 200 OK\r\n${'x'.repeat(20_000)}`],
  ] as const) {
    const rig = podRig({ tunnel: 'target.example:443' });
    const peers = servers(rig);
    const client = open(rig, DESTINATION, 'hello');
    rig.run();
    peers[0]?.takeText();
    peers[0]?.write(answer);
    rig.run();
    t.ok(client.ended || client.wasReset, `${name}: the client's connection ends`);
    t.equal(client.takeText(), '', name);
    t.equal(peers[0]?.takeText(), '', `${name}: nothing of the client went there`);
    t.ok(allGone(rig, client, ...peers), name);
  }
});

t.test('a forward proxy that says nothing, or is not there', async (t) => {
  const rig = podRig({ tunnel: 'target.example:443', connectTimeoutMs: 2000 });
  const peers = servers(rig);
  const client = open(rig, DESTINATION, 'hello');
  rig.run();
  rig.advance(1900);
  t.notOk(client.ended || client.wasReset);
  rig.advance(200);
  t.ok(client.ended || client.wasReset);
  t.ok(allGone(rig, client, ...peers));
  const away = podRig({ tunnel: 'target.example:443' });
  const other = open(away, DESTINATION, 'hello');
  away.run();
  away.advance(100);
  t.ok(other.ended || other.wasReset);
  t.ok(allGone(away, other));
});

t.test('a client that leaves meanwhile', async (t) => {
  const rig = podRig({ tunnel: 'target.example:443' });
  const peers = servers(rig);
  const client = open(rig, DESTINATION, 'hello');
  rig.run();
  client.reset();
  rig.run();
  t.ok(peers[0]?.ended === true || peers[0]?.wasReset === true);
  t.ok(allGone(rig, ...peers));
});
