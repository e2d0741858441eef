/** HTTPFaultInjection as requests see it: each case names what it is about. */
import t from 'tap';
import type { ExchangeRecord } from '../../../src/l7/record/exchange-record.ts';
import type { FaultConfig, RouteAction } from '../../../src/l7/config/route.ts';
import { flagText } from '../../../src/l7/message/outcome.ts';
import { GATEWAY, get, lines, ok, retry, Rig, route, type UpstreamLog } from './rig.ts';

const ALL = 1_000_000;

/** Flags, details and status of the exchanges of the caller. */
function recorded(): { readonly ends: string[]; record(record: ExchangeRecord): void } {
  const ends: string[] = [];
  return { ends, record: ({ flags, outcome, status }) => void ends.push(`${status} ${flagText(flags)} ${outcome.details}`) };
}

function faulty(fault: FaultConfig, more: Partial<RouteAction> = {}, answer = ok('fine')) {
  const sink = recorded();
  const rig = new Rig({ recordSinks: [sink] }).cluster('a', ['10.0.0.1:80']);
  const base = route('/', 'a', { fault, ...more });
  rig.gateway({ ...base, responseHeaders: { set: lines({ 'x-route': '1' }) } });
  const up: UpstreamLog = rig.serve('10.0.0.1:80', () => answer);
  return { rig, up, ends: sink.ends };
}

t.test('abort: the status, Envoy’s text, the route’s response headers; no retry, no mirror, nobody is asked', async (t) => {
  const fault = { abort: { share: ALL, status: 503 } };
  const { rig, up, ends } = faulty(fault, { retry: retry(), mirrors: [{ cluster: 'a', share: ALL }] });
  const answer = rig.ask(get('/'));
  t.match(
    answer,
    /^HTTP\/1\.1 503 Service Unavailable\r\ncontent-length: 18\r\ncontent-type: text\/plain\r\n[^]*\r\n\r\nfault filter abort$/,
  );
  t.match(answer, /\r\nx-route: 1\r\n/);
  t.equal(up.connections.length, 0);
  t.strictSame(ends, ['503 FI fault_filter_abort']);
  t.equal(rig.count('nodeway_injected_faults_total', { fault: 'abort' }), 1);
});

t.test('delay: copies of the request have its body, which came meanwhile', async (t) => {
  const { rig, up } = faulty({ delay: { share: ALL, ms: 300 } }, { mirrors: [{ cluster: 'm', share: ALL }] });
  const mirror = rig.cluster('m', ['10.0.0.2:80']).serve('10.0.0.2:80', () => ok('seen'));
  const client = rig.transport.dial(GATEWAY);
  for (const request of ['POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\nbody', get('/')]) {
    client.write(request);
    rig.run();
    rig.advance(300);
    t.match(client.takeText(), /fine$/);
  }
  t.match(mirror.requests, [/^POST [^]*\r\n\r\nbody$/, /^GET /]);
  t.equal(up.requests.length, 2);
});

t.test('an abort comes before the cluster is looked for', async (t) => {
  const { rig } = faulty({ abort: { share: ALL, status: 500 } }, { destinations: [{ cluster: 'gone', weight: 1 }] });
  t.match(rig.ask(get('/')), /^HTTP\/1\.1 500 /);
});

t.test('abort of a gRPC request: 200 with what stands for the status', async (t) => {
  const grpc = get('/s/m', 'Content-Type: application/grpc+proto\r\n');
  const { rig } = faulty({ abort: { share: ALL, status: 503 } });
  t.match(
    rig.ask(grpc),
    /^HTTP\/1\.1 200 OK\r\ncontent-length: 0\r\ncontent-type: application\/grpc\r\ngrpc-status: 14\r\ngrpc-message: fault filter abort\r\n/,
  );
  const other = faulty({ abort: { share: ALL, grpcStatus: 8 } }).rig;
  t.match(other.ask(grpc), /\r\ngrpc-status: 8\r\n/);
  t.match(other.ask(get('/', 'Content-Type: application/grpcish\r\n')), /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nfault filter abort$/);
});

t.test('delay: the request is sent when it is over, its body whole; it counts as no abort', async (t) => {
  const { rig, up, ends } = faulty({ delay: { share: ALL, ms: 400 } });
  const client = rig.transport.dial(GATEWAY);
  client.write('POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\nbo');
  rig.advance(399);
  t.equal(up.connections.length, 0);
  client.write('dy');
  rig.advance(1);
  t.match(up.requests[0], /\r\n\r\nbody$/);
  t.match(client.text(), /fine$/);
  t.strictSame(ends, ['200 DI via_upstream']);
  t.equal(rig.count('nodeway_injected_faults_total', { fault: 'delay' }), 1);
});

t.test('a client that leaves during a delay takes the request with it', async (t) => {
  const { rig, up, ends } = faulty({ delay: { share: ALL, ms: 400 } });
  const client = rig.transport.dial(GATEWAY);
  client.write(get('/'));
  rig.run();
  client.reset();
  rig.advance(1000);
  t.equal(up.connections.length, 0);
  t.strictSame(ends, ['0 DC,DI downstream_remote_disconnect']);
});

t.test('delay and abort: the abort comes after the delay', async (t) => {
  const { rig, ends } = faulty({ delay: { share: ALL, ms: 400 }, abort: { share: ALL, status: 418 } });
  const client = rig.transport.dial(GATEWAY);
  client.write(get('/'));
  rig.advance(399);
  t.equal(client.text(), '');
  rig.advance(1);
  t.match(client.text(), /^HTTP\/1\.1 418 /);
  t.strictSame(ends, ['418 DI,FI fault_filter_abort']);
});

t.test('the timeout of the route begins after the delay, and is counted whole', async (t) => {
  const { rig, ends } = faulty({ delay: { share: ALL, ms: 500 } }, { timeoutMs: 200 }, '');
  const client = rig.transport.dial(GATEWAY);
  client.write(get('/'));
  rig.advance(699);
  t.equal(client.text(), '');
  rig.advance(1);
  t.match(client.text(), /^HTTP\/1\.1 504 [^]*upstream request timeout$/);
  t.strictSame(ends, ['504 UT,DI response_timeout']);
});

t.test('a retried request is delayed once', async (t) => {
  const { rig, up } = faulty({ delay: { share: ALL, ms: 500 } }, { retry: retry({ attempts: 2 }) }, ok('').replace('200', '503'));
  const client = rig.transport.dial(GATEWAY);
  client.write(get('/'));
  rig.advance(500);
  t.equal(up.requests.length, 1);
  rig.advance(100);
  rig.advance(100);
  t.equal(up.requests.length, 3);
});

t.test('shares: a fault meets as many requests as it says, and delay and abort are drawn for each by itself', async (t) => {
  const { rig } = faulty({ delay: { share: 300_000, ms: 1 }, abort: { share: 500_000, status: 500 } });
  const total = 2000;
  for (let i = 0; i < total; i++) {
    const client = rig.transport.dial(GATEWAY);
    client.write(get('/', 'Connection: close\r\n'));
    rig.transport.run();
  }
  rig.advance(10);
  const [delays, aborts] = ['delay', 'abort'].map((fault) => rig.count('nodeway_injected_faults_total', { fault }));
  // Four standard deviations of a binomial distribution, with a seed of its own.
  t.ok(Math.abs(delays! - 0.3 * total) < 4 * Math.sqrt(0.21 * total), `${delays} delays`);
  t.ok(Math.abs(aborts! - 0.5 * total) < 4 * Math.sqrt(0.25 * total), `${aborts} aborts`);
  const none = faulty({ delay: { share: 0, ms: 1 }, abort: { share: 0, status: 500 } }).rig;
  t.match(none.ask(get('/')), /fine$/);
});
