import t from 'tap';
import { GATEWAY, get, ok, Rig, route } from './rig.ts';

function rigWithEcho(limits = {}): { rig: Rig; requests: string[] } {
  const rig = new Rig({ limits }).cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const { requests } = rig.serve('10.0.0.1:80', () => ok('fine'));
  return { rig, requests };
}

t.test('what two parsers could read differently is refused with 400, and nothing of it goes upstream', async (t) => {
  const heads: Record<string, string> = {
    'Transfer-Encoding with Content-Length': 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n',
    'unequal Content-Lengths': 'Content-Length: 3\r\nContent-Length: 4\r\n',
    'a list as Content-Length': 'Content-Length: 3, 3\r\n',
    'a signed Content-Length': 'Content-Length: +3\r\n',
    'an unknown transfer coding': 'Transfer-Encoding: gzip, chunked\r\n',
    'folded lines': 'X-A: one\r\n two\r\n',
    'a space before the colon': 'X-A : one\r\n',
    'a bare LF': 'X-A: one\nX-B: two\r\n',
    'a bare CR': 'X-A: one\rX-B: two\r\n',
    'a NUL': 'X-A: on\u0000e\r\n',
    'two Hosts': 'Host: other\r\n',
  };
  for (const [name, lines] of Object.entries(heads)) {
    const { rig, requests } = rigWithEcho();
    const client = rig.transport.dial(GATEWAY);
    client.write(`POST / HTTP/1.1\r\nHost: shop\r\n${lines}\r\nabcGET /smuggled HTTP/1.1\r\nHost: shop\r\n\r\n`);
    rig.run();
    t.match(client.text(), /^HTTP\/1\.1 400 Bad Request\r\n[^]*connection: close\r\n/, name);
    t.equal(client.text().match(/HTTP\/1\.1/g)?.length, 1, `${name}: one answer`);
    t.ok(client.ended, `${name}: closed`);
    t.equal(requests.length, 0, `${name}: nothing upstream`);
    t.equal(rig.count('nodeway_refused_connections_total', { reason: 'bad_request' }), 1);
  }
});

t.test('a malformed chunk ends the request on both sides', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const up = rig.serve('10.0.0.1:80', () => ok('fine'));
  const client = rig.transport.dial(GATEWAY);
  client.write('POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
  rig.run();
  client.write('zz\r\n');
  rig.run();
  t.match(client.text(), /^HTTP\/1\.1 400 /);
  t.ok(up.connections[0]?.wasReset, 'the upstream request is given up');
});

t.test('limits: 431 for a head that is too large or has too many lines, 408 for one that does not arrive', async (t) => {
  const { rig, requests } = rigWithEcho({ heads: { maxHeadBytes: 2000, maxHeaders: 10 }, headTimeoutMs: 1000 });
  t.match(rig.ask(get('/', `X: ${'x'.repeat(3000)}\r\n`)), /^HTTP\/1\.1 431 /);
  t.match(rig.ask(get('/', 'X: y\r\n'.repeat(20))), /^HTTP\/1\.1 431 /);
  const slow = rig.transport.dial(GATEWAY);
  slow.write('GET / HT');
  rig.run();
  rig.advance(900);
  t.equal(slow.text(), '');
  rig.advance(200);
  t.match(slow.text(), /^HTTP\/1\.1 408 Request Timeout\r\n/);
  t.equal(requests.length, 0);
  t.equal(rig.count('nodeway_refused_connections_total', { reason: 'head_timeout' }), 1);
});

t.test('empty lines before a request, or behind one, are no request: the connection is idle, and they go no further', async (t) => {
  const { rig, requests } = rigWithEcho({ headTimeoutMs: 1000 });
  const client = rig.transport.dial(GATEWAY);
  client.write(`\r\n\r\n\n${get('/1')}\r\n\r\n`);
  rig.run();
  client.write('\r');
  rig.run();
  client.write('\n');
  rig.run();
  rig.advance(2000);
  client.write(`\r\n${get('/2')}`);
  rig.run();
  t.equal(client.text().match(/HTTP\/1\.1 200 /g)?.length, 2);
  t.notMatch(client.text(), /408/);
  for (const [index, request] of requests.entries()) t.match(request, new RegExp(`^GET /${index + 1} HTTP`));
  client.write('\r\n');
  rig.run();
  rig.engine.drain(60_000, () => {});
  rig.advance(2000);
  t.ok(client.ended, 'and a drain need not wait for it');
});

t.test('a head fed byte by byte is read', async (t) => {
  const { rig, requests } = rigWithEcho();
  const client = rig.transport.dial(GATEWAY);
  for (const byte of get('/dribble', 'A: b\r\n')) {
    client.write(byte);
    rig.run();
  }
  t.match(client.text(), /fine$/);
  t.match(requests[0], /^GET \/dribble HTTP\/1\.1\r\nHost: shop\r\nA: b\r\n/);
});

t.test('hop-by-hop headers stay on their hop', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const up = rig.serve('10.0.0.1:80', () => ok('fine', 'Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-Keep: 2\r\n'));
  const answer = rig.ask(get('/', 'Connection: keep-alive, X-Private\r\nX-Private: 1\r\nKeep-Alive: 300\r\nTE: gzip\r\nX-Public: 2\r\n'));
  t.notMatch(up.requests[0], /X-Private|Keep-Alive|TE:|Connection/i);
  t.match(up.requests[0], /X-Public: 2\r\n/);
  t.notMatch(answer, /X-Hop|Keep-Alive:/);
  t.match(answer, /X-Keep: 2\r\n/);
});

t.test('absolute-form becomes origin-form', async (t) => {
  const { rig, requests } = rigWithEcho();
  rig.ask('GET http://shop/a/b?c HTTP/1.1\r\nHost: shop\r\n\r\n');
  t.match(requests[0], /^GET \/a\/b\?c HTTP\/1\.1\r\n/);
  t.match(requests[0], /\r\nhost: shop\r\n/i);
});

t.test('Connection: close and HTTP/1.0 end the connection after the response; HTTP/1.0 keep-alive does not', async (t) => {
  const { rig } = rigWithEcho();
  for (const [request, closes] of [
    [get('/', 'Connection: close\r\n'), true],
    ['GET / HTTP/1.0\r\nHost: shop\r\n\r\n', true],
    ['GET / HTTP/1.0\r\nHost: shop\r\nConnection: keep-alive\r\n\r\n', false],
    [get('/'), false],
  ] as const) {
    const client = rig.transport.dial(GATEWAY);
    client.write(request);
    rig.run();
    t.match(client.text(), /fine$/);
    t.equal(client.ended, closes, request.replace(/\r\n/g, ' '));
    t.equal(/connection: close/i.test(client.text()), closes);
  }
});

t.test('a slow reader stops its upstream, and gets everything in the end', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const size = 8 << 20;
  const up = rig.serve('10.0.0.1:80', () => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n`);
  const client = rig.transport.dial(GATEWAY);
  client.pause(1000);
  client.write(get('/'));
  rig.run();
  const server = up.connections[0];
  server?.write(Buffer.alloc(size, 120));
  rig.run();
  t.ok((server?.outgoing.length ?? 0) > size - (1 << 20), 'most of it still waits at the server');
  client.resume();
  server?.write('\r\n0\r\n\r\n');
  for (let i = 0; i < 10; i++) rig.run();
  t.ok(client.receivedBytes > size, 'all of it came');
  t.ok(client.text().endsWith('\r\n0\r\n\r\n'));
});

t.test('a client that asks on and on and reads nothing is not read either, and gets every answer once it reads', async (t) => {
  for (const [path, count] of [
    ['/none', 40_000],
    ['/a', 10_000],
  ] as const) {
    const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/a', 'a'));
    rig.serve('10.0.0.1:80', () => ok('x'.repeat(100)));
    const client = rig.transport.dial(GATEWAY);
    const request = get(path);
    client.pause(0);
    client.write(request.repeat(count));
    for (let i = 0; i < 40; i++) rig.run();
    t.ok(client.outgoing.length > (count * request.length) / 2, `${path}: ${client.outgoing.length} bytes have not been read`);
    client.resume();
    for (let before = -1; before !== client.receivedBytes; rig.run()) before = client.receivedBytes;
    t.equal(client.text().split('HTTP/1.1 ').length - 1, count);
  }
});

t.test('long bodies of known length are relayed, exactly, and the connections live on', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const body = 'r'.repeat(300_000);
  const up = rig.serve('10.0.0.1:80', (request, nth) => (nth === 0 ? ok(body) : ok(`got ${request.length}`)));
  const client = rig.transport.dial(GATEWAY);
  client.write(get('/'));
  rig.run();
  t.ok(client.takeText().endsWith(`\r\n\r\n${body}`));
  client.write(`POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: ${body.length}\r\n\r\n`);
  for (let at = 0; at < body.length; at += 50_000) {
    client.write(body.slice(at, at + 50_000));
    rig.run();
  }
  t.match(client.takeText(), /got 300\d\d\d$/);
  t.ok(up.requests[1]?.endsWith(body));
  t.equal(up.connections.length, 1, 'one upstream connection for both');
});

t.test('a response that comes before a long request is whole: what follows is thrown away and the connection closed', async (t) => {
  const rig = new Rig().gateway();
  const client = rig.transport.dial(GATEWAY);
  client.write(`POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 10000000\r\n\r\n${'x'.repeat(1000)}`);
  rig.run();
  t.match(client.takeText(), /^HTTP\/1\.1 404 [^]*connection: close\r\n/);
  t.ok(client.ended);
  client.write('x'.repeat(1000));
  rig.run();
  t.notOk(client.wasReset, 'no RST that could destroy the response');
  client.end();
  rig.advance(6000);
  t.equal(rig.transport.connections, 0);
});

t.test('a short request body after an early answer is read away and the connection kept', async (t) => {
  const rig = new Rig().gateway();
  const client = rig.transport.dial(GATEWAY);
  client.write('POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\n12345');
  rig.run();
  t.match(client.takeText(), /^HTTP\/1\.1 404 /);
  client.write(`67890${get('/')}`);
  rig.run();
  t.match(client.takeText(), /^HTTP\/1\.1 404 /, 'the next request is understood');
  t.notOk(client.ended);
});

t.test('a client that was not told to continue is not read as if it had been: its next bytes may be a request', async (t) => {
  const asking = 'POST / HTTP/1.1\r\nHost: shop\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n';
  const refusal = 'HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno';
  const cases = [
    { name: 'refused by the server', body: '', answer: refusal, closes: true },
    { name: 'no longer waiting', body: 'ab', answer: refusal, closes: false },
    { name: 'told to continue', body: '', answer: `HTTP/1.1 100 Continue\r\n\r\n${refusal}`, closes: false },
  ];
  for (const { name, body, answer, closes } of cases) {
    const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
    const up = rig.serve('10.0.0.1:80', () => ok('next'));
    const client = rig.transport.dial(GATEWAY);
    client.write(`${asking}${body}`);
    rig.run();
    up.connections[0]?.write(answer);
    rig.run();
    const text = client.takeText();
    t.match(text, /HTTP\/1\.1 417 [^]*no$/, name);
    t.equal(/connection: close/i.test(text), closes, name);
    t.equal(client.ended, closes, name);
    client.write(`${closes ? '' : 'abcd'.slice(body.length)}${get('/')}`);
    rig.run();
    t.match(client.takeText(), closes ? /^$/ : /^HTTP\/1\.1 200 [^]*next$/, `${name}: the next request`);
    t.match(rig.ask(get('/')), /^HTTP\/1\.1 200 [^]*next$/);
    t.match(up.requests.at(-1), /^GET /, `${name}: no connection to the server is used again whose request is not whole`);
  }
});

t.test("a reply of the agent's own ends the connection of a client that was not told to continue", async (t) => {
  const rig = new Rig().gateway();
  const answer = rig.ask('POST / HTTP/1.1\r\nHost: shop\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n');
  t.match(answer, /^HTTP\/1\.1 404 [^]*connection: close\r\n/);
});

t.test('draining: idle connections close after a second, busy ones after their response', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const up = rig.serve('10.0.0.1:80', () => null);
  const idle = rig.transport.dial(GATEWAY);
  const busy = rig.transport.dial(GATEWAY);
  busy.write(get('/'));
  rig.run();
  let drained = false;
  rig.engine.drain(5000, () => (drained = true));
  rig.advance(50);
  t.notOk(idle.ended, 'a client may be sending just now');
  rig.advance(1100);
  t.ok(idle.ended);
  t.notOk(drained);
  idle.end();
  up.connections[0]?.write(ok('last'));
  rig.run();
  t.match(busy.text(), /connection: close\r\n[^]*last$/);
  busy.end();
  up.connections[0]?.end();
  rig.advance(100);
  t.ok(drained);
});

t.test('a client that ends its side behind its request is gone, as to Envoy: the request is given up and not answered', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  const up = rig.serve('10.0.0.1:80', () => null);
  const client = rig.transport.dial(GATEWAY);
  client.write(get('/'));
  rig.run();
  t.equal(up.requests.length, 1);
  client.end();
  rig.run();
  up.connections[0]?.write(ok('late'));
  rig.run();
  t.equal(client.text(), '');
  t.ok(client.ended, 'closed');
  t.ok(up.connections[0]?.wasReset, 'the server need not go on');
  t.equal(rig.count('istio_requests_total', { response_flags: 'DC' }), 1);
});
