/** A fault ends what it concerns: the exchange or connection that was being served, told and counted, and nothing else. */
import t from 'tap';
import type { Exchange } from '../../../src/l7/exchange/exchange.ts';
import { type RequestStage, Verdict } from '../../../src/l7/exchange/stage.ts';
import { STACKS, type Stacks } from '../../../src/l7/stack.ts';
import { Cluster } from '../../../src/l7/upstream/cluster.ts';
import { GATEWAY, get, ok, retry, Rig, route } from './rig.ts';

/** A stage of that place throws for requests of `/bad`. */
function faulty(where: 'request' | 'response' | 'end'): Stacks {
  const bad = new WeakSet<Exchange>();
  const fail = (exchange: Exchange): void => {
    if (bad.has(exchange)) throw new Error(`no ${where}`);
  };
  const request: RequestStage<Exchange> = {
    name: 'bad request stage',
    run(exchange) {
      if (exchange.head.path() === '/bad') bad.add(exchange);
      if (where === 'request') fail(exchange);
      return Verdict.Next;
    },
  };
  const { gateway } = STACKS;
  const response = where === 'response' ? [{ name: 'bad response stage', room: () => 0, run: fail }] : [];
  const end = where === 'end' ? [{ name: 'bad end stage', run: fail }] : [];
  return {
    ...STACKS,
    gateway: {
      ...gateway,
      request: [request, ...gateway.request],
      response: [...gateway.response, ...response],
      end: [...end, ...gateway.end],
    },
  };
}

for (const where of ['request', 'response', 'end'] as const) {
  t.test(`a stage of the ${where} throws`, async (t) => {
    const rig = new Rig({ stacks: faulty(where) }).cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
    rig.serve('10.0.0.1:80', () => ok('fine'));
    const other = rig.transport.dial(GATEWAY);
    other.write('GET /slow HTTP/1.1\r\nHost: shop\r\n');
    rig.run();
    const answer = rig.ask(get('/bad'));
    if (where === 'end') t.match(answer, /fine$/, 'what comes after the end concerns nobody');
    else t.match(answer, /^HTTP\/1\.1 500 Internal Server Error\r\n/);
    other.write('\r\n');
    rig.run();
    t.match(other.text(), /fine$/, 'others go on');
    t.equal(rig.count('nodeway_worker_faults_total'), 1);
    t.match(rig.log, [{ message: /fault/, fields: { doing: String, error: `no ${where}` } }]);
    t.equal(rig.count('istio_requests_total'), 2, 'both are recorded');
    t.strictSame(rig.unfit, []);
  });
}

t.test('a balancer throws, at the first attempt and at a retry', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a', { retry: retry() }));
  rig.serve('10.0.0.1:80', () => 'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n');
  const pick = Object.getOwnPropertyDescriptor(Cluster.prototype, 'pick')?.value as Cluster['pick'];
  t.teardown(() => Object.assign(Cluster.prototype, { pick }));
  for (const failing of [1, 2]) {
    let picks = 0;
    Object.assign(Cluster.prototype, {
      pick(this: Cluster, ...args: Parameters<Cluster['pick']>) {
        if (++picks === failing) throw new Error('no endpoint today');
        return pick.apply(this, args);
      },
    });
    const client = rig.transport.dial(GATEWAY);
    client.write(get('/'));
    rig.run();
    rig.advance(300);
    t.match(client.text(), /^HTTP\/1\.1 500 Internal Server Error\r\n/, `pick ${failing}`);
  }
  t.equal(rig.count('nodeway_worker_faults_total'), 2);
});

t.test('a reader of records throws: the response is whole, and the other readers have their record', async (t) => {
  const seen: number[] = [];
  const rig = new Rig({
    recordSinks: [
      {
        record() {
          throw new Error('disk full');
        },
      },
      { record: ({ status }) => void seen.push(status) },
    ],
  });
  rig.cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  rig.serve('10.0.0.1:80', () => ok('fine'));
  const client = rig.transport.dial(GATEWAY);
  for (let i = 0; i < 3; i++) {
    client.write(get('/'));
    rig.run();
    t.match(client.takeText(), /fine$/);
  }
  t.strictSame(seen, [200, 200, 200]);
  t.equal(rig.count('istio_requests_total', { response_code: '200' }), 3);
});

t.test('after the head of a response only a reset tells the truth', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const up = rig.serve('10.0.0.1:80', () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
  const client = rig.transport.dial(GATEWAY);
  client.write(get('/'));
  rig.run();
  const { transport } = rig;
  const write = transport.write.bind(transport);
  let failing = true;
  transport.write = (...args) => {
    if (!failing) return write(...args);
    failing = false;
    throw new Error('no room');
  };
  up.connections[0]?.write('3\r\ndef\r\n');
  rig.run();
  t.match(client.text(), /abc\r\n$/);
  t.ok(client.wasReset);
  t.equal(rig.count('istio_requests_total', { response_code: '200' }), 1);
});

t.test('faults without end: the engine asks to be replaced', async (t) => {
  const rig = new Rig({ stacks: faulty('request') }).gateway();
  for (let i = 0; i < 1000; i++) rig.ask(get('/bad'));
  t.equal(rig.unfit.length, 1);
  t.match(rig.unfit[0], /1000 faults/);
  t.ok(rig.log.length <= 10, 'the log is not flooded');
});
