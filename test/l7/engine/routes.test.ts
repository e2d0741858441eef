import t from 'tap';
import type { RedirectAction, Rewrite, RouteConfig } from '../../../src/l7/config/route.ts';
import { literal } from '../../../src/l7/message/wire-text.ts';
import { clusterOf, endpointOf, GATEWAY, get, lines, ok, Rig, route } from './rig.ts';

function redirect(
  action: Omit<RedirectAction, 'kind' | 'code' | 'path' | 'prefix' | 'authority'> & {
    code?: number;
    path?: string;
    prefix?: string;
    authority?: string;
  },
  prefix = '/',
): RouteConfig {
  return {
    name: 'redirect',
    match: { path: { kind: 'prefix', value: prefix } },
    action: { kind: 'redirect', code: 301, ...action } as RedirectAction,
  };
}

t.test('redirects: every form of HTTPRedirect', async (t) => {
  for (const [name, config, request, location] of [
    ['uri keeps the query', redirect({ path: '/new' }), get('/old?a=1'), 'http://shop/new?a=1'],
    ['uri with a query of its own', redirect({ path: '/new?b=2' }), get('/old?a=1'), 'http://shop/new?b=2'],
    ['prefixRewrite', redirect({ prefix: '/v2' }, '/v1'), get('/v1/x?a'), 'http://shop/v2/x?a'],
    ['authority', redirect({ authority: 'other:8080' }), get('/p'), 'http://other:8080/p'],
    ['scheme', redirect({ scheme: 'https' }), get('/p'), 'https://shop/p'],
    ['port', redirect({ port: 8443 }), get('/p'), 'http://shop:8443/p'],
    ['port 80 with http is left out', redirect({ port: 80 }), get('/p').replace('shop', 'shop:81'), 'http://shop/p'],
    ['port of the request', redirect({ port: 'request', path: '/p' }), get('/').replace('shop', 'shop:1234'), 'http://shop/p'],
    ['default port', redirect({ port: 'default' }), get('/p').replace('shop', 'shop:81'), 'http://shop/p'],
    ['a port in Host stays', redirect({ path: '/p' }), get('/').replace('shop', 'shop:80'), 'http://shop:80/p'],
  ] as const) {
    const answer = new Rig().gateway(config).ask(request);
    t.match(answer, /^HTTP\/1\.1 301 Moved Permanently\r\ncontent-length: 0\r\n/, name);
    t.equal(/\r\nlocation: ([^\r]*)\r\n/.exec(answer)?.[1], location, name);
  }
  t.match(new Rig().gateway(redirect({ code: 308, path: '/' })).ask(get('/')), /^HTTP\/1\.1 308 Permanent Redirect\r\n/);
});

t.test('rewrites: prefix, whole path, regular expression, authority; the originals are told', async (t) => {
  for (const [name, rewrite, path, seen] of [
    ['prefix', { uri: '/v2' }, '/v1/x?q', 'GET /v2/x?q HTTP/1.1'],
    ['a slash too many is Istio’s', { uri: '/' }, '/v1/x', 'GET //x HTTP/1.1'],
    ['regex', { regex: { match: '/v1/([a-z]+)/([a-z]+)', substitution: '/\\2/\\1' } }, '/v1/a/b?q', 'GET /b/a?q HTTP/1.1'],
  ] as const) {
    const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/v1', 'a', { rewrite: rewrite as Rewrite }));
    const up = rig.serve('10.0.0.1:80', () => ok(''));
    rig.ask(get(path));
    t.equal(up.requests[0]?.split('\r\n')[0], seen, name);
    t.match(up.requests[0], new RegExp(`x-envoy-original-path: ${path.replace('?', '\\?')}\r\n`), name);
  }
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a', { rewrite: { authority: literal('inner.example') } }));
  const up = rig.serve('10.0.0.1:80', () => ok(''));
  rig.ask(get('/'));
  t.match(up.requests[0], /x-envoy-original-host: shop\r\n/);
  t.match(up.requests[0], /\r\nhost: inner\.example\r\n/);
  t.notMatch(up.requests[0], /Host: shop/);
});

t.test('header operations of destination and route', async (t) => {
  const base = route('/', 'a');
  const config = {
    ...base,
    action: {
      ...base.action,
      destinations: [{ cluster: 'a', weight: 1, requestHeaders: { set: lines({ 'x-from': 'destination' }), remove: ['x-gone'] } }],
    },
    requestHeaders: { set: lines({ 'x-set': 'new' }), add: lines({ 'x-add': 'two' }) },
    responseHeaders: { remove: ['x-internal'], set: lines({ 'x-out': '1' }) },
  } as RouteConfig;
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(config);
  const up = rig.serve('10.0.0.1:80', () => ok('', 'X-Internal: secret\r\nX-Out: old\r\n'));
  const answer = rig.ask(get('/', 'X-Gone: 1\r\nx-set: old\r\nX-SET: older\r\nx-add: one\r\n'));
  t.notMatch(up.requests[0], /X-Gone|old/i);
  t.match(up.requests[0], /x-add: one\r\n[^]*x-from: destination\r\nx-set: new\r\nx-add: two\r\n/);
  t.notMatch(answer, /secret|old/);
  t.match(answer, /x-out: 1\r\n/);
});

t.test('weights: 80/20 within 4 sigma over 2 000 requests', async (t) => {
  const base = route('/', ['a', 'b']);
  const config = {
    ...base,
    action: {
      ...base.action,
      destinations: [
        { cluster: 'a', weight: 80 },
        { cluster: 'b', weight: 20 },
      ],
    },
  } as RouteConfig;
  const rig = new Rig({ seed: 9 }).cluster('a', ['10.0.0.1:80']).cluster('b', ['10.0.0.2:80']).gateway(config);
  for (const address of ['10.0.0.1:80', '10.0.0.2:80']) rig.serve(address, () => ok(''));
  const client = rig.transport.dial(GATEWAY);
  for (let i = 0; i < 2000; i++) {
    client.write(get('/'));
    rig.run();
  }
  const toB = rig.count('istio_requests_total', { destination_service_name: 'b' });
  const all = toB + rig.count('istio_requests_total', { destination_service_name: 'a' });
  t.equal(all, 2000);
  t.ok(Math.abs(toB / all - 0.2) < 4 * Math.sqrt((0.2 * 0.8) / all), `share of b: ${toB / all}`);
});

t.test('mirrors get a copy, body and all; nobody waits for them, and their failures are not seen', async (t) => {
  const rig = new Rig()
    .cluster('a', ['10.0.0.1:80'])
    .cluster('m', ['10.0.0.3:80'])
    .gateway(
      route('/', 'a', {
        mirrors: [
          { cluster: 'm', share: 1_000_000 },
          { cluster: 'gone', share: 1_000_000 },
        ],
      }),
    );
  rig.serve('10.0.0.1:80', () => ok('original'));
  const mirror = rig.serve('10.0.0.3:80', () => null);
  const answer = rig.ask('POST /p HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\nbody');
  t.match(answer, /original$/);
  t.match(mirror.requests[0], /^POST \/p HTTP\/1\.1\r\nHost: shop\r\n[^]*\r\n\r\nbody$/);
  t.equal(rig.count('nodeway_mirrored_requests_total'), 1);
  mirror.connections[0]?.reset();
  rig.run();
  t.equal(
    rig.count('istio_requests_total', { destination_service_name: 'm', response_flags: 'UC' }),
    1,
    'recorded as a request of its own',
  );
});

t.test('mirror percentage 0 copies nothing', async (t) => {
  const rig = new Rig()
    .cluster('a', ['10.0.0.1:80'])
    .cluster('m', ['10.0.0.3:80'])
    .gateway(route('/', 'a', { mirrors: [{ cluster: 'm', share: 0 }] }));
  rig.serve('10.0.0.1:80', () => ok(''));
  for (let i = 0; i < 20; i++) rig.ask(get('/'));
  t.equal(rig.count('nodeway_mirrored_requests_total'), 0);
});

t.test('consistent hash by header keeps a user at one endpoint; a cookie is made when there is none', async (t) => {
  const addresses = ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80'];
  const rig = new Rig().gateway(route('/', 'h'));
  for (const address of addresses) rig.serve(address, () => ok(address));
  rig.apply({
    clusters: {
      h: clusterOf('h', { balancer: { kind: 'ring-hash', minimumRingSize: 1024, key: { kind: 'header', name: 'user' } } }),
    },
    endpoints: { h: addresses.map((address) => endpointOf(address)) },
  });
  const owners = new Set<string>();
  for (let user = 0; user < 20; user++) {
    const seen = new Set(Array.from({ length: 5 }, () => rig.ask(get('/', `User: u${user}\r\n`)).split('\r\n\r\n')[1]));
    t.equal(seen.size, 1, `user ${user}`);
    owners.add([...seen][0] as string);
  }
  t.equal(owners.size, 3, 'users spread');
  rig.apply({
    clusters: {
      h: clusterOf('h', {
        balancer: { kind: 'maglev', tableSize: 65537, key: { kind: 'cookie', name: literal('sid'), path: literal('/'), ttlSeconds: 60 } },
      }),
    },
  });
  const first = rig.ask(get('/'));
  const cookie = /set-cookie: (sid="[0-9a-f]+"); Max-Age=60; Path=\/; HttpOnly\r\n/.exec(first)?.[1] ?? '';
  t.not(cookie, '');
  for (let i = 0; i < 5; i++) {
    const again = rig.ask(get('/', `Cookie: a=b; ${cookie}\r\n`));
    t.equal(again.split('\r\n\r\n')[1], first.split('\r\n\r\n')[1]);
    t.notMatch(again, /set-cookie/);
  }
});

t.test('a change of endpoints and routes takes effect with the next request of the same connection', async (t) => {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
  rig.serve('10.0.0.1:80', () => ok('one'));
  rig.serve('10.0.0.2:80', () => ok('two'));
  const client = rig.transport.dial(GATEWAY);
  const exchange = (): string => {
    client.write(get('/'));
    rig.run();
    return client.takeText().split('\r\n\r\n')[1] ?? '';
  };
  t.equal(exchange(), 'one');
  rig.cluster('a', ['10.0.0.2:80']);
  t.equal(exchange(), 'two');
  rig.apply({ remove: { virtualHosts: ['all'] } });
  client.write(get('/'));
  rig.run();
  t.match(client.takeText(), /^HTTP\/1\.1 404 /);
});
