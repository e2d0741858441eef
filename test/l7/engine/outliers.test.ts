/** Ejection of endpoints that fail (Istio's outlierDetection), as requests and connections see it. */
import t from 'tap';
import type { BalancerConfig, OutlierConfig } from '../../../src/l7/config/cluster.ts';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import { Ledger } from '../../../src/l7/upstream/ledger.ts';
import { endpointOf, GATEWAY, get, OUTBOUND, ok, podOf, Rig, retry, route, type UpstreamLog } from './rig.ts';

const A = '10.0.0.1:80';
const B = '10.0.0.2:80';
const OUTLIERS: OutlierConfig = {
  consecutive5xx: 2,
  consecutiveGateway: 0,
  split: false,
  consecutiveLocal: 5,
  intervalMs: 1000,
  baseEjectionMs: 3000,
  maxEjectionPercent: 100,
  minHealthPercent: 0,
};

interface Scene {
  readonly rig: Rig;
  readonly a: UpstreamLog;
  readonly b: UpstreamLog;
}

const answer = (status: number): string => `HTTP/1.1 ${status} Said\r\nContent-Length: 0\r\n\r\n`;

/** Two endpoints in turn; the first one answers as it is told. */
function scene(more: Partial<OutlierConfig>, said: () => string | null, action: Parameters<typeof route>[2] = {}, ledger?: Ledger): Scene {
  const rig = new Rig(ledger === undefined ? {} : { ledger });
  rig.cluster('shop', [A, B], { outliers: { ...OUTLIERS, ...more } }).gateway(route('/', 'shop', action));
  return { rig, a: rig.serve(A, said), b: rig.serve(B, () => ok('b')) };
}

const statusOf = (text: string): number => Number(text.slice(9, 12));
const ask = (rig: Rig, times: number): number[] => Array.from({ length: times }, () => statusOf(rig.ask(get('/'))));
const errors = (statuses: readonly number[]): number => statuses.filter((status) => status >= 500).length;

t.test('an endpoint with errors in succession gets nothing until it recovers', async (t) => {
  let status = 500;
  const { rig, a } = scene({}, () => answer(status));
  t.equal(errors(ask(rig, 10)), 2);
  t.equal(a.requests.length, 2);
  t.equal(rig.count('nodeway_ejections_total', { cause: '5xx' }), 1);
  status = 200;
  rig.advance(2000);
  ask(rig, 6);
  t.equal(a.requests.length, 2, 'not yet');
  rig.advance(1100);
  t.equal(errors(ask(rig, 6)), 0);
  t.equal(a.requests.length, 5);
  t.equal(rig.count('nodeway_ejections_ended_total'), 1);
});

t.test('a success between errors sets the count to zero', async (t) => {
  let nth = 0;
  const { rig, a } = scene({}, () => answer(nth++ % 2 === 0 ? 500 : 200));
  ask(rig, 20);
  t.equal(a.requests.length, 10);
});

t.test('no connection, a reset and no answer in time are errors; an overflow and a client that leaves are none', async (t) => {
  const dead = new Rig().cluster('shop', [A, B], { outliers: OUTLIERS }).gateway(route('/', 'shop'));
  dead.serve(B, () => ok('b'));
  t.equal(errors(ask(dead, 10)), 2, 'nobody listens');
  const reset = scene({}, () => {
    for (const peer of reset.a.connections) if (!peer.wasReset && !peer.ended) peer.reset();
    return null;
  });
  t.equal(errors(ask(reset.rig, 10)), 2, 'resets');
  const slow = scene({}, () => null, { timeoutMs: 100 });
  for (let i = 0; i < 6; i++) {
    slow.rig.ask(get('/'));
    slow.rig.advance(200);
  }
  t.equal(slow.a.requests.length, 2, 'timeouts');
  const left = scene({ consecutive5xx: 1 }, () => null);
  for (let i = 0; i < 6; i++) {
    const client = left.rig.transport.dial({ ip: '192.0.2.80', port: 80 });
    client.write(get('/'));
    left.rig.run();
    client.reset();
    left.rig.run();
  }
  t.equal(left.a.requests.length, 3, 'clients that leave');
});

t.test('gateway errors, and failures of the own side by themselves', async (t) => {
  const only = { consecutive5xx: 0, consecutiveGateway: 2 };
  t.equal(errors(ask(scene(only, () => answer(500)).rig, 10)), 5, '500 is none');
  t.equal(errors(ask(scene(only, () => answer(502)).rig, 10)), 2);
  const split = { split: true, consecutive5xx: 0, consecutiveLocal: 2 };
  t.equal(errors(ask(scene(split, () => answer(503)).rig, 10)), 5, 'a status is not of the own side');
  const dead = new Rig().cluster('shop', [A, B], { outliers: { ...OUTLIERS, ...split } }).gateway(route('/', 'shop'));
  dead.serve(B, () => ok('b'));
  t.equal(errors(ask(dead, 10)), 2);
});

t.test('rules that name the statuses of errors: others are none, and one below 500 is an error, not one of gateways', async (t) => {
  const named = { errorStatuses: [429, 503] };
  const failed = (more: Partial<OutlierConfig>, status: number): number =>
    ask(scene(more, () => answer(status)).rig, 10).filter((one) => one === status).length;
  t.equal(failed(named, 429), 2);
  t.equal(failed(named, 500), 5);
  const gateway = { ...named, consecutive5xx: 0, consecutiveGateway: 2 };
  t.equal(failed(gateway, 429), 5);
  t.equal(failed(gateway, 503), 2);
});

t.test('an error of gRPC counts by its status', async (t) => {
  const { rig, a } = scene({}, () => 'HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\ngrpc-status: 14\r\nContent-Length: 0\r\n\r\n');
  ask(rig, 10);
  t.equal(a.requests.length, 2);
});

t.test('all are ejected: no healthy upstream; with a threshold all are used again', async (t) => {
  for (const [minHealthPercent, status] of [
    [0, 503],
    [50, 500],
  ] as const) {
    const rig = new Rig()
      .cluster('shop', [A, B], { outliers: { ...OUTLIERS, consecutive5xx: 1, minHealthPercent } })
      .gateway(route('/', 'shop'));
    for (const address of [A, B]) rig.serve(address, () => answer(500));
    t.same(ask(rig, 2), [500, 500]);
    const text = rig.ask(get('/'));
    t.equal(statusOf(text), status);
    if (status === 503) t.match(text, /no healthy upstream$/);
    t.equal(rig.count('istio_requests_total', { response_flags: 'UH' }), status === 503 ? 1 : 0);
  }
});

t.test('a request whose kept connection turns out dead is not sent again to an endpoint that is ejected meanwhile', async (t) => {
  const rig = new Rig().cluster('shop', [A], { outliers: { ...OUTLIERS, consecutive5xx: 1 } }).gateway(route('/', 'shop', { retry: null }));
  const peers: MemoryPeer[] = [];
  rig.transport.serve({ ip: '10.0.0.1', port: 80 }, (peer) => peers.push(peer));
  rig.serve(B, () => ok('b'));
  const clients = [0, 1].map(() => rig.transport.dial(GATEWAY));
  const askAll = (): void => {
    for (const client of clients) client.write(get('/'));
    rig.run();
  };
  askAll();
  for (const peer of peers) peer.write(ok('a'));
  rig.run();
  for (const client of clients) t.equal(statusOf(client.takeText()), 200);
  askAll();
  rig.apply({ endpoints: { shop: [endpointOf(A), endpointOf(B)] } });
  peers[0]?.write(answer(500));
  rig.run();
  peers[1]?.reset();
  rig.run();
  t.same(
    clients.map((client) => statusOf(client.text())).toSorted((a, b) => a - b),
    [200, 500],
  );
  t.match(clients.map((client) => client.text()).join(), /\r\n\r\nb/);
  t.equal(peers.length, 2, 'no further connection to it');
});

t.test('no more than the percentage are ejected', async (t) => {
  const { rig, a } = scene({ maxEjectionPercent: 49 }, () => answer(500));
  t.equal(errors(ask(rig, 10)), 5);
  t.equal(a.requests.length, 5);
  t.equal(rig.count('nodeway_ejections_refused_total'), 2);
});

t.test('retries go to nobody who is ejected, and consistent hashing passes over', async (t) => {
  const { rig, a, b } = scene({ consecutive5xx: 1 }, () => answer(500), { retry: retry({ attempts: 3 }) });
  const clients = Array.from({ length: 6 }, () => {
    const client = rig.transport.dial({ ip: '192.0.2.80', port: 80 });
    client.write(get('/'));
    rig.run();
    return client;
  });
  rig.advance(1000);
  t.ok(clients.every((client) => statusOf(client.text()) === 200));
  t.equal(a.requests.length, 1);
  t.equal(b.requests.length, 6);
  const key = { kind: 'header', name: 'x-user' } as const;
  const hashes: BalancerConfig[] = [
    { kind: 'ring-hash', minimumRingSize: 64, key },
    { kind: 'maglev', tableSize: 101, key },
  ];
  for (const balancer of hashes) {
    const hashed = new Rig()
      .cluster('shop', [A, B], { balancer, outliers: { ...OUTLIERS, consecutive5xx: 1 } })
      .gateway(route('/', 'shop'));
    const logs = [A, B].map((address) => hashed.serve(address, () => answer(500)));
    for (let i = 0; i < 4; i++) hashed.ask(get('/', 'x-user: me\r\n'));
    t.same(
      logs.map(({ requests }) => requests.length),
      [1, 1],
      balancer.kind,
    );
  }
});

t.test('clients judge for themselves, and workers of one client together', async (t) => {
  const memory = Ledger.memory(2, 64);
  const one = scene({}, () => answer(500), {}, new Ledger(memory, 0));
  const two = scene({}, () => answer(500), {}, new Ledger(memory, 1));
  ask(one.rig, 2);
  ask(two.rig, 2);
  t.equal(one.a.requests.length + two.a.requests.length, 2, 'an error in each');
  ask(one.rig, 6);
  ask(two.rig, 6);
  t.equal(one.a.requests.length + two.a.requests.length, 2);
});

t.test('other bytes: an endpoint to which there is no connection', async (t) => {
  const rig = new Rig().cluster('db', [A, B], { outliers: OUTLIERS });
  rig.scope({}, { '10.96.0.2:3306': { to: 'cluster', protocol: 'tcp', cluster: 'db' } });
  rig.engine.listen(
    { kind: 'outbound', id: 7, fd: -1, workload: 'default/app', netns: 5, cookie: '42' },
    { address: OUTBOUND.ip, port: OUTBOUND.port },
  );
  rig.transport.serve({ ip: '10.0.0.2', port: 80 }, (peer) => peer.write('hello'));
  const dial = (): MemoryPeer => {
    rig.destinations.push({ ip: '10.96.0.2', port: 3306 });
    const client = rig.transport.dial(OUTBOUND);
    client.write('x');
    rig.run();
    return client;
  };
  const clients = Array.from({ length: 10 }, dial);
  t.equal(clients.filter((client) => client.text() !== 'hello').length, 2);
});

t.test('the source address of a captured connection is that of its pod', async (t) => {
  const seen = new Set<string>();
  for (const pod of ['10.0.9.1', '10.0.9.2', '10.0.9.3', '10.0.9.4', '10.0.9.5', '10.0.9.6']) {
    const balancer: BalancerConfig = { kind: 'maglev', tableSize: 101, key: { kind: 'source-address' } };
    const rig = new Rig().cluster('db', [A, B], { balancer });
    rig.scope({}, { '10.96.0.2:3306': { to: 'cluster', protocol: 'tcp', cluster: 'db' } });
    rig.apply({ workloads: { 'default/app': podOf({ addresses: [pod] }) } });
    rig.engine.listen(
      { kind: 'outbound', id: 7, fd: -1, workload: 'default/app', netns: 5, cookie: '42' },
      { address: OUTBOUND.ip, port: OUTBOUND.port },
    );
    for (const ip of ['10.0.0.1', '10.0.0.2']) rig.transport.serve({ ip, port: 80 }, (peer) => peer.write(ip));
    rig.destinations.push({ ip: '10.96.0.2', port: 3306 });
    const client = rig.transport.dial(OUTBOUND, { ip: '127.0.0.1', port: 40_000 });
    client.write('x');
    rig.run();
    seen.add(client.text());
  }
  t.equal(seen.size, 2, 'pods are spread');
});
