/** What clients may use of a cluster (Istio's connectionPool), as requests and connections see it; two engines are two workers. */
import t from 'tap';
import type { PoolConfig } from '../../../src/l7/config/cluster.ts';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import { Ledger, type LedgerMemory, Resource } from '../../../src/l7/upstream/ledger.ts';
import { clusterOf, endpointOf, GATEWAY, get, ok, OUTBOUND, Rig, retry, route } from './rig.ts';

const ENDPOINT = '10.0.0.1:80';
const OVERFLOW = 'upstream connect error or disconnect/reset before headers. reset reason: overflow';

function gatewayRig(pool: PoolConfig, ledger?: Ledger): Rig {
  const rig = new Rig(ledger === undefined ? {} : { ledger });
  rig.cluster('slow', [ENDPOINT], { pool }).cluster('fast', ['10.0.0.2:80']);
  return rig.gateway(route('/fast', 'fast'), route('/', 'slow', { retry: null }));
}

/** Holds every request until it is told to answer. */
class Server {
  readonly peers: MemoryPeer[] = [];

  constructor(rig: Rig, ip = '10.0.0.1') {
    rig.transport.serve({ ip, port: 80 }, (peer) => this.peers.push(peer));
  }

  get busy(): MemoryPeer[] {
    return this.peers.filter((peer) => peer.text() !== '' && !peer.ended && !peer.wasReset);
  }

  get open(): number {
    return this.peers.filter((peer) => !peer.ended && !peer.wasReset).length;
  }

  answer(text = ok('done')): void {
    const [peer] = this.busy;
    peer?.takeText();
    peer?.write(text);
  }
}

function ask(rig: Rig, path = '/'): MemoryPeer {
  const client = rig.transport.dial(GATEWAY);
  client.write(get(path));
  rig.run();
  return client;
}

const status = (client: MemoryPeer): string => client.text().slice(9, 12);
/** Bells are heard in a later turn of the event loop. */
const bells = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

t.test('one connection and one pending: a third request overflows, as in Envoy; another service is untouched', async (t) => {
  const rig = gatewayRig({ maxConnections: 1, maxPending: 1 });
  const server = new Server(rig);
  rig.serve('10.0.0.2:80', () => ok('fast'));
  const [first, second, third] = [ask(rig), ask(rig), ask(rig)];
  t.equal(status(first) + status(second), '');
  t.match(third.text(), new RegExp(`^HTTP/1.1 503 .*\\r\\n(.*\\r\\n)*x-envoy-overloaded: true\\r\\n(.*\\r\\n)*\\r\\n${OVERFLOW}$`));
  t.equal(rig.count('istio_requests_total', { response_code: '503', response_flags: 'UO' }), 1);
  t.equal(rig.count('nodeway_overflows_total', { limit: 'pending' }), 1);
  t.equal(rig.count('nodeway_overflows_total', { limit: 'connections' }), 1);
  t.equal(status(ask(rig, '/fast')), '200');
  server.answer();
  rig.run();
  t.equal(status(first), '200');
  server.answer();
  rig.run();
  t.equal(status(second), '200');
  t.equal(server.peers.length, 1, 'over one connection');
});

t.test('a request whose connection is being opened is pending', async (t) => {
  const rig = gatewayRig({ maxPending: 1 });
  const server = new Server(rig);
  const clients = [0, 1, 2].map(() => rig.transport.dial(GATEWAY));
  for (const client of clients) client.write(get('/'));
  rig.run();
  t.same(clients.map(status).sort(), ['', '503', '503']);
  t.equal(server.peers.length, 1);
  t.equal(status(ask(rig)), '', 'once it is established, another one may be pending');
  t.equal(server.peers.length, 2);
});

t.test('requests at once, over any number of connections', async (t) => {
  const rig = gatewayRig({ maxRequests: 2 });
  const server = new Server(rig);
  const clients = [ask(rig), ask(rig), ask(rig)];
  t.same(clients.map(status), ['', '', '503']);
  server.answer();
  rig.run();
  t.equal(status(ask(rig)), '', 'on the kept connection');
  t.equal(status(ask(rig)), '503');
  t.equal(rig.count('nodeway_overflows_total', { limit: 'requests' }), 2);
});

t.test('a client that leaves gives its place up, in the queue and at the endpoint', async (t) => {
  const rig = gatewayRig({ maxConnections: 1, maxPending: 1 });
  const server = new Server(rig);
  const [first, second] = [ask(rig), ask(rig)];
  second.reset();
  rig.run();
  const third = ask(rig);
  t.equal(status(third), '', 'waits in the place of the one who left');
  first.reset();
  rig.run();
  server.answer();
  rig.run();
  t.equal(status(third), '200');
});

t.test('retries at once: the response goes through, with the flag', async (t) => {
  const rig = new Rig();
  rig.cluster('slow', [ENDPOINT], { pool: { maxRetries: 1 } }).gateway(route('/', 'slow', { retry: retry({ attempts: 1 }) }));
  const server = new Server(rig);
  const clients = [ask(rig), ask(rig)];
  const failed = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n';
  server.answer(failed);
  server.answer(failed);
  rig.run();
  t.same(clients.map(status).sort(), ['', '503']);
  t.equal(rig.count('istio_requests_total', { response_code: '503', response_flags: 'UO' }), 1);
  rig.advance(1000);
  server.answer();
  rig.run();
  t.same(clients.map(status).sort(), ['200', '503']);
  t.equal(rig.count('nodeway_overflows_total', { limit: 'retries' }), 1);
});

t.test('a retry budget is a share of the requests, and at least some', async (t) => {
  const rig = new Rig();
  const pool = { retryBudget: { percent: 50, minConcurrency: 1 } };
  rig.cluster('slow', [ENDPOINT], { pool }).gateway(route('/', 'slow', { retry: retry({ attempts: 1 }) }));
  const server = new Server(rig);
  const clients = Array.from({ length: 8 }, () => ask(rig));
  for (let i = 0; i < 8; i++) server.answer('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n');
  rig.run();
  const refused = clients.filter((client) => status(client) === '503').length;
  t.ok(refused > 0 && refused < 8, `${refused} of 8 are not sent again`);
});

t.test('a retry budget with an interval counts requests that are over, too', async (t) => {
  for (const [intervalMs, retried] of [
    [undefined, 1],
    [60_000, 4],
  ] as const) {
    const rig = new Rig();
    const pool = { retryBudget: { percent: 50, minConcurrency: 1, ...(intervalMs !== undefined && { intervalMs }) } };
    rig.cluster('slow', [ENDPOINT], { pool }).gateway(route('/', 'slow', { retry: retry({ attempts: 1, backoffMs: 60_000 }) }));
    const server = new Server(rig);
    for (let i = 0; i < 8; i++) {
      ask(rig);
      server.answer('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n');
      rig.run();
    }
    t.equal(8 - rig.count('nodeway_overflows_total', { limit: 'retries' }), retried);
  }
});

t.test('requests per connection, age and idleness end connections', async (t) => {
  for (const [pool, wait, connections] of [
    [{ maxRequestsPerConnection: 1 }, 0, 3],
    [{ maxRequestsPerConnection: 2 }, 0, 2],
    [{ idleTimeoutMs: 500 }, 600, 3],
    [{ idleTimeoutMs: 500 }, 300, 1],
    [{ idleTimeoutMs: 0 }, 7_200_000, 1],
    [{ maxConnectionMs: 500 }, 300, 2],
    [{}, 7_200_000, 3],
  ] as const) {
    const rig = gatewayRig(pool);
    const up = rig.serve(ENDPOINT, () => ok('done'));
    for (let i = 0; i < 3; i++) {
      t.equal(status(ask(rig)), '200');
      rig.advance(wait);
    }
    t.equal(up.connections.length, connections, `${JSON.stringify(pool)} and ${wait} ms between requests`);
  }
});

t.test('a connection that is too old still ends the request that it carries', async (t) => {
  const rig = gatewayRig({ maxConnectionMs: 500 });
  const server = new Server(rig);
  const client = ask(rig);
  rig.advance(1000);
  server.answer();
  rig.run();
  t.equal(status(client), '200');
  t.equal(server.open, 0);
});

/** Two workers of one agent: what they count, they count together. */
function workers(pool: PoolConfig): { readonly rigs: [Rig, Rig]; readonly servers: [Server, Server]; readonly memory: LedgerMemory } {
  const memory = Ledger.memory(2, 64);
  const rigs: [Rig, Rig] = [gatewayRig(pool, new Ledger(memory, 0)), gatewayRig(pool, new Ledger(memory, 1))];
  return { rigs, servers: [new Server(rigs[0]), new Server(rigs[1])], memory };
}

t.test('limits hold across workers, and who waits in one is served when another frees a connection', async (t) => {
  const { rigs, servers } = workers({ maxConnections: 1, maxPending: 1 });
  const [a, b] = rigs;
  const first = ask(a);
  const second = ask(b);
  t.equal(servers[1].peers.length, 0, 'waits');
  t.same([status(ask(a)), status(ask(b))], ['503', '503'], 'nobody else may wait');
  servers[0].answer();
  a.run();
  t.equal(status(first), '200');
  t.equal(servers[0].open, 0, 'the connection was given up for the one who waits');
  await bells();
  b.run();
  t.equal(servers[1].open, 1);
  servers[1].answer();
  b.run();
  t.equal(status(second), '200');
});

t.test('an idle connection of one worker is given up for a request of another', async (t) => {
  const { rigs, servers } = workers({ maxConnections: 1 });
  const [a, b] = rigs;
  const first = ask(a);
  servers[0].answer();
  a.run();
  t.equal(status(first), '200');
  t.equal(servers[0].open, 1);
  const second = ask(b);
  await bells();
  a.run();
  t.equal(servers[0].open, 0);
  await bells();
  b.run();
  servers[1].answer();
  b.run();
  t.equal(status(second), '200');
});

t.test('what a worker that is gone had counted is given back', async (t) => {
  const { rigs, servers, memory } = workers({ maxConnections: 1, maxPending: 1 });
  const [a, b] = rigs;
  ask(a);
  const waiting = ask(b);
  t.equal(servers[1].peers.length, 0);
  new Ledger(memory, -1).forget(0);
  await bells();
  b.run();
  servers[1].answer();
  b.run();
  t.equal(status(waiting), '200');
});

t.test('other bytes: connections count, one more waits with what it has sent, and leaves when it is closed', async (t) => {
  const rig = new Rig().cluster('db', ['10.0.0.1:80'], { pool: { maxConnections: 1, maxPending: 1 } });
  rig.scope({}, { '10.96.0.2:3306': { to: 'cluster', protocol: 'tcp', cluster: 'db' } });
  rig.engine.listen(
    { kind: 'outbound', id: 7, fd: -1, workload: 'default/app', netns: 5, cookie: '42' },
    { address: OUTBOUND.ip, port: OUTBOUND.port },
  );
  const server = new Server(rig);
  const dial = (text: string): MemoryPeer => {
    rig.destinations.push({ ip: '10.96.0.2', port: 3306 });
    const client = rig.transport.dial(OUTBOUND);
    client.write(text);
    rig.run();
    return client;
  };
  const first = dial('one');
  const leaving = dial('two');
  t.ok(dial('three').wasReset, 'nobody else may wait');
  leaving.reset();
  rig.run();
  const second = dial('four');
  t.equal(server.peers.length, 1);
  first.end();
  rig.run();
  server.peers[0]?.end();
  rig.run();
  t.same(
    server.peers.map((peer) => peer.text()),
    ['one', 'four'],
  );
  server.peers[1]?.write('hello');
  rig.run();
  t.equal(second.text(), 'hello');
});

t.test('a tunnel ends when it is too old', async (t) => {
  const rig = new Rig().cluster('db', ['10.0.0.1:80'], { pool: { maxConnectionMs: 1000 } });
  rig.scope({}, { '10.96.0.2:3306': { to: 'cluster', protocol: 'tcp', cluster: 'db' } });
  rig.engine.listen(
    { kind: 'outbound', id: 7, fd: -1, workload: 'default/app', netns: 5, cookie: '42' },
    { address: OUTBOUND.ip, port: OUTBOUND.port },
  );
  const server = new Server(rig);
  rig.destinations.push({ ip: '10.96.0.2', port: 3306 });
  const client = rig.transport.dial(OUTBOUND);
  client.write('x');
  rig.advance(500);
  t.equal(server.open, 1);
  rig.advance(600);
  t.ok(client.ended && server.open === 0);
});

t.test('an upgraded connection counts until it is closed', async (t) => {
  const rig = gatewayRig({ maxConnections: 1, maxPending: 1 });
  const server = new Server(rig);
  const socket = rig.transport.dial(GATEWAY);
  socket.write(get('/', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'));
  rig.run();
  server.answer('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  rig.run();
  const waiting = ask(rig);
  t.equal(server.peers.length, 1);
  socket.end();
  server.peers[0]?.end();
  rig.run();
  server.answer();
  rig.run();
  t.equal(status(waiting), '200');
});

t.test('when all is over nothing is counted', async (t) => {
  const memory = Ledger.memory(1, 64);
  const ledger = new Ledger(memory, 0);
  const rig = gatewayRig({ maxConnections: 1, maxPending: 2, maxRequests: 5, maxRetries: 1 }, ledger);
  const server = new Server(rig);
  const clients = [ask(rig), ask(rig), ask(rig), ask(rig)];
  clients[1]?.reset();
  for (let i = 0; i < 4; i++) {
    server.answer();
    rig.run();
  }
  rig.advance(4_000_000);
  const row = ledger.attach('gateway\nslow');
  t.same(
    Object.values(Resource).map((resource) => ledger.total(row, resource)),
    [0, 0, 0, 0],
  );
});

t.test('a limit that becomes lower than what is open: idle connections go, and busy ones when they are done', async (t) => {
  const rig = gatewayRig({ maxConnections: 10 });
  const server = new Server(rig);
  for (let i = 0; i < 4; i++) ask(rig);
  server.answer();
  server.answer();
  rig.run();
  t.equal(server.open, 4, 'two of them are busy');
  rig.apply({ clusters: { slow: clusterOf('slow', { pool: { maxConnections: 1, maxPending: 1 } }) } });
  ask(rig);
  t.equal(server.open, 2);
  server.answer();
  rig.run();
  t.equal(server.open, 1);
  server.answer();
  rig.run();
  t.equal(server.open, 1, 'that of the one who waited');
});

t.test('who waits for an endpoint that goes meanwhile gets another one', async (t) => {
  const rig = gatewayRig({ maxConnections: 1, maxPending: 1 });
  const server = new Server(rig);
  const other = new Server(rig, '10.0.0.3');
  ask(rig);
  const waiting = rig.transport.dial(GATEWAY);
  waiting.write('POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 2\r\n\r\nhi');
  rig.run();
  rig.apply({ endpoints: { slow: [endpointOf('10.0.0.3:80')] } });
  server.answer();
  rig.run();
  t.match(other.peers[0]?.text(), /^POST [^]*\r\n\r\nhi$/);
  other.answer();
  rig.run();
  t.equal(status(waiting), '200');
});
