/** Where captured connections go by their address: ranges, names that TLS clients ask for, clusters without endpoints of their own. */
import t from 'tap';
import type { DestinationConfig, ScopeConfig } from '../../../src/l7/config/workload.ts';
import type { Address } from '../../../src/l7/transport.ts';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import { clientHello } from '../tls-hello/hellos.ts';
import { OUTBOUND, ok, Rig, route } from './rig.ts';

function podRig(addresses: Record<string, DestinationConfig>, scope: Partial<ScopeConfig> = {}): Rig {
  const rig = new Rig().scope({ 80: { routes: [route('/', 'through')], domains: ['through.example'] } }, addresses, scope);
  rig.engine.listen(
    { kind: 'outbound', id: 7, fd: -1, workload: 'default/app', netns: 5, cookie: '42' },
    { address: OUTBOUND.ip, port: OUTBOUND.port },
  );
  return rig;
}

function open(rig: Rig, destination: Address): MemoryPeer {
  rig.destinations.push(destination);
  return rig.transport.dial(OUTBOUND);
}

/** Servers that say who they are. */
function serve(rig: Rig, ...addresses: string[]): void {
  for (const address of addresses) {
    const [ip = '', port] = address.split(/:(?=\d+$)/);
    rig.transport.serve({ ip, port: Number(port) }, (peer) => rig.transport.defer(() => peer.write(`at ${address}`)));
  }
}

const tcp = (cluster: string): DestinationConfig => ({ to: 'cluster', protocol: 'tcp', cluster });

t.test('the narrowest range that has the address', async (t) => {
  const rig = podRig({
    '10.1.0.0/16:9000': tcp('wide'),
    '10.1.2.0/24:9000': tcp('narrow'),
    '10.1.2.3:9000': tcp('one'),
    '[2001:db8:1:0:0:0:0:0]/48:9000': tcp('six'),
    '*:9000': tcp('any'),
  });
  for (const [index, name] of ['wide', 'narrow', 'one', 'six', 'any'].entries()) {
    rig.cluster(name, [`192.0.2.${index}:1`]);
    rig.transport.serve({ ip: `192.0.2.${index}`, port: 1 }, (peer) => rig.transport.defer(() => peer.write(name)));
  }
  for (const [ip, expected] of [
    ['10.1.9.9', 'wide'],
    ['10.1.2.9', 'narrow'],
    ['10.1.2.3', 'one'],
    ['2001:db8:1:2::9', 'six'],
    ['2001:db8:2::9', 'any'],
    ['10.2.0.1', 'any'],
  ] as const) {
    const client = open(rig, { ip, port: 9000 });
    rig.run();
    t.equal(client.takeText(), expected, ip);
  }
  rig.apply({ addresses: { mesh: { layer: 'mesh', entries: [['*:9000', tcp('any')]] } } });
  const client = open(rig, { ip: '10.1.2.9', port: 9000 });
  rig.run();
  t.equal(client.takeText(), 'any', 'ranges that are gone do not count');
});

t.test('TLS clients go where the name leads that they ask for', async (t) => {
  const rig = podRig({ '*:443': { to: 'host', protocol: 'auto' } })
    .cluster('shop', ['192.0.2.1:8443'])
    .cluster('wide', ['192.0.2.2:8443']);
  const names = (name: string, cluster: string) => ({
    layer: 'mesh sni',
    port: 443,
    name,
    domains: [name],
    local: null,
    routes: [route('/', cluster)],
  });
  rig.apply({ virtualHosts: { shop: names('shop.example', 'shop'), wide: names('*.example', 'wide') } });
  for (const ip of ['192.0.2.1', '192.0.2.2']) serve(rig, `${ip}:8443`);
  serve(rig, '203.0.113.5:443');
  for (const [name, expected] of [
    ['shop.example', 'at 192.0.2.1:8443'],
    ['SHOP.example', 'at 192.0.2.1:8443'],
    ['a.b.example', 'at 192.0.2.2:8443'],
    ['example.org', 'at 203.0.113.5:443'],
    [null, 'at 203.0.113.5:443'],
  ] as const) {
    const client = open(rig, { ip: '203.0.113.5', port: 443 });
    const hello = clientHello(name, { fragment: 40 });
    client.write(hello.subarray(0, 60).toString('latin1'));
    rig.run();
    client.write(hello.subarray(60).toString('latin1'));
    rig.run();
    t.equal(client.takeText(), expected, name ?? 'no name');
  }
});

t.test('a slow TLS client: the connection that was opened without knowing its name is given up', async (t) => {
  const rig = podRig({ '*:443': { to: 'host', protocol: 'auto' } }).cluster('shop', ['192.0.2.1:8443']);
  rig.apply({
    virtualHosts: {
      shop: { layer: 'mesh sni', port: 443, name: 's', domains: ['shop.example'], local: null, routes: [route('/', 'shop')] },
    },
  });
  const outside: MemoryPeer[] = [];
  rig.transport.serve({ ip: '203.0.113.5', port: 443 }, (peer) => void outside.push(peer));
  serve(rig, '192.0.2.1:8443');
  const client = open(rig, { ip: '203.0.113.5', port: 443 });
  rig.advance(100);
  t.equal(outside.length, 1, 'a server that speaks first would be heard');
  client.write(clientHello('shop.example').toString('latin1'));
  rig.run();
  t.equal(client.takeText(), 'at 192.0.2.1:8443');
  t.equal(outside[0]?.text(), '');
});

t.test('what is allowed only by name', async (t) => {
  const rig = podRig({ '*:443': { to: 'host', protocol: 'auto' } }, { outboundTrafficPolicy: 'REGISTRY_ONLY' }).cluster('shop', [
    '192.0.2.1:8443',
  ]);
  rig.apply({
    virtualHosts: {
      shop: { layer: 'mesh sni', port: 443, name: 's', domains: ['shop.example'], local: null, routes: [route('/', 'shop')] },
    },
  });
  serve(rig, '192.0.2.1:8443', '203.0.113.5:443');
  const known = open(rig, { ip: '203.0.113.5', port: 443 });
  known.write(clientHello('shop.example').toString('latin1'));
  const unknown = open(rig, { ip: '203.0.113.5', port: 443 });
  unknown.write(clientHello('other.example').toString('latin1'));
  rig.advance(2000);
  t.equal(known.takeText(), 'at 192.0.2.1:8443');
  t.equal(unknown.takeText(), '');
  t.equal(unknown.wasReset, true, 'refused');
});

t.test('a cluster without endpoints of its own', async (t) => {
  const rig = podRig({
    '*:80': { to: 'host', protocol: 'auto' },
    '*:9000': tcp('through'),
    '*:9001': tcp('elsewhere'),
    '*:9002': { to: 'host', protocol: 'auto', opaque: 'through' },
  })
    .cluster('through', [], { original: { port: null } })
    .cluster('elsewhere', [], { original: { port: 7777 } });
  serve(rig, '203.0.113.5:9000', '203.0.113.5:7777', '203.0.113.5:9002');
  for (const [port, expected] of [
    [9000, 'at 203.0.113.5:9000'],
    [9001, 'at 203.0.113.5:7777'],
    [9002, 'at 203.0.113.5:9002'],
  ] as const) {
    const client = open(rig, { ip: '203.0.113.5', port });
    rig.advance(50);
    t.equal(client.takeText(), expected, String(port));
  }
  const up = rig.serve('203.0.113.6:80', () => ok('routed'));
  const client = open(rig, { ip: '203.0.113.6', port: 80 });
  client.write('GET / HTTP/1.1\r\nHost: through.example\r\n\r\n');
  rig.run();
  t.match(client.takeText(), /routed$/);
  t.match(up.requests[0], /x-envoy-attempt-count: 1/, 'routed as any request');
  t.equal(rig.count('istio_requests_total', { destination_service_name: 'through' }), 1, 'and counted for its service');
});

t.test('a cluster whose clients have chosen an endpoint', async (t) => {
  const rig = podRig({
    '*:80': { to: 'host', protocol: 'http' },
    '192.0.2.8:80': { to: 'cluster', protocol: 'http', cluster: 'another' },
  }).cluster('through', ['192.0.2.1:8080', '192.0.2.2:8080'], { chosenBefore: true });
  for (const ip of ['192.0.2.1', '192.0.2.2']) rig.serve(`${ip}:8080`, () => ok(`at ${ip}`));
  const ask = (ip: string): string[] => {
    const client = open(rig, { ip, port: 80 });
    return Array.from({ length: 6 }, () => {
      client.write('GET / HTTP/1.1\r\nHost: through.example\r\n\r\n');
      rig.run();
      return client.takeText().split('\r\n\r\n')[1] ?? '';
    });
  };
  for (const ip of ['192.0.2.1', '192.0.2.2']) t.same(new Set(ask(ip)), new Set([`at ${ip}`]), ip);
  t.equal(new Set(ask('192.0.2.8')).size, 2, 'of the address of another service any has them');
  rig.serve('192.0.2.9:80', () => ok('at 192.0.2.9'));
  t.same(new Set(ask('192.0.2.9')), new Set(['at 192.0.2.9']), 'an instance that is not ready has its own');
  rig.cluster('through', [], { chosenBefore: true });
  rig.serve('192.0.2.8:80', () => ok('at 192.0.2.8'));
  t.same(new Set(ask('192.0.2.8')), new Set(['at 192.0.2.8']), 'and if there is none, whoever is asked');
});

t.test('rules: the narrowest range, then the most exact name; what none fits is refused', async (t) => {
  const to = (cluster: string) => ({ destinations: [{ cluster, weight: 1 }] });
  const rig = podRig({
    '*:443': {
      to: 'cluster',
      protocol: 'tls',
      cluster: 'unused',
      rules: [
        { names: ['*.example'], ...to('wide') },
        { names: ['a.example', 'b.example'], ...to('exact') },
        { names: ['*.example'], ranges: ['10.9.0.0/16'], ...to('range') },
      ],
    },
    '*:9000': { to: 'cluster', protocol: 'tcp', cluster: 'unused', rules: [{ ranges: ['10.9.0.0/16'], ...to('range') }, to('exact')] },
  });
  for (const [index, name] of ['wide', 'exact', 'range', 'unused'].entries()) {
    rig.cluster(name, [`192.0.2.${index}:1`]);
    rig.transport.serve({ ip: `192.0.2.${index}`, port: 1 }, (peer) => rig.transport.defer(() => peer.write(name)));
  }
  for (const [ip, port, hello, expected] of [
    ['10.1.0.1', 443, 'x.example', 'wide'],
    ['10.1.0.1', 443, 'A.example', 'exact'],
    ['10.9.0.1', 443, 'a.example', 'range'],
    ['10.1.0.1', 443, 'other.org', ''],
    ['10.1.0.1', 443, null, ''],
    ['10.9.0.1', 9000, undefined, 'range'],
    ['10.1.0.1', 9000, undefined, 'exact'],
  ] as const) {
    const peer = open(rig, { ip, port });
    if (hello !== undefined) peer.write(clientHello(hello).toString('latin1'));
    rig.advance(2000);
    t.equal(peer.takeText(), expected, `${ip}:${port} ${hello}`);
    t.equal(peer.wasReset, expected === '', 'refused or not');
  }
});

t.test('shares of connections', async (t) => {
  const destinations = [
    { cluster: 'a', weight: 1 },
    { cluster: 'b', weight: 3 },
  ];
  const rig = podRig({ '*:9000': { to: 'cluster', protocol: 'tcp', cluster: 'a', rules: [{ destinations }] } });
  rig.cluster('a', ['192.0.2.1:1']).cluster('b', ['192.0.2.2:1']);
  serve(rig, '192.0.2.1:1', '192.0.2.2:1');
  let toA = 0;
  for (let connection = 0; connection < 400; connection++) {
    const peer = open(rig, { ip: '10.1.0.1', port: 9000 });
    rig.run();
    if (peer.takeText() === 'at 192.0.2.1:1') toA++;
    peer.reset();
  }
  // Three and a half standard deviations of a quarter of 400.
  t.ok(toA > 70 && toA < 130, `${toA} of 400 for a weight of 1 in 4`);
});

t.test('gateways: TCP by rules, TLS by name, while HTTP ports serve HTTP', async (t) => {
  const rig = new Rig().cluster('db', ['192.0.2.1:1']).cluster('shop', ['192.0.2.2:1']);
  serve(rig, '192.0.2.1:1', '192.0.2.2:1');
  rig.apply({
    gateways: {
      31400: { port: 31400, layer: 'gateway 31400', protocol: 'tcp', rules: [{ destinations: [{ cluster: 'db', weight: 1 }] }] },
      31401: { port: 31401, layer: 'gateway 31401', protocol: 'tcp', rules: [] },
      443: { port: 443, layer: 'gateway 443', protocol: 'tls' },
    },
    virtualHosts: {
      shop: { layer: 'gateway 443 sni', port: 443, name: 's', domains: ['*.shop.example'], local: null, routes: [route('/', 'shop')] },
    },
  });
  const dial = (port: number, text: string): MemoryPeer => {
    rig.engine.listen({ kind: 'gateway', id: port, fd: -1, port }, { address: '192.0.2.80', port });
    const peer = rig.transport.dial({ ip: '192.0.2.80', port });
    peer.write(text);
    rig.run();
    return peer;
  };
  t.equal(dial(31400, 'bytes').takeText(), 'at 192.0.2.1:1');
  t.equal(dial(31401, 'bytes').wasReset, true, 'no rule');
  t.equal(dial(443, clientHello('a.shop.example').toString('latin1')).takeText(), 'at 192.0.2.2:1');
  const unknown = rig.transport.dial({ ip: '192.0.2.80', port: 443 });
  unknown.write(clientHello('shop.example').toString('latin1'));
  rig.advance(2000);
  t.equal(unknown.wasReset, true, 'a name that nobody has');
  t.equal(rig.count('istio_tcp_connections_opened_total', { reporter: 'source', source_workload: 'istio-ingressgateway' }), 2);
});
