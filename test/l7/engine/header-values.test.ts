/** Headers that users set, also from what is known of a request: each case names the formatter or the rule that it is about. */
import t from 'tap';
import type { HeaderLine, HeaderOperations } from '../../../src/l7/config/header-operations.ts';
import type { RouteAction } from '../../../src/l7/config/route.ts';
import { headerValue } from '../../../src/agent/model/header-format.ts';
import { literal } from '../../../src/l7/message/wire-text.ts';
import { get, ok, OUTBOUND, POD, retry, Rig, route } from './rig.ts';

/** As the compiler makes them. */
function lines(values: Readonly<Record<string, string>>): HeaderLine[] {
  return Object.entries(values).map(([name, text]) => {
    const made = headerValue(text);
    if (!made.ok) throw new RangeError(`${text} ${made.fault}`);
    return [literal(name), made.value];
  });
}

function site(request: HeaderOperations, response: HeaderOperations = {}, more: Partial<RouteAction> = {}, answer = ok('fine')) {
  const config = { ...route('/', 'a', more), requestHeaders: request, responseHeaders: response };
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(config);
  return { rig, up: rig.serve('10.0.0.1:80', () => answer) };
}

/** The values of a header, in order. */
const values = (text: string | undefined, name: string): string[] =>
  [...(text ?? '').matchAll(new RegExp(`\\r\\n${name}: ([^\\r]*)`, 'gi'))].map(([, value = '']) => value);

t.test('values of a request', async (t) => {
  for (const [value, expected] of [
    ['100%%', '100%'],
    ['%REQ(X-In)%', 'value'],
    ['<%REQ(X-None?X-In)%>', '<value>'],
    ['a%REQ(x-none)%b', 'ab'],
    ['%REQ(:PATH)%', '/p?q=abc&r'],
    ['%REQ(:METHOD)% %REQ(:AUTHORITY)% %REQ(:SCHEME)%', 'GET shop http'],
    ['%PATH(NQ)%', '/p'],
    ['%PATH(WQ)%', '/p?q=abc&r'],
    ['%QUERY_PARAM(q)%', 'abc'],
    ['%PROTOCOL%', 'HTTP/1.1'],
    ['%ROUTE_NAME%', 'to-a'],
    ['%UPSTREAM_CLUSTER%', 'outbound|80||a.default.svc.cluster.local;'],
    ['%UPSTREAM_CLUSTER_RAW%', 'outbound|80||a.default.svc.cluster.local'],
    ['%DOWNSTREAM_LOCAL_ADDRESS%', '192.0.2.80:80'],
    ['%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%', '192.0.2.80'],
    ['%DOWNSTREAM_LOCAL_PORT%', '80'],
    ['%STREAM_ID%', 'an-id'],
    ['%UPSTREAM_REQUEST_ATTEMPT_COUNT%', '1'],
    ['%RESPONSE_CODE% %RESPONSE_FLAGS%%RESPONSE_CODE_DETAILS%', '0 -'],
  ] as const) {
    const { rig, up } = site({ set: lines({ 'x-made': value }) });
    rig.ask(get('/p?q=abc&r', 'X-In: value\r\nX-Request-Id: an-id\r\n'));
    t.strictSame(values(up.requests[0], 'x-made'), [expected], value);
  }
});

t.test('what is added to a header of one value becomes a part of it', async (t) => {
  const headers = { 'User-Agent': 'added', Via: '%PROTOCOL%', 'x-other': 'added', Accept: '%REQ(none)%' };
  const { rig, up } = site({ add: lines(headers) });
  rig.ask(get('/', 'user-agent: one\r\nuser-agent: two\r\nx-other: one\r\naccept: a\r\n'));
  t.strictSame(values(up.requests[0], 'user-agent'), ['one,two,added']);
  t.strictSame(values(up.requests[0], 'via'), ['HTTP/1.1'], 'which is not there');
  t.strictSame(values(up.requests[0], 'x-other'), ['one', 'added']);
  t.strictSame(values(up.requests[0], 'accept'), ['a'], 'a value that comes out empty');
  const after = site({ set: lines({ 'user-agent': 'set' }), remove: ['via'], add: lines({ 'User-Agent': 'added', via: 'added' }) });
  after.rig.ask(get('/', 'user-agent: one\r\nvia: one\r\n'));
  t.strictSame(values(after.up.requests[0], 'user-agent'), ['set,added']);
  t.strictSame(values(after.up.requests[0], 'via'), ['added']);
});

t.test('%QUERY_PARAM% is decoded, and is no way to write lines', async (t) => {
  for (const [query, expected] of [
    ['q=a%20b', ['a b']],
    ['q=a+b', ['a+b']],
    ['q=%zz%4', ['%zz%4']],
    ['%71=x', ['x']],
    ['q=%2541&q=2', ['%41']],
    ['q=%0d%0aX-Mine: 1', []],
    ['q=%00', []],
  ] as const) {
    const { rig, up } = site({ set: lines({ 'x-made': '%QUERY_PARAM(q)%' }) });
    rig.ask(get(`/?${query.replace(' ', '%20')}`));
    t.strictSame(values(up.requests[0], 'x-made'), expected, query);
  }
});

t.test('a value that comes out empty changes nothing', async (t) => {
  for (const value of ['%REQ(x-none)%', '%RESP(x-in)%', '%QUERY_PARAM(none)%', '%UPSTREAM_HOST%', '%QUERY_PARAM(r)%']) {
    const { rig, up } = site({ set: lines({ 'x-made': value }), add: lines({ 'x-more': value }) });
    rig.ask(get('/?r', 'x-made: mine\r\nx-in: 1\r\n'));
    t.strictSame(values(up.requests[0], 'x-made'), ['mine'], value);
    t.strictSame(values(up.requests[0], 'x-more'), [], value);
  }
});

t.test('set replaces what is there, add comes behind it, text and formatters in their order', async (t) => {
  const { rig, up } = site({ set: lines({ 'x-set': '%REQ(x-in)%' }), add: lines({ 'x-add': 'text', 'X-Add': '%REQ(x-in)%' }) });
  rig.ask(get('/', 'x-in: value\r\nx-set: mine\r\nx-add: mine\r\n'));
  t.strictSame(values(up.requests[0], 'x-set'), ['value']);
  t.strictSame(values(up.requests[0], 'x-add'), ['mine', 'text', 'value']);
});

t.test('values of a response', async (t) => {
  for (const [value, expected] of [
    ['%RESPONSE_CODE%', '200'],
    ['%RESPONSE_CODE_DETAILS%', 'via_upstream'],
    ['%RESPONSE_FLAGS%', '-'],
    ['%REQ(X-In)% of %REQ(:PATH)%', 'value of /p'],
    ['<%RESP(X-App)%>', '<app>'],
    ['%RESP(:STATUS)%', '200'],
    ['%UPSTREAM_HOST%', '10.0.0.1:80'],
    ['%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%', '10.0.0.1'],
    ['%BYTES_RECEIVED%', '4'],
    ['%UPSTREAM_REQUEST_ATTEMPT_COUNT%', '1'],
  ] as const) {
    const { rig } = site({}, { set: lines({ 'x-made': value }) }, {}, ok('', 'X-App: app\r\n'));
    const answer = rig.ask('POST /p HTTP/1.1\r\nHost: shop\r\nX-In: value\r\nContent-Length: 4\r\n\r\nbody');
    t.strictSame(values(answer, 'x-made'), [expected], value);
  }
});

t.test('values of answers of our own', async (t) => {
  const made = lines({ 'x-made': '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %REQ(x-in)%' });
  const { rig } = site({}, { set: made }, { destinations: [{ cluster: 'gone', weight: 1 }] });
  t.strictSame(values(rig.ask(get('/', 'x-in: value\r\n')), 'x-made'), ['0 NC cluster_not_found value']);
  const redirect = { name: 'r', match: {}, action: { kind: 'redirect', code: 301, path: literal('/here') } } as const;
  const location = { set: lines({ location: 'http://%REQ(:AUTHORITY)%/there' }) };
  const answer = new Rig().gateway({ ...redirect, responseHeaders: location }).ask(get('/'));
  t.strictSame(values(answer, 'location'), ['http://shop/there']);
});

t.test('attempts: a request says the first, its response the last', async (t) => {
  const count = { set: lines({ 'x-try': '%UPSTREAM_REQUEST_ATTEMPT_COUNT%' }) };
  const { rig, up } = site(count, count, { retry: retry({ attempts: 1 }) }, ok('').replace('200', '503'));
  const client = rig.transport.dial({ ip: '192.0.2.80', port: 80 });
  client.write(get('/'));
  rig.run();
  rig.advance(100);
  t.strictSame(up.requests.map((request) => values(request, 'x-try')), [['1'], ['1']]); // prettier-ignore
  t.strictSame(values(client.text(), 'x-try'), ['2']);
});

t.test('a captured client is its pod, and its server is where it has connected to', async (t) => {
  const set = lines({ 'x-remote': '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%', 'x-local': '%DOWNSTREAM_LOCAL_ADDRESS%' });
  const rig = new Rig().cluster('web', ['10.0.0.1:80']);
  rig.scope(
    { 80: { routes: [{ ...route('/', 'web'), requestHeaders: { set } }], domains: ['shop'] } },
    { '10.96.0.1:80': { to: 'cluster', protocol: 'http', cluster: 'web' } },
  );
  const up = rig.serve('10.0.0.1:80', () => ok(''));
  rig.engine.listen(
    { kind: 'outbound', id: 1, fd: -1, netns: 3, cookie: '42', workload: 'default/app' },
    { address: OUTBOUND.ip, port: OUTBOUND.port },
  );
  rig.destinations.push({ ip: '10.96.0.1', port: 80 });
  rig.ask(get('/'), OUTBOUND);
  t.strictSame(values(up.requests[0], 'x-remote'), [POD]);
  t.strictSame(values(up.requests[0], 'x-local'), ['10.96.0.1:80']);
});

t.test('headers that the proxy adds give way to the route’s', async (t) => {
  const mine = { 'x-request-id': 'fixed', 'x-forwarded-proto': 'https', 'x-forwarded-for': '1.2.3.4', 'x-envoy-attempt-count': '7' };
  const { rig, up } = site({ set: lines(mine) }, { set: lines({ 'x-envoy-upstream-service-time': 'long', date: 'today' }) });
  const answer = rig.ask(get('/', 'x-request-id: theirs\r\n'));
  for (const [name, value] of Object.entries(mine)) t.strictSame(values(up.requests[0], name), [value], name);
  t.strictSame(values(answer, 'x-envoy-upstream-service-time'), ['long']);
  t.strictSame(values(answer, 'date'), ['today']);
  const gone = site({ remove: ['x-request-id', 'x-envoy-attempt-count'] }, { remove: ['x-envoy-upstream-service-time'] });
  const other = gone.rig.ask(get('/'));
  t.notMatch(gone.up.requests[0], /x-request-id|x-envoy-attempt-count/);
  t.notMatch(other, /service-time/);
});
