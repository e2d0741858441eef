/** Calls of gRPC: their statuses, deadlines, retries and metrics. */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { MessageCount } from '../../../src/l7/exchange/grpc-call.ts';
import type { Field } from '../http2/field-list.ts';
import { type Http2Peer, request } from '../http2/peer.ts';
import { dialHttp2, http2Gateway, serveHttp2 } from './http2-rig.ts';
import { endpointOf, retry, Rig } from './rig.ts';

const call = (path: string, more: readonly Field[] = []): Field[] => [
  ...request('POST', path),
  ['te', 'trailers'],
  ['content-type', 'application/grpc+proto'],
  ...more,
];
const HEAD: readonly Field[] = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];

function message(text: string): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(text.length, 1);
  return Buffer.concat([prefix, Buffer.from(text)]);
}

function first(servers: readonly Http2Peer[]): Http2Peer {
  const [server] = servers;
  if (server === undefined) throw new Error('nobody has connected');
  return server;
}

t.test('a call is counted with its status and its messages', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig);
  const client = dialHttp2(rig);
  client.headers(1, call('/shop.Cart/Add')).data(1, Buffer.concat([message('one'), message('two')]));
  client.data(1, message('three'), true);
  rig.run();
  first(servers).headers(1, HEAD).data(1, message('answer')).headers(1, [['grpc-status', '5'], ['grpc-message', 'no']], true); // prettier-ignore
  rig.run();
  t.match(client.stream(1).heads.at(-1), { 'grpc-status': '5', 'grpc-message': 'no' });
  const labels = { request_protocol: 'grpc', response_code: '200', grpc_response_status: '5' };
  t.equal(rig.count('istio_requests_total', labels), 1);
  t.equal(rig.count('istio_request_messages_total', { request_protocol: 'grpc' }), 3);
  t.equal(rig.count('istio_response_messages_total', { request_protocol: 'grpc' }), 1);
  const series = rig.series.find(({ name }) => name === 'istio_request_messages_total');
  t.notOk('response_code' in (series?.labels ?? {}), 'messages have no labels of how a call ends');
});

t.test('messages of a call that goes on are counted every five seconds, by both sides, and once', async (t) => {
  const rig = http2Gateway();
  rig.apply({ endpoints: { a: [endpointOf('10.0.0.1:80', 'default/a')] } });
  const servers = serveHttp2(rig);
  const client = dialHttp2(rig);
  const counts = (): number[] =>
    ['request', 'response'].flatMap((which) =>
      ['source', 'destination'].map((reporter) => rig.count(`istio_${which}_messages_total`, { reporter })),
    );
  client.headers(1, call('/a/Chat')).data(1, message('one'));
  rig.run();
  first(servers).headers(1, HEAD);
  rig.run();
  t.same(counts(), [0, 0, 0, 0]);
  rig.advance(5000);
  t.same(counts(), [1, 1, 0, 0]);
  client.data(1, Buffer.concat([message('two'), message('three')]));
  first(servers).data(1, message('answer'));
  rig.run();
  rig.advance(5000);
  t.same(counts(), [3, 3, 1, 1]);
  rig.advance(5000);
  t.same(counts(), [3, 3, 1, 1], 'nothing new');
  t.equal(rig.count('istio_requests_total'), 0, 'the call goes on');
  client.data(1, message('four'), true);
  first(servers).headers(1, [['grpc-status', '0']], true);
  rig.run();
  t.same(counts(), [4, 4, 1, 1]);
  t.equal(rig.count('istio_requests_total', { grpc_response_status: '0' }), 2);
});

t.test('answers of our own are statuses of gRPC', async (t) => {
  const rig = new Rig().gateway();
  const client = dialHttp2(rig);
  client.headers(1, call('/nobody/Knows'), true);
  client.headers(3, [...request('POST', '/'), ['content-type', 'application/grpc-web']], true);
  rig.run();
  t.match(client.stream(1), {
    heads: [{ ':status': '200', 'content-type': 'application/grpc', 'grpc-status': '12', 'content-length': undefined }],
    content: '',
    ended: true,
  });
  t.match(client.stream(3).heads[0], { ':status': '404' }, 'gRPC-Web is no gRPC');
  t.equal(rig.count('istio_requests_total', { request_protocol: 'grpc', grpc_response_status: '12', response_flags: 'NR' }), 1);
  const lonely = http2Gateway();
  const other = dialHttp2(lonely);
  other.headers(1, call('/a/B'), true);
  lonely.run();
  lonely.advance(2000);
  t.match(other.stream(1).heads[0], { ':status': '200', 'grpc-status': '14', 'grpc-message': /^upstream connect error/ });
});

t.test('a call is retried by the status in the head of its answer, and by no status in trailers', async (t) => {
  const names = ['cancelled', 'deadline-exceeded', 'resource-exhausted', 'internal', 'unavailable'] as const;
  const codes = [1, 4, 8, 13, 14];
  for (const [index, name] of names.entries()) {
    const rig = http2Gateway({}, { retry: retry({ on: [name] }) });
    const servers = serveHttp2(rig);
    const client = dialHttp2(rig);
    client.headers(1, call('/a/B')).data(1, message('x'), true);
    rig.run();
    const server = first(servers);
    for (const code of codes) {
      const tried = server.seen.length;
      void tried;
      if (code !== codes[index]) continue;
      server.headers(1, [...HEAD, ['grpc-status', String(code)]], true);
      rig.advance(100);
      t.equal(server.stream(3).content, message('x').toString('latin1'), `${name}: ${code} is sent again`);
    }
    server.headers(3, [...HEAD, ['grpc-status', String(codes[(index + 1) % codes.length])]], true);
    rig.advance(100);
    t.equal(client.stream(1).heads[0]?.['grpc-status'], String(codes[(index + 1) % codes.length]), `${name}: another one is passed on`);
  }
  const rig = http2Gateway({}, { retry: retry({ on: ['unavailable'] }) });
  const servers = serveHttp2(rig);
  const client = dialHttp2(rig);
  client.headers(1, call('/a/B'), true);
  rig.run();
  first(servers)
    .headers(1, HEAD)
    .headers(1, [['grpc-status', '14']], true);
  rig.advance(100);
  t.equal(client.stream(1).heads.at(-1)?.['grpc-status'], '14');
  t.equal(first(servers).stream(3).heads.length, 0);
});

t.test('grpc-timeout is the deadline, but not beyond the route’s timeout', async (t) => {
  for (const [header, routeMs, expected] of [
    ['300m', 0, 300],
    ['1S', 500, 500],
    ['200m', 500, 200],
    ['400000u', 0, 400],
    ['1H', 700, 700],
    ['0m', 600, 600],
    ['nonsense', 800, 800],
  ] as const) {
    const rig = http2Gateway({}, { timeoutMs: routeMs });
    serveHttp2(rig);
    const client = dialHttp2(rig);
    client.headers(1, call('/a/B', [['grpc-timeout', header]]), true);
    rig.run();
    rig.advance(expected - 20);
    t.equal(client.stream(1).ended, false, `${header}, ${routeMs} ms: not before`);
    rig.advance(40);
    t.match(client.stream(1).heads[0], { ':status': '200', 'grpc-status': '14' }, `${header}, ${routeMs} ms: after ${expected} ms`);
  }
  const rig = http2Gateway();
  serveHttp2(rig);
  const client = dialHttp2(rig);
  client.headers(1, call('/a/B', [['grpc-timeout', '100m']]).filter(([name]) => name !== 'content-type'), true); // prettier-ignore
  rig.run();
  rig.advance(1000);
  t.equal(client.stream(1).ended, false, 'a request that is none of gRPC has no such deadline');
});

t.test('a stream in both directions: messages go on as they come, and both sides may cancel', async (t) => {
  const rig = http2Gateway();
  const servers = serveHttp2(rig);
  const client = dialHttp2(rig);
  client.headers(1, call('/a/Chat'));
  rig.run();
  const server = first(servers);
  server.headers(1, HEAD);
  for (let i = 0; i < 5; i++) {
    client.data(1, message(`question ${i}`));
    rig.run();
    t.ok(server.stream(1).content.endsWith(`question ${i}`));
    server.data(1, message(`answer ${i}`));
    rig.run();
    t.ok(client.stream(1).content.endsWith(`answer ${i}`));
  }
  client.reset(1, 8);
  rig.run();
  t.equal(server.stream(1).reset, 8);
  t.equal(rig.count('istio_request_messages_total'), 5);
  t.equal(rig.count('istio_response_messages_total'), 5);
  client.headers(3, call('/a/Chat'));
  rig.run();
  server.headers(3, HEAD);
  rig.run();
  server.reset(3, 11);
  rig.run();
  t.equal(client.stream(3).reset, 11);
  t.equal(rig.count('istio_requests_total', { grpc_response_status: '2' }), 2, 'without a status of its own it is UNKNOWN');
});

t.test('gRPC over HTTP/1 trailers is counted as well', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway({
    name: 'r',
    match: {},
    action: { kind: 'route', destinations: [{ cluster: 'a', weight: 1 }], mirrors: [], timeoutMs: 0, retry: null },
  });
  rig.serve('10.0.0.1:80', () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\ngrpc-status: 7\r\n\r\n');
  const client = dialHttp2(rig);
  client.headers(1, call('/a/B'), true);
  rig.run();
  t.equal(client.stream(1).heads.at(-1)?.['grpc-status'], '7');
  t.equal(rig.count('istio_requests_total', { grpc_response_status: '7' }), 1);
});

t.test('messages are counted however they are cut', async () => {
  fc.assert(
    fc.property(fc.array(fc.nat(300), { maxLength: 20 }), fc.array(fc.nat(7000), { maxLength: 20 }), (sizes, places) => {
      const bytes = Buffer.concat(sizes.map((size) => message('m'.repeat(size))));
      const cuts = [...places.map((place) => Math.min(place, bytes.length)), bytes.length].sort((a, b) => a - b);
      const counter = new MessageCount();
      let from = 0;
      for (const cut of cuts) {
        counter.add(bytes, from, cut);
        from = cut;
      }
      if (counter.count !== sizes.length) throw new Error(`${counter.count} of ${sizes.length}`);
    }),
  );
});
