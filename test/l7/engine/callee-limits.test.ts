/** What a callee's own rules let its callers have of it together: on its own side, and in the pass of a caller of the same node. */
import t from 'tap';
import type { ClusterConfig, PoolConfig } from '../../../src/l7/config/cluster.ts';
import type { Protocol } from '../../../src/l7/config/workload.ts';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import type { Address } from '../../../src/l7/transport.ts';
import { clusterOf, endpointOf, GATEWAY, get, identityOf, ok, OUTBOUND, podOf, retry, Rig, route } from './rig.ts';

const SERVICE: Address = { ip: '10.96.0.1', port: 80 };
/** Where the callee is reached from outside of the engine. */
const CALLEE: Address = { ip: '10.0.0.1', port: 8081 };
const APPLICATION: Address = { ip: '10.0.0.1', port: 8080 };
const OVERFLOW = 'upstream connect error or disconnect/reset before headers. reset reason: overflow';

interface World {
  readonly rig: Rig;
  readonly peers: MemoryPeer[];
}

/**
 * Two callers of one node, the pod `default/app` and the gateway, of `default/callee` at 10.0.0.1:8080. The memory transport has one
 * network, so connections to the callee's own side come to its port 8081.
 */
function world(pool: PoolConfig, more: { readonly cluster?: Partial<ClusterConfig>; readonly protocol?: Protocol } = {}): World {
  const rig = new Rig();
  const identity = identityOf('callee');
  const protocol = more.protocol ?? 'http';
  const own = (port: number): ClusterConfig =>
    clusterOf(`inbound ${port}`, { name: `inbound|${port}||`, original: { port: port === CALLEE.port ? APPLICATION.port : null }, pool });
  const inbound = {
    8080: { protocol, service: null, cluster: 'inbound 8080' },
    8081: { protocol, service: null, cluster: 'inbound 8081' },
  };
  rig.apply({
    clusters: { web: clusterOf('web', more.cluster), 'inbound 8080': own(8080), 'inbound 8081': own(8081) },
    endpoints: { web: [{ ...endpointOf('10.0.0.1:8080', 'default/callee'), identity }] },
  });
  rig.gateway(route('/', 'web', { retry: null }), route('/retried', 'web'));
  const to = protocol === 'tcp' ? ({ to: 'cluster', protocol, cluster: 'web' } as const) : ({ to: 'host', protocol } as const);
  rig.scope({ 80: { routes: [route('/', 'web', { retry: null })], domains: ['*'] } }, { '10.96.0.1:80': to });
  rig.apply({ workloads: { 'default/app': podOf(), 'default/callee': podOf({ identity, addresses: ['10.0.0.1'], inbound }) } });
  rig.engine.listen(
    { kind: 'outbound', id: 7, fd: -1, workload: 'default/app', netns: 5, cookie: '42' },
    { address: OUTBOUND.ip, port: OUTBOUND.port },
  );
  rig.engine.listen(
    { kind: 'inbound', id: 8, fd: -1, workload: 'default/callee', netns: 6, ownPorts: [15001, 15006, 15008] },
    { address: CALLEE.ip, port: CALLEE.port },
  );
  const peers: MemoryPeer[] = [];
  rig.transport.serve(APPLICATION, (peer) => peers.push(peer));
  return { rig, peers };
}

const busy = (peers: readonly MemoryPeer[]): MemoryPeer[] => peers.filter((peer) => peer.text() !== '' && !peer.ended && !peer.wasReset);

function answer({ rig, peers }: World): void {
  const [peer] = busy(peers);
  peer?.takeText();
  peer?.write(ok('done'));
  rig.run();
}

function fromPod(rig: Rig): MemoryPeer {
  rig.destinations.push(SERVICE);
  return ask(rig, OUTBOUND);
}

const fromGateway = (rig: Rig): MemoryPeer => ask(rig, GATEWAY);
const fromOutside = (rig: Rig): MemoryPeer => ask(rig, CALLEE);

function ask(rig: Rig, to: Address): MemoryPeer {
  const client = rig.transport.dial(to);
  client.write(get('/'));
  rig.run();
  return client;
}

const status = (client: MemoryPeer): string => client.text().slice(9, 12);
const nothingCounted = (rig: Rig): boolean => rig.engine.pools().pools.every(({ waiting, active }) => waiting === 0 && active === 0);

t.test('one request at a time, one more waits, whoever the callers are', async (t) => {
  const all = world({ maxConnections: 1, maxPending: 1 });
  const { rig, peers } = all;
  const first = fromPod(rig);
  const second = fromGateway(rig);
  t.equal(busy(peers).length, 1, 'the second one waits at the callee');
  const third = fromPod(rig);
  t.match(third.text(), new RegExp(`^HTTP/1.1 503 .*\\r\\n(.*\\r\\n)*x-envoy-overloaded: true\\r\\n(.*\\r\\n)*\\r\\n${OVERFLOW}$`));
  t.match(third.text(), /\r\nx-envoy-upstream-service-time: \d+\r\n/, 'a response like any other');
  const flags = (reporter: string): Record<string, string> => ({ reporter, response_code: '503', source_workload: 'app' });
  t.equal(rig.count('istio_requests_total', { ...flags('source'), response_flags: '-' }), 1, 'for the caller it is a response');
  t.equal(rig.count('istio_requests_total', { ...flags('destination'), response_flags: 'UO' }), 1, 'the callee has refused it');
  answer(all);
  t.equal(status(first), '200');
  answer(all);
  t.equal(status(second), '200');
  t.equal(status(fromGateway(rig)), '', 'there is room again');
  answer(all);
  t.ok(nothingCounted(rig));
});

t.test('requests at once; a caller whose own limit is reached first says so itself', async (t) => {
  const all = world({ maxRequests: 1 }, { cluster: { pool: { maxRequests: 1 } } });
  const { rig } = all;
  const first = fromPod(rig);
  t.equal(status(fromPod(rig)), '503');
  t.equal(rig.count('istio_requests_total', { reporter: 'source', source_workload: 'app', response_flags: 'UO' }), 1);
  t.equal(status(fromGateway(rig)), '503');
  t.equal(rig.count('istio_requests_total', { reporter: 'destination', response_flags: 'UO' }), 1, 'of the gateway alone');
  answer(all);
  t.equal(status(first), '200');
});

t.test('who waits at the callee keeps a connection of the caller, and gives both up when the client leaves', async (t) => {
  const all = world({ maxConnections: 1, maxPending: 1 }, { cluster: { pool: { maxConnections: 1, maxPending: 1 } } });
  const { rig, peers } = all;
  const first = fromPod(rig);
  const leaving = fromGateway(rig);
  const behind = fromGateway(rig);
  t.equal(peers.length, 2, 'the second one of the gateway waits for the gateway’s connection');
  t.equal(status(fromGateway(rig)), '503');
  t.equal(rig.count('istio_requests_total', { reporter: 'source', response_flags: 'UO' }), 1, 'by the gateway’s own limit');
  leaving.reset();
  rig.run();
  t.equal(peers.length, 2, 'the connection of the one who left serves the next');
  answer(all);
  t.equal(status(first), '200');
  answer(all);
  t.equal(status(behind), '200');
  t.ok(nothingCounted(rig));
});

t.test('a connection that breaks while its request waits at the callee', async (t) => {
  const all = world({ maxConnections: 1 });
  const { rig, peers } = all;
  const first = fromPod(rig);
  const second = fromGateway(rig);
  peers[1]?.reset();
  rig.run();
  t.equal(status(second), '503');
  const third = fromGateway(rig);
  answer(all);
  t.equal(status(first), '200');
  answer(all);
  t.equal(status(third), '200');
});

t.test('a timeout of the caller ends the wait at the callee', async (t) => {
  const all = world({ maxConnections: 1 });
  const { rig } = all;
  const policy = { timeoutMs: 300, retry: retry({ attempts: 1, perTryTimeoutMs: 100, on: ['reset'] }) };
  rig.apply({
    virtualHosts: { all: { layer: 'gateway', port: 80, name: '*', domains: ['*'], local: null, routes: [route('/', 'web', policy)] } },
  });
  const first = fromPod(rig);
  const second = fromGateway(rig);
  rig.advance(100);
  t.equal(status(second), '', 'a per-try timeout: another attempt waits');
  rig.advance(250);
  t.equal(status(second), '504');
  answer(all);
  t.equal(status(first), '200');
  t.ok(nothingCounted(rig));
});

t.test('the callee’s refusal is retried as a response of its status', async (t) => {
  const all = world({ maxRequests: 1 });
  const { rig } = all;
  const routes = [route('/', 'web', { retry: retry({ attempts: 1, on: ['5xx'] }) })];
  rig.apply({ virtualHosts: { all: { layer: 'gateway', port: 80, name: '*', domains: ['*'], local: null, routes } } });
  fromPod(rig);
  const second = fromGateway(rig);
  t.equal(status(second), '');
  answer(all);
  rig.advance(100);
  answer(all);
  t.equal(status(second), '200');
  t.equal(rig.count('nodeway_retries_total'), 1);
});

t.test('the callee’s own side: the same limits, over all clients', async (t) => {
  const all = world({ maxConnections: 1, maxPending: 1 });
  const { rig, peers } = all;
  const [first, second, third] = [fromOutside(rig), fromOutside(rig), fromOutside(rig)];
  t.equal(peers.length, 1);
  t.match(third.text(), /^HTTP\/1.1 503 [^]*x-envoy-overloaded: true\r\n/);
  t.match(third.text(), /server: istio-envoy\r\n/);
  t.equal(rig.count('istio_requests_total', { reporter: 'destination', response_flags: 'UO' }), 1);
  answer(all);
  answer(all);
  t.same([first, second].map(status), ['200', '200']);
  t.equal(peers.length, 1, 'over one connection');
});

t.test('what is said of connections holds on the callee’s own side', async (t) => {
  const all = world({ maxRequestsPerConnection: 1 });
  const { rig, peers } = all;
  for (let i = 0; i < 2; i++) {
    const client = fromOutside(rig);
    answer(all);
    t.equal(status(client), '200');
  }
  t.equal(peers.length, 2);
});

t.test('other bytes: connections at once, of both ways in', async (t) => {
  const { rig, peers } = world({ maxConnections: 1, maxPending: 1 }, { protocol: 'tcp' });
  const dial = (to: Address): MemoryPeer => {
    if (to === OUTBOUND) rig.destinations.push(SERVICE);
    const client = rig.transport.dial(to);
    client.write('x');
    rig.run();
    return client;
  };
  const first = dial(OUTBOUND);
  t.equal(peers.length, 1);
  const waiting = dial(OUTBOUND);
  t.equal(peers.length, 1, 'waits with what it has sent');
  t.ok(dial(OUTBOUND).wasReset, 'nobody else may wait');
  first.end();
  peers[0]?.end();
  rig.run();
  t.equal(peers.length, 2);
  t.equal(peers[1]?.text(), 'x');
  waiting.reset();
  rig.run();
  dial(OUTBOUND);
  t.equal(peers.length, 3, 'all is given back');
});

t.test('an endpoint whose pod’s own side is to be passed has another mark, and is nobody’s of this pass', async (t) => {
  const marks: number[] = [];
  const rig = new Rig({ mark: 40 });
  const { local: _, ...endpoint } = endpointOf('10.0.0.1:8080');
  rig.apply({ clusters: { web: clusterOf('web') }, endpoints: { web: [{ ...endpoint, local: null, twoSided: 'default/callee' }] } });
  rig.cluster('plain', ['10.0.0.2:8080']).gateway(route('/plain', 'plain'), route('/', 'web'));
  rig.apply({ workloads: { 'default/callee': podOf({ identity: identityOf('callee'), addresses: ['10.0.0.1'] }) } });
  for (const ip of ['10.0.0.1', '10.0.0.2']) {
    rig.transport.serve({ ip, port: 8080 }, (peer, options) => {
      marks.push(options.mark);
      rig.transport.defer(() => peer.write(ok('x')));
    });
  }
  rig.ask(get('/'));
  rig.ask(get('/plain'));
  t.same(marks, [41, 40]);
  t.equal(rig.count('istio_requests_total', { reporter: 'destination' }), 0);
});
