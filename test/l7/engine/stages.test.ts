/** Stages that wait, that see the response and the end, and that are the callee's: in the caller's pass and on its own inbound side. */
import t from 'tap';
import type { CalleeCall } from '../../../src/l7/exchange/callee-call.ts';
import type { Exchange, ExchangeStack } from '../../../src/l7/exchange/exchange.ts';
import { type CalleeStage, type RequestStage, Verdict } from '../../../src/l7/exchange/stage.ts';
import { Flag, OUTCOME } from '../../../src/l7/message/outcome.ts';
import { literal, NOTHING } from '../../../src/l7/message/wire-text.ts';
import { STACKS, type Stacks } from '../../../src/l7/stack.ts';
import { endpointOf, GATEWAY, get, identityOf, ok, OUTBOUND, POD, podOf, retry, Rig, route } from './rig.ts';

const DENIED = { outcome: { ...OUTCOME.blocked, status: 403, flags: 0 }, status: 403, body: 'denied', lines: NOTHING };

/** All three sides with these stages more, in front of the others. */
function stacksWith(more: Partial<{ request: RequestStage<Exchange>; callee: CalleeStage<CalleeCall> }>): Stacks {
  const extend = (stack: ExchangeStack): ExchangeStack => ({
    ...stack,
    request: [...(more.request === undefined ? [] : [more.request]), ...stack.request],
    callee: [...(more.callee === undefined ? [] : [more.callee]), ...stack.callee],
  });
  return { outbound: extend(STACKS.outbound), gateway: extend(STACKS.gateway), inbound: extend(STACKS.inbound) };
}

/** A stage that waits until it is told to go on. */
function waiting(): { readonly stage: RequestStage<Exchange>; readonly held: Exchange[]; cancelled: number } {
  const held: Exchange[] = [];
  const state = {
    held,
    cancelled: 0,
    stage: {
      name: 'wait',
      run(exchange: Exchange) {
        held.push(exchange);
        return exchange.hold({ cancel: () => void state.cancelled++ });
      },
    },
  };
  return state;
}

t.test('a stage waits: nothing is sent meanwhile, then the request goes on with its body whole', async (t) => {
  const wait = waiting();
  const rig = new Rig({ stacks: stacksWith({ request: wait.stage }) }).cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const up = rig.serve('10.0.0.1:80', () => ok('fine'));
  const client = rig.transport.dial(GATEWAY);
  client.write('POST /held HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\n01234');
  rig.run();
  // Other requests are parsed into the same head while this one waits.
  const other = rig.transport.dial(GATEWAY);
  other.write(get('/other', 'X-Other: 1\r\n'));
  rig.run();
  t.equal(up.connections.length, 0);
  wait.held[0]?.resume();
  rig.run();
  client.write('56789');
  rig.run();
  t.match(
    up.requests[0],
    /^POST \/held HTTP\/1\.1\r\nHost: shop\r\nContent-Length: 10\r\nx-envoy-attempt-count: 1\r\n[^]*\r\n\r\n0123456789$/,
  );
  t.match(client.text(), /fine$/);
  wait.held[1]?.resume();
  rig.run();
  t.match(other.text(), /fine$/);
  wait.held[0]?.resume();
  t.equal(up.requests.length, 2, 'a second resumption does nothing');
});

t.test('a long body stops its client while a stage waits, and arrives whole', async (t) => {
  const wait = waiting();
  const rig = new Rig({ stacks: stacksWith({ request: wait.stage }) }).cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const up = rig.serve('10.0.0.1:80', (request) => ok(String(request.length)));
  const body = Array.from({ length: 400_000 }, (_, i) => String.fromCharCode(97 + (i % 26))).join('');
  const client = rig.transport.dial(GATEWAY);
  client.write(`POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  rig.run();
  t.ok(client.outgoing.length > 200_000, 'most of it has not been read');
  wait.held[0]?.resume();
  rig.run();
  t.ok(up.requests[0]?.endsWith(`\r\n\r\n${body}`));
});

t.test('a client that leaves while a stage waits: the stage is told, once, and the exchange recorded', async (t) => {
  const wait = waiting();
  const rig = new Rig({ stacks: stacksWith({ request: wait.stage }) }).cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const client = rig.transport.dial(GATEWAY);
  client.write(get('/'));
  rig.run();
  client.reset();
  rig.run();
  t.equal(wait.cancelled, 1);
  wait.held[0]?.resume();
  wait.held[0]?.refuse(DENIED);
  rig.run();
  t.equal(rig.transport.connections, 0);
  t.equal(rig.count('istio_requests_total'), 1);
  t.equal(rig.count('istio_requests_total', { response_flags: 'DC' }), 1);
});

t.test('a stage that has waited refuses', async (t) => {
  const wait = waiting();
  const rig = new Rig({ stacks: stacksWith({ request: wait.stage }) }).cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const client = rig.transport.dial(GATEWAY);
  client.write(get('/'));
  rig.run();
  wait.held[0]?.refuse(DENIED);
  rig.run();
  t.match(client.text(), /^HTTP\/1\.1 403 [^]*denied$/);
});

t.test('a client that stopped reading while a stage waited: the stream that is there later is stopped, too', async (t) => {
  const held: Exchange[] = [];
  const stage: RequestStage<Exchange> = {
    name: 'wait for one path',
    run(exchange) {
      if (exchange.head.path() !== '/held') return Verdict.Next;
      held.push(exchange);
      return exchange.hold({ cancel: () => undefined });
    },
  };
  const elsewhere = {
    ...route('/elsewhere', 'a'),
    action: { kind: 'redirect', code: 301, path: literal(`/${'long'.repeat(100)}`) } as const,
  };
  const rig = new Rig({ stacks: stacksWith({ request: stage }) }).cluster('a', ['10.0.0.1:80']).gateway(elsewhere, route('/held', 'a'));
  const size = 4 << 20;
  const up = rig.serve('10.0.0.1:80', () => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n`);
  const client = rig.transport.dial(GATEWAY);
  client.pause(0);
  // The answers of one read are more than the transport likes to keep; it says so in the next turn, when the last request waits already.
  client.write(get('/elsewhere').repeat(1000) + get('/held'));
  rig.run();
  t.equal(held.length, 1);
  held[0]?.resume();
  rig.run();
  const server = up.connections[0];
  server?.write(Buffer.alloc(size, 120));
  rig.run();
  t.ok((server?.outgoing.length ?? 0) > size / 2, 'most of it still waits at the server');
  client.resume();
  server?.write('\r\n0\r\n\r\n');
  for (let i = 0; i < 20; i++) rig.run();
  t.ok(client.text().endsWith('\r\n0\r\n\r\n'));
});

t.test('a stage that comes back late does nothing to the next request of the connection', async (t) => {
  const seen: Exchange[] = [];
  const stage: RequestStage<Exchange> = {
    name: 'wait for the first two',
    run(exchange) {
      seen.push(exchange);
      return seen.length <= 2 ? exchange.hold({ cancel: () => undefined }) : Verdict.Next;
    },
  };
  const rig = new Rig({ stacks: stacksWith({ request: stage }) }).cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  rig.serve('10.0.0.1:80', (request) => ok(request.slice(5, 6)));
  const client = rig.transport.dial(GATEWAY);
  for (const path of ['1', '2', '3', '4']) {
    client.write(get(`/${path}`));
    rig.run();
    if (path === '2') {
      seen[0]?.resume();
      seen[0]?.refuse(DENIED);
    }
    if (path < '3') seen.at(-1)?.resume();
    rig.run();
  }
  t.strictSame(client.text().match(/\r\n\r\n\d/g), ['\r\n\r\n1', '\r\n\r\n2', '\r\n\r\n3', '\r\n\r\n4']);
  t.notMatch(client.text(), /denied/);
  t.not(seen[0], seen[1], 'somebody holds it: the next request has another object');
  t.equal(seen[2], seen[3], 'nobody holds it: it serves the next request');
});

/** A pod that calls `callee`, which is enrolled on the same node. */
function twoPods(callee: CalleeStage<CalleeCall>, retryOn: '5xx' | null = null): Rig {
  const rig = new Rig({ stacks: stacksWith({ callee }) }).cluster('web', []);
  const identity = identityOf('callee');
  rig.scope(
    { 80: { routes: [route('/', 'web', { retry: retryOn === null ? null : retry({ on: [retryOn] }) })], domains: ['web'] } },
    { '10.96.0.1:80': { to: 'cluster', protocol: 'http', cluster: 'web' } },
  );
  rig.apply({
    endpoints: { web: [{ ...endpointOf('10.0.0.1:8080', 'default/callee'), identity }] },
    workloads: { 'default/callee': podOf({ identity, addresses: ['10.0.0.1'] }) },
  });
  rig.engine.listen(
    { kind: 'outbound', id: 7, fd: -1, workload: 'default/app', netns: 5, cookie: '42' },
    { address: OUTBOUND.ip, port: OUTBOUND.port },
  );
  return rig;
}

function askAsPod(rig: Rig): () => string {
  rig.destinations.push({ ip: '10.96.0.1', port: 80 });
  const client = rig.transport.dial(OUTBOUND);
  client.write('GET /secret HTTP/1.1\r\nHost: web\r\n\r\n');
  rig.run();
  return () => client.text();
}

t.test('a callee on this node refuses in the caller’s pass: nothing reaches it, and both record it', async (t) => {
  const asked: string[] = [];
  const rig = twoPods({
    name: 'authorize',
    run(call) {
      asked.push(`${call.identity.workload} to ${call.callee.key}:${call.port} ${call.head.path()}`);
      return call.refuse({ ...DENIED, outcome: { ...DENIED.outcome, flags: Flag.NC } });
    },
  });
  const up = rig.serve('10.0.0.1:8080', () => ok('secret'));
  const answer = askAsPod(rig);
  t.match(answer(), /^HTTP\/1\.1 403 [^]*denied$/);
  t.equal(up.connections.length, 0);
  t.strictSame(asked, ['app to default/callee:8080 /secret']);
  t.equal(
    rig.count('istio_requests_total', { reporter: 'source', response_code: '403', response_flags: '-', destination_workload: 'callee' }),
    1,
  );
  t.equal(rig.count('istio_requests_total', { reporter: 'destination', response_code: '403', response_flags: 'NC' }), 1);
});

t.test('a callee’s policy is asked for every attempt, and its answer retried like any other', async (t) => {
  let asked = 0;
  const rig = twoPods(
    {
      name: 'fault',
      run: (call) => (++asked < 3 ? call.refuse({ ...DENIED, status: 503, outcome: { ...DENIED.outcome, status: 503 } }) : Verdict.Next),
    },
    '5xx',
  );
  rig.serve('10.0.0.1:8080', () => ok('at last'));
  const answer = askAsPod(rig);
  rig.advance(300);
  rig.advance(300);
  t.match(answer(), /at last$/);
  t.equal(asked, 3);
  t.equal(rig.count('istio_requests_total', { reporter: 'destination', response_code: '503' }), 2);
  t.equal(rig.count('istio_requests_total', { reporter: 'destination', response_code: '200' }), 1);
  t.equal(rig.count('istio_requests_total', { reporter: 'source' }), 1);
});

t.test('a callee’s policy waits, in the caller’s pass', async (t) => {
  const calls: CalleeCall[] = [];
  const rig = twoPods({
    name: 'ask elsewhere',
    run(call) {
      calls.push(call);
      return call.hold({ cancel: () => undefined });
    },
  });
  const up = rig.serve('10.0.0.1:8080', () => ok('allowed'));
  const answer = askAsPod(rig);
  t.equal(up.connections.length, 0);
  calls[0]?.resume();
  rig.run();
  t.match(answer(), /allowed$/);
  t.match(up.requests[0], /^GET \/secret HTTP\/1\.1\r\n/);
});

t.test('the same policy on the inbound side: recorded by the callee alone', async (t) => {
  const rig = new Rig({ stacks: stacksWith({ callee: { name: 'authorize', run: (call) => call.refuse(DENIED) } }) });
  rig.scope({}, {});
  const up = rig.serve(`${POD}:8080`, () => ok('app'));
  rig.engine.listen({ kind: 'inbound', id: 8, fd: -1, workload: 'default/app', netns: 5, ownPorts: [] }, { address: POD, port: 8080 });
  t.match(rig.ask(get('/'), { ip: POD, port: 8080 }), /^HTTP\/1\.1 403 [^]*denied$/);
  t.equal(up.connections.length, 0);
  t.equal(rig.count('istio_requests_total', { reporter: 'destination', response_code: '403' }), 1);
  t.equal(rig.count('istio_requests_total'), 1);
});

t.test('stages of the response and of the end see every way out', async (t) => {
  const ends: string[] = [];
  const gateway: ExchangeStack = {
    ...STACKS.gateway,
    response: [
      ...STACKS.gateway.response,
      { name: 'stamp', room: () => 32, run: (_exchange, head, changes) => changes.text(literal(`x-stamp: ${head.status}\r\n`)) },
    ],
    end: [...STACKS.gateway.end, { name: 'note', run: ({ outcome, status }) => void ends.push(`${status} ${outcome.details}`) }],
  };
  const rig = new Rig({ stacks: { ...STACKS, gateway } }).cluster('a', ['10.0.0.1:80']).gateway(route('/a', 'a'));
  rig.serve('10.0.0.1:80', (request) =>
    request.includes('/ws') ? 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\nServer: own\r\n\r\n' : ok('fine'),
  );
  t.match(rig.ask(get('/a')), /x-stamp: 200\r\n/);
  const upgraded = rig.ask(get('/a/ws', 'Connection: Upgrade\r\nUpgrade: x\r\n'));
  t.match(upgraded, /x-stamp: 101\r\n/, 'a 101 goes the same way');
  t.match(upgraded, /\r\nserver: istio-envoy\r\n/, 'and has the name of the gateway');
  t.notMatch(upgraded, /own/);
  rig.ask(get('/none'));
  t.strictSame(ends, ['200 via_upstream', '101 via_upstream', '404 route_not_found']);
});
