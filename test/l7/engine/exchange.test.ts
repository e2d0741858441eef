import t from 'tap';
import { CloseReason } from '../../../src/l7/transport.ts';
import { decodeChunked, GATEWAY, get, lines, ok, retry, Rig, route, endpointOf, podOf } from './rig.ts';

t.test('a request goes through with order and case of its headers, and gets what a gateway adds', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const up = rig.serve('10.0.0.1:80', () => ok('hello', 'X-Thing: One\r\nServer: nginx\r\n'));
  const answer = rig.ask(get('/p?q=1', 'ZED: 1\r\nAccept:  */*\r\n'));
  const seen = up.requests[0] ?? '';
  t.match(
    seen,
    /^GET \/p\?q=1 HTTP\/1\.1\r\nHost: shop\r\nZED: 1\r\nAccept: {2}\*\/\*\r\nx-envoy-attempt-count: 1\r\nx-forwarded-proto: http\r\n/,
  );
  t.match(seen, /\r\nx-request-id: [0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\r\n/);
  t.match(seen, /\r\nx-forwarded-for: 192\.0\.2\.1\r\nx-envoy-external-address: 192\.0\.2\.1\r\n\r\n$/);
  t.match(
    answer,
    /^HTTP\/1\.1 200 OK\r\nContent-Length: 5\r\nX-Thing: One\r\nserver: istio-envoy\r\nx-envoy-upstream-service-time: \d+\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\nhello$/,
  );
  t.equal(rig.count('istio_requests_total', { response_code: '200', reporter: 'source', destination_service_name: 'a' }), 1);
});

t.test('a gateway overwrites what a stranger claims, and appends to X-Forwarded-For', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const up = rig.serve('10.0.0.1:80', () => ok(''));
  rig.ask(
    get(
      '/',
      'X-Forwarded-For: 1.2.3.4\r\nx-request-id: mine\r\nx-forwarded-proto: https\r\nx-envoy-attempt-count: 9\r\nx-envoy-internal: true\r\n',
    ),
  );
  const seen = up.requests[0] ?? '';
  t.match(seen, /\r\nx-forwarded-for: 1\.2\.3\.4,192\.0\.2\.1\r\n/);
  t.notMatch(seen, /mine|https|: 9|x-envoy-internal/);
});

t.test('kept connections are used again, on both sides', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const up = rig.serve('10.0.0.1:80', (_request, nth) => ok(String(nth)));
  const client = rig.transport.dial(GATEWAY);
  for (let i = 0; i < 3; i++) {
    client.write(get('/'));
    rig.run();
    t.match(client.takeText(), new RegExp(`\r\n\r\n${i}$`));
  }
  t.equal(up.connections.length, 1);
});

t.test('pipelined requests are answered in order, one upstream request at a time', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const up = rig.serve('10.0.0.1:80', (request) => ok(/GET (\S+)/.exec(request)?.[1] ?? ''));
  const client = rig.transport.dial(GATEWAY);
  client.write(get('/1') + get('/2') + get('/3'));
  rig.run();
  t.strictSame(client.text().match(/\r\n\r\n\/\d/g), ['\r\n\r\n/1', '\r\n\r\n/2', '\r\n\r\n/3']);
  t.equal(up.requests.length, 3, 'each came as a request of its own');
});

t.test('bodies: length, chunked with trailers, both ways, cut anywhere', async (t) => {
  // Extensions concern one hop (RFC 9112 §7.1.1): they are not sent on.
  const sent = '5;x=y\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n';
  const whole = { content: 'hello', trailers: 'X-Sum: 1\r\n' };
  const bodyOf = (message: string | undefined): string => message?.slice(message.indexOf('\r\n\r\n') + 4) ?? '';
  const request = `POST /c HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n${sent}`;
  for (let cut = 1; cut < request.length; cut += 7) {
    const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
    const up = rig.serve('10.0.0.1:80', () => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${sent}`);
    const client = rig.transport.dial(GATEWAY);
    client.write(request.slice(0, cut));
    rig.run();
    client.write(request.slice(cut));
    rig.run();
    t.strictSame(decodeChunked(bodyOf(up.requests[0])), whole, `request cut at ${cut}`);
    t.strictSame(decodeChunked(bodyOf(client.text())), whole, `response, request cut at ${cut}`);
  }
});

t.test('the text of a reset says whether it was one of a retry', async (t) => {
  const rig = new Rig()
    .cluster('a', ['10.0.0.1:80'])
    .gateway(route('/retried', 'a', { retry: retry({ attempts: 1, on: ['connect-failure'] }) }), route('/', 'a'));
  t.match(rig.ask(get('/once')), /headers\. reset reason: remote connection failure$/);
  const client = rig.transport.dial(GATEWAY);
  client.write(get('/retried'));
  rig.advance(1000);
  t.match(client.text(), /headers\. retried and the latest reset reason: remote connection failure$/);
  rig.apply({
    endpoints: { a: [endpointOf('10.0.0.1:80', 'default/callee')] },
    workloads: { 'default/callee': podOf({ addresses: ['10.0.0.1'] }) },
  });
  client.takeText();
  client.write(get('/retried'));
  rig.advance(1000);
  t.match(client.text(), /headers\. reset reason: remote connection failure$/, 'which the callee of each attempt tells');
});

t.test('a server is told that a request has no content where its method may have some (RFC 9110 §8.6)', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const up = rig.serve('10.0.0.1:80', () => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  for (const method of ['GET', 'HEAD', 'DELETE', 'TRACE', 'POST', 'PUT', 'PATCH', 'OPTIONS', 'PURGE'])
    rig.ask(`${method} /${method} HTTP/1.1\r\nHost: shop\r\n\r\n`);
  const told = up.requests.filter((request) => /\r\ncontent-length: 0\r\n/.test(request)).map((request) => request.split(' ', 1)[0]);
  t.strictSame(told, ['POST', 'PUT', 'PATCH', 'OPTIONS', 'PURGE']);
  rig.ask('POST /known HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n');
  t.equal(up.requests.at(-1)?.match(/content-length/gi)?.length, 1, 'once');
});

t.test('an HTTP/1.0 client gets no chunks, and its connection ends the body', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const up = rig.serve('10.0.0.1:80', () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n');
  const answer = rig.ask('GET / HTTP/1.0\r\nHost: shop\r\n\r\n');
  t.match(answer, /connection: close\r\n\r\nabcdefg$/);
  t.notMatch(answer, /transfer-encoding/i);
  t.match(up.requests[0], /^GET \/ HTTP\/1\.1\r\n/);
});

t.test('HEAD, 204 and 304 have no body whatever their length says', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  rig.serve('10.0.0.1:80', (request) => {
    if (request.startsWith('HEAD')) return 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n';
    return request.includes('/204') ? 'HTTP/1.1 204 No Content\r\n\r\n' : 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n';
  });
  const client = rig.transport.dial(GATEWAY);
  for (const [request, status] of [
    ['HEAD / HTTP/1.1\r\nHost: shop\r\n\r\n', 200],
    [get('/204'), 204],
    [get('/304'), 304],
  ] as const) {
    client.write(request);
    rig.run();
    t.match(client.takeText(), new RegExp(`^HTTP/1.1 ${status} [^]*\r\n\r\n$`));
  }
});

t.test('informational responses pass, then the final one', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  rig.serve('10.0.0.1:80', () => `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\n${ok('done')}`);
  const answer = rig.ask('POST / HTTP/1.1\r\nHost: shop\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi');
  t.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 103 Early Hints\r\nLink: <\/s\.css>\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
});

t.test('Upgrade: after 101 bytes pass both ways, half-closes too', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const up = rig.serve('10.0.0.1:80', (_request, nth) =>
    nth === 0 ? 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfrom-server' : null,
  );
  const client = rig.transport.dial(GATEWAY);
  client.write(get('/ws', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'));
  rig.run();
  t.match(up.requests[0], /Connection: Upgrade\r\nUpgrade: websocket\r\n/);
  t.match(client.takeText(), /^HTTP\/1\.1 101 [^]*Upgrade: websocket\r\n[^]*\r\n\r\nfrom-server$/);
  client.write('from-client');
  rig.run();
  t.equal(up.connections[0]?.takeText(), 'from-client');
  up.connections[0]?.write('more');
  up.connections[0]?.end();
  rig.run();
  t.equal(client.takeText(), 'more');
  client.end();
  rig.run();
  t.equal(rig.transport.connections, 0, 'both sides closed');
  t.equal(rig.count('nodeway_tunnels'), 0);
});

t.test('no route, no cluster, no endpoint', async (t) => {
  const rig = new Rig().cluster('empty', []).gateway(route('/missing', 'nowhere'), route('/empty', 'empty'));
  t.match(rig.ask(get('/other')), /^HTTP\/1\.1 404 Not Found\r\ncontent-length: 0\r\ndate: [^\r]+\r\nserver: istio-envoy\r\n\r\n$/);
  t.match(rig.ask(get('/missing')), /^HTTP\/1\.1 503 [^]*content-length: 0\r\n/);
  t.match(rig.ask(get('/empty')), /^HTTP\/1\.1 503 [^]*\r\n\r\nno healthy upstream$/);
  for (const [flag, code] of [
    ['NR', '404'],
    ['NC', '503'],
    ['UH', '503'],
  ] as const) {
    t.equal(rig.count('istio_requests_total', { response_flags: flag, response_code: code }), 1, flag);
  }
});

t.test(
  'what the proxy answers in the place of its destination has the route’s header operations; what no rule matched has not',
  async (t) => {
    const responseHeaders = { set: lines({ 'x-route': 'yes' }) };
    const rig = new Rig()
      .cluster('empty', [])
      .gateway({ ...route('/missing', 'nowhere'), responseHeaders }, { ...route('/empty', 'empty'), responseHeaders });
    t.match(rig.ask(get('/missing')), /^HTTP\/1\.1 503 [^]*x-route: yes\r\n/);
    t.match(rig.ask(get('/empty')), /^HTTP\/1\.1 503 [^]*x-route: yes\r\n[^]*no healthy upstream$/);
    t.notMatch(rig.ask(get('/other')), /x-route/);
  },
);

t.test('a careless server: what RFC 9112 lets a proxy mend is mended, and leaves clean; framing faults are 502', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  rig.serve('10.0.0.1:80', (request) =>
    request.includes('/framing')
      ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc'
      : 'HTTP/1.1 200 OK\nX-Spaced : 1\nX-Folded: a\n b\nContent-Length: 4\n\nfine',
  );
  const answer = rig.ask(get('/'));
  t.match(answer, /^HTTP\/1\.1 200 OK\r\nX-Spaced: 1\r\nX-Folded: a +b\r\nContent-Length: 4\r\n[^]*\r\n\r\nfine$/);
  t.notMatch(answer, /[^\r]\n/);
  t.match(rig.ask(get('/framing')), /^HTTP\/1\.1 502 /);
});

t.test('a connection failure is tried at another endpoint', async (t) => {
  const rig = new Rig()
    .cluster('a', ['10.0.0.1:80', '10.0.0.2:80'])
    .gateway(route('/', 'a', { retry: retry({ on: ['connect-failure'] }) }));
  rig.transport.fail({ ip: '10.0.0.1', port: 80 }, CloseReason.Refused);
  const up = rig.serve('10.0.0.2:80', () => ok('fine'));
  for (let i = 0; i < 6; i++) {
    const client = rig.transport.dial(GATEWAY);
    client.write(get('/'));
    rig.run();
    rig.advance(300);
    t.match(client.takeText(), /fine$/);
  }
  t.equal(up.requests.length, 6);
  t.ok(
    up.requests.some((request) => request.includes('x-envoy-attempt-count: 2')),
    'the second try says so',
  );
});

t.test('without a retry policy a connection failure is the answer', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  rig.transport.fail({ ip: '10.0.0.1', port: 80 }, CloseReason.Refused);
  t.match(rig.ask(get('/')), /^HTTP\/1\.1 503 [^]*reset reason: remote connection failure$/);
  t.equal(rig.count('istio_requests_total', { response_flags: 'UF' }), 1);
});

t.test('retries used up: the last answer is passed on, flag URX', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a', { retry: retry({ attempts: 2 }) }));
  const up = rig.serve('10.0.0.1:80', () => 'HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nfail');
  const client = rig.transport.dial(GATEWAY);
  client.write(get('/'));
  rig.run();
  rig.advance(300);
  rig.advance(300);
  t.match(client.text(), /^HTTP\/1\.1 500 Oops[^]*fail$/);
  t.strictSame(
    up.requests.map((request) => /attempt-count: (\d)/.exec(request)?.[1]),
    ['1', '2', '3'],
  );
  t.equal(new Set(up.requests.map((request) => /x-request-id: (\S+)/.exec(request)?.[1])).size, 1, 'one request id for all tries');
  t.equal(rig.count('istio_requests_total', { response_flags: 'URX', response_code: '500' }), 1, 'recorded once');
});

t.test('a body is sent again with a retry, unless it is too long to be kept', async (t) => {
  const rig = new Rig({ limits: { retryBufferBytes: 100 } }).cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a', { retry: retry() }));
  const up = rig.serve('10.0.0.1:80', (_request, nth) =>
    nth === 0 || nth === 2 ? 'HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n' : ok('yes'),
  );
  const post = (length: number): string => `POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: ${length}\r\n\r\n${'b'.repeat(length)}`;
  const client = rig.transport.dial(GATEWAY);
  client.write(post(50));
  rig.run();
  rig.advance(300);
  t.match(client.takeText(), /yes$/);
  t.ok(up.requests[1]?.endsWith('b'.repeat(50)), 'the whole body again');
  client.write(post(150));
  rig.run();
  rig.advance(300);
  t.match(client.takeText(), /^HTTP\/1\.1 503 No/);
  t.equal(up.requests.length, 3);
});

t.test('the upstream is told how much time it has', async (t) => {
  for (const { timeoutMs = 0, perTryTimeoutMs = 0, told } of [
    { told: () => undefined },
    { timeoutMs: 1000, told: (elapsed: number) => 1000 - elapsed },
    { timeoutMs: 5000, perTryTimeoutMs: 400, told: () => 400 },
    { timeoutMs: 500, perTryTimeoutMs: 490, told: (elapsed: number) => Math.min(490, 500 - elapsed) },
    { timeoutMs: 400, perTryTimeoutMs: 900, told: (elapsed: number) => 400 - elapsed },
    { perTryTimeoutMs: 900, told: () => 900 },
  ]) {
    const rig = new Rig()
      .cluster('a', ['10.0.0.1:80'])
      .gateway(route('/', 'a', { timeoutMs, retry: retry({ perTryTimeoutMs, backoffMs: 300 }) }));
    const begun = rig.transport.now;
    const expected: (string | undefined)[] = [];
    const up = rig.serve('10.0.0.1:80', (_request, nth) => {
      expected.push(told(rig.transport.now - begun)?.toString());
      return nth === 0 ? 'HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n' : ok('yes');
    });
    rig.transport.dial(GATEWAY).write('GET / HTTP/1.1\r\nHost: shop\r\nx-envoy-expected-rq-timeout-ms: 7\r\n\r\n');
    rig.run();
    for (let ms = 0; ms < 300; ms++) rig.advance(1);
    const seen = up.requests.map((request) => /x-envoy-expected-rq-timeout-ms: (\d+)\r\n/.exec(request)?.[1]);
    t.strictSame(seen, expected);
    t.equal(seen.length, 2);
  }
});

t.test('per-try and route timeouts', async (t) => {
  const rig = new Rig()
    .cluster('a', ['10.0.0.1:80'])
    .gateway(
      route('/try', 'a', { timeoutMs: 1000, retry: retry({ attempts: 1, perTryTimeoutMs: 200 }) }),
      route('/plain', 'a', { timeoutMs: 300, retry: retry({ on: ['connect-failure'], perTryTimeoutMs: 400 }) }),
      route('/once', 'a', { retry: retry({ on: ['connect-failure'], perTryTimeoutMs: 100 }) }),
    );
  const up = rig.serve('10.0.0.1:80', () => null);
  const ask = (path: string): { text: () => string } => {
    const client = rig.transport.dial(GATEWAY);
    client.write(get(path));
    rig.run();
    return client;
  };
  const tried = ask('/try');
  rig.advance(150);
  t.equal(tried.text(), '', 'not early');
  for (let i = 0; i < 10; i++) rig.advance(50);
  t.match(tried.text(), /^HTTP\/1\.1 504 [^]*upstream request timeout$/);
  t.equal(up.requests.length, 2);
  const plain = ask('/plain');
  rig.advance(310);
  t.match(plain.text(), /^HTTP\/1\.1 504 /, 'a per-try limit beyond the route’s does not count');
  const once = ask('/once');
  rig.advance(110);
  t.match(once.text(), /^HTTP\/1\.1 504 /, 'connect-failure does not cover a slow answer');
  t.equal(rig.count('istio_requests_total', { response_flags: 'URX,UT' }), 1);
  t.equal(rig.count('istio_requests_total', { response_flags: 'UT' }), 2);
});

t.test('a kept connection that turns out dead: idempotent requests get a fresh one, others an honest 503', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const up = rig.serve('10.0.0.1:80', (request, nth) => {
    if (nth === 1 || nth === 4) {
      up.connections.at(-1)?.end();
      return null;
    }
    return ok(request.slice(0, 4));
  });
  const client = rig.transport.dial(GATEWAY);
  const exchange = (request: string): string => {
    client.write(request);
    rig.run();
    return client.takeText();
  };
  t.match(exchange(get('/')), /GET $/);
  t.match(exchange(get('/')), /GET $/, 'tried again on a new connection');
  t.equal(up.connections.length, 2);
  t.equal(rig.count('nodeway_stale_connection_retries_total'), 1);
  t.match(exchange(get('/')), /GET $/);
  t.match(exchange('POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n'), /^HTTP\/1\.1 503 [^]*connection termination$/);
});

t.test('a connection whose end has come already carries no request that could not be sent again', async (t) => {
  for (const method of ['POST', 'GET']) {
    const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
    const up = rig.serve('10.0.0.1:80', () => ok('x'));
    t.match(rig.ask(get('/')), / 200 OK/);
    const client = rig.transport.dial(GATEWAY);
    rig.run();
    client.write(`${method} / HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n`);
    up.connections[0]?.end();
    rig.run();
    t.match(client.text(), /^HTTP\/1.1 200 OK/, method);
    t.equal(up.requests.length, method === 'GET' ? 3 : 2, 'one that can be sent again is not spared the dead one');
    t.equal(rig.count('nodeway_stale_connection_retries_total'), method === 'GET' ? 1 : 0);
  }
});

t.test('a response that breaks off is not made to look whole', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const up = rig.serve('10.0.0.1:80', () => 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc');
  const client = rig.transport.dial(GATEWAY);
  client.write(get('/'));
  rig.run();
  up.connections[0]?.reset();
  rig.run();
  t.match(client.text(), /abc$/);
  t.ok(client.wasReset);
  t.equal(rig.count('istio_requests_total', { response_flags: 'UC', response_code: '200' }), 1);
});

t.test('a client that goes away takes its upstream request along', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a', { retry: retry() }));
  const up = rig.serve('10.0.0.1:80', () => null);
  const client = rig.transport.dial(GATEWAY);
  client.write(get('/'));
  rig.run();
  client.reset();
  rig.run();
  t.equal(rig.transport.connections, 0);
  t.ok(up.connections[0]?.ended || up.connections[0]?.wasReset);
  t.equal(rig.count('istio_requests_total', { response_flags: 'DC', response_code: '0' }), 1);
});

t.test('HTTP broken by the upstream is 502', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  rig.serve('10.0.0.1:80', () => 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab');
  t.match(rig.ask(get('/')), /^HTTP\/1\.1 502 [^]*protocol error$/);
});
