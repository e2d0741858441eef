import t from 'tap';
import type { RouteConfig } from '../../../../src/l7/config/route.ts';
import { client, clustersOf, compileText, hostOf, onlyRoute, routesOf, service, tableOf, virtualService } from './world.ts';

const A = 'outbound|80||a.default.svc.cluster.local';
const toA = 'route: [{ destination: { host: a } }]';
const names = (routes: readonly RouteConfig[]): string[] => routes.map(({ name }) => name);

t.test('HTTPMatchRequest: each field of the request', async (t) => {
  const value = (match: string): unknown => onlyRoute(`[{ match: [${match}], ${toA} }]`).match;
  for (const [match, expected] of [
    ['{ uri: { exact: /a } }', { path: { kind: 'exact', value: '/a' } }],
    ['{ uri: { prefix: /a }, ignoreUriCase: true }', { path: { kind: 'prefix', value: '/a' }, ignorePathCase: true }],
    ['{ uri: { regex: "/a+" }, ignoreUriCase: true }', { path: { kind: 'regex', value: '/a+' } }],
    ['{ uri: {}, method: { exact: GET } }', { method: { kind: 'exact', value: 'GET' } }],
    ['{ scheme: { exact: http } }', { scheme: { kind: 'exact', value: 'http' } }],
    ['{ authority: { prefix: "a:" } }', { authority: { kind: 'prefix', value: 'a:' } }],
    ['{ headers: { X-B: { exact: "1" } } }', { headers: [{ name: 'x-b', match: { kind: 'exact', value: '1' }, invert: false }] }],
    ['{ headers: { b: { exact: "" } } }', { headers: [{ name: 'b', match: { kind: 'exact', value: '' }, invert: false }] }],
    ['{ headers: { b: null } }', { headers: [{ name: 'b', match: { kind: 'present' }, invert: false }] }],
    ['{ headers: { b: {} } }', { headers: [{ name: 'b', match: { kind: 'present' }, invert: false }] }],
    ['{ withoutHeaders: { b: { prefix: x } } }', { headers: [{ name: 'b', match: { kind: 'prefix', value: 'x' }, invert: true }] }],
    ['{ withoutHeaders: { b: {} } }', { headers: [{ name: 'b', match: { kind: 'present' }, invert: true }] }],
    ['{ queryParams: { Q: { exact: "1" }, p: null } }', { query: [{ name: 'Q', match: { kind: 'exact', value: '1' } }, { name: 'p', match: { kind: 'present' } }] }], // prettier-ignore
    ['{ name: only }', {}],
  ] as const) {
    t.same(value(match), expected, match);
  }
});

t.test('HTTPMatchRequest: what is known before the request', async (t) => {
  const served = (match: string): boolean => {
    const compiled = compileText([
      client('client', 'default', 'app: client, tier: gold'),
      service('a'),
      virtualService(`[{ name: it, match: [${match}], ${toA} }]`),
    ]);
    return names(routesOf(compiled)).includes('it');
  };
  for (const [match, expected] of [
    ['{ port: 80 }', true],
    ['{ port: 81 }', false],
    ['{ sourceLabels: { tier: gold } }', true],
    ['{ sourceLabels: { tier: gold, app: client } }', true],
    ['{ sourceLabels: { tier: iron } }', false],
    ['{ sourceLabels: { tier: gold, other: x } }', false],
    ['{ sourceNamespace: default }', true],
    ['{ sourceNamespace: other }', false],
    ['{ gateways: [mesh] }', true],
    ['{ gateways: [gw] }', false],
    ['{ gateways: [mesh], sourceLabels: { tier: iron } }', true],
  ] as const) {
    t.equal(served(match), expected, match);
  }
});

t.test('routes are named rule.match, and end at the first that nothing gets past', async (t) => {
  const rules = `
  - { name: first, match: [{ name: one, uri: { exact: /1 } }, { uri: { exact: /2 } }, { uri: { prefix: "" } }, { uri: { prefix: /, }, headers: { x: {} } }], ${toA} }
  - { match: [{ name: alone, uri: { exact: /3 } }, { uri: { regex: ".*" } }, { name: hidden }], ${toA} }
  - { name: hidden, ${toA} }`.replace('prefix: /, }', 'prefix: / }');
  const routes = routesOf(compileText([client(), service('a'), virtualService(rules)]));
  t.same(names(routes), ['first.one', 'first', 'first', 'first', '.alone', '']);
});

t.test('destinations', async (t) => {
  for (const [route, expected] of [
    ['[{ destination: { host: a } }]', [A]],
    ['[{ destination: { host: a.default.svc.cluster.local } }]', [A]],
    ['[{ destination: { host: A } }]', [A]],
    ['[{ destination: { host: a, subset: v1 } }]', ['outbound|80|v1|a.default.svc.cluster.local']],
    ['[{ destination: { host: a, port: { number: 81 } } }]', ['outbound|81||a.default.svc.cluster.local']],
    ['[{ destination: { host: a.default } }]', ['outbound|80||a.default']],
    ['[{ destination: { host: a }, weight: 0 }]', [A]],
    ['[{ destination: { host: a }, weight: 100 }, { destination: { host: b }, weight: 0 }]', [A]],
    ['[{ destination: { host: a }, weight: 1 }, { destination: { host: b }, weight: 2 }]', [A, A.replace('|a.', '|b.')]],
  ] as const) {
    t.same(clustersOf(onlyRoute(`[{ route: ${route} }]`)), expected, route);
  }
  const weights = onlyRoute('[{ route: [{ destination: { host: a }, weight: 1 }, { destination: { host: b }, weight: 2 }] }]').action;
  t.match(weights, { destinations: [{ weight: 1 }, { weight: 2 }] });
});

t.test('rewrite', async (t) => {
  const rewrite = (rest: string): unknown => {
    const { action } = onlyRoute(`[{ match: [{ uri: { prefix: /x } }], ${rest} }]`);
    return action.kind === 'route' ? action.rewrite : null;
  };
  t.same(rewrite(toA), undefined);
  t.same(rewrite(`rewrite: { uri: / }, ${toA}`), { uri: '/' });
  t.same(rewrite(`rewrite: { authority: other }, ${toA}`), { authority: 'other' });
  t.same(rewrite(`rewrite: { uriRegexRewrite: { match: "^/(.*)", rewrite: '/y/\\1' } }, ${toA}`), {
    regex: { match: '^/(.*)', substitution: '/y/\\1' },
  });
  t.same(rewrite(`headers: { request: { set: { Host: other } } }, ${toA}`), { authority: 'other' }, 'Host is set');
  t.same(rewrite(`headers: { request: { add: { ":authority": other } } }, ${toA}`), { authority: 'other' }, ':authority is added');
  const own = 'headers: { request: { set: { host: own } } }';
  t.same(rewrite(`route: [{ destination: { host: a }, ${own} }]`), { authority: 'own' }, 'of the only destination');
  t.same(rewrite(`headers: { request: { set: { host: all } } }, route: [{ destination: { host: a }, ${own} }]`), { authority: 'all' });
});

t.test('redirect', async (t) => {
  const redirect = (text: string, port = 80): unknown => {
    const ports = `[{ name: http, port: ${port}, targetPort: 8080 }]`;
    return routesOf(compileText([client(), service('a', ports), virtualService(`[{ redirect: ${text} }]`)]), 'a', port)[0]?.action;
  };
  for (const [text, port, expected] of [
    ['{ uri: /y }', 80, { code: 301, path: '/y' }],
    ['{ prefixRewrite: /y, redirectCode: 308 }', 80, { code: 308, prefix: '/y' }],
    ['{ prefixRewrite: pre }', 80, { code: 301, prefix: '/pre' }],
    ['{ uri: moved }', 80, { code: 301, path: '/moved' }],
    ['{ authority: other, scheme: https, redirectCode: 302 }', 80, { code: 302, authority: 'other', scheme: 'https' }],
    ['{ port: 8080 }', 80, { code: 301, port: 8080 }],
    ['{ port: 80 }', 80, { code: 301 }],
    ['{ port: 443, scheme: https }', 80, { code: 301, scheme: 'https' }],
    ['{ port: 443 }', 80, { code: 301, port: 443 }],
    ['{ derivePort: FROM_REQUEST_PORT }', 85, { code: 301, port: 85 }],
    ['{ derivePort: FROM_REQUEST_PORT }', 80, { code: 301 }],
    ['{ derivePort: FROM_PROTOCOL_DEFAULT, uri: /y }', 85, { code: 301, path: '/y' }],
  ] as const) {
    t.same(redirect(text, port), { kind: 'redirect', ...expected }, `${text} at ${port}`);
  }
});

t.test("headers: of one destination in one level with the route's, of several on their own", async (t) => {
  const operations = (request: string): string => `headers: { request: ${request} }`;
  const one = (all: string, own: string): unknown =>
    onlyRoute(`[{ ${operations(all)}, route: [{ destination: { host: a }, ${operations(own)} }] }]`).requestHeaders;
  t.same(one('{ set: { b: "1", a: "100%%" } }', '{ remove: [C] }'), {
    set: [
      ['a', '100%'],
      ['b', '1'],
    ],
    remove: ['c'],
  });
  t.same(one('{ set: { a: route } }', '{ set: { a: own } }'), { set: [['a', 'own']] }, 'what comes later wins');
  t.same(one('{ add: { a: "1" } }', '{ add: { a: "2" } }'), {
    add: [
      ['a', '1'],
      ['a', '2'],
    ],
  });
  t.same(one('{ add: { a: "1" } }', '{ set: { a: "2" } }'), { set: [['a', '2']] });
  t.same(one('{ add: { a: "1" } }', '{ set: { a: "2" }, add: { a: "3" } }'), { set: [['a', '2']], add: [['a', '3']] });
  const response = onlyRoute(`[{ headers: { response: { set: { x: z } } }, ${toA} }]`);
  t.same(response.responseHeaders, { set: [['x', 'z']] });
  const several = onlyRoute(`[{ ${operations('{ set: { a: route } }')}, route: [
    { destination: { host: a }, weight: 1, ${operations('{ set: { a: own, host: own } }')} }, { destination: { host: b }, weight: 1 }] }]`);
  t.same(several.requestHeaders, { set: [['a', 'route']] });
  t.match(several.action, {
    destinations: [
      {
        requestHeaders: {
          set: [
            ['a', 'own'],
            ['Host', 'own'],
          ],
        },
      },
      {},
    ],
  });
});

t.test('mirrors', async (t) => {
  const mirrors = (text: string): unknown => {
    const { action } = onlyRoute(`[{ ${text}, ${toA} }]`);
    return action.kind === 'route' ? action.mirrors.map(({ cluster, share }) => [cluster.split('|')[3]?.[0], share / 10_000]) : null;
  };
  t.same(mirrors('mirror: { host: b }'), [['b', 100]]);
  t.same(mirrors('mirror: { host: b }, mirrorPercentage: { value: 12.5 }, mirrorPercent: 3'), [['b', 12.5]]);
  t.same(mirrors('mirror: { host: b }, mirrorPercent: 3'), [['b', 3]]);
  t.same(mirrors('mirror: { host: b }, mirrorPercentage: { value: 0 }'), []);
  t.same(mirrors('mirror: { host: b }, mirrorPercentage: {}'), []);
  t.same(mirrors('mirrors: [{ destination: { host: b } }, { destination: { host: a }, percentage: { value: 5 } }]'), [['b', 100], ['a', 5]]); // prettier-ignore
});

t.test('timeout and retries', async (t) => {
  const action = (text: string, ...more: string[]): unknown => onlyRoute(`[{ ${text}${toA} }]`, ...more).action;
  t.match(action(''), { timeoutMs: 0, retry: { attempts: 2, statusCodes: [], backoffMs: 25, avoidPreviousHosts: true } });
  t.match(action('timeout: 1.5s, '), { timeoutMs: 1500 });
  t.match(action('timeout: 1h1m1s1ms, '), { timeoutMs: 3_661_001 });
  t.match(action('retries: { attempts: 0 }, '), { retry: null });
  t.match(action('retries: { attempts: 3, perTryTimeout: 300ms, backoff: 2s, retryIgnorePreviousHosts: false }, '), {
    retry: {
      attempts: 3,
      perTryTimeoutMs: 300,
      backoffMs: 2000,
      avoidPreviousHosts: false,
      on: ['connect-failure', 'refused-stream', 'unavailable', 'cancelled', 'retriable-status-codes'],
    },
  });
  t.match(action('retries: { attempts: 1, retryOn: "gateway-error,503,409" }, '), {
    retry: { on: ['gateway-error', 'retriable-status-codes'], statusCodes: [503, 409] },
  });
});

t.test('hosts: one VirtualService has a mesh host', async (t) => {
  const owner = (...texts: string[]): string[] => names(routesOf(compileText([client(), service('a'), ...texts])));
  const named = (name: string, host: string, created: string, gateways = ''): string =>
    virtualService(
      `[{ name: ${name}, ${toA} }]`,
      `hosts: ["${host}"]\n  ${gateways}`,
      `name: ${name}, namespace: default, creationTimestamp: "${created}"`,
    );
  t.same(owner(named('new', 'a', '2025-01-02T00:00:00Z'), named('old', 'a', '2025-01-01T00:00:00Z')), ['old'], 'the oldest');
  t.same(owner(named('z', 'a', '2025-01-01T00:00:00Z'), named('x', 'a', '2025-01-01T00:00:00Z')), ['x'], 'of equals by name');
  t.same(owner(named('wide', '*.default.svc.cluster.local', '2024-01-01T00:00:00Z'), named('own', 'a', '2025-01-01T00:00:00Z')), ['own']);
  t.same(
    owner(named('wide', '*.cluster.local', '2024-01-01T00:00:00Z'), named('less', '*.default.svc.cluster.local', '2025-01-01T00:00:00Z')),
    ['less'],
  );
  t.same(owner(named('gw', 'a', '2025-01-01T00:00:00Z', 'gateways: [gw]')), ['default'], 'not of the mesh');
  t.same(owner(named('both', 'a', '2025-01-01T00:00:00Z', 'gateways: [gw, mesh]')), ['both']);
  t.same(owner(named('dotted', 'a.default', '2025-01-01T00:00:00Z')), ['default'], 'a name with a dot is complete');
});

t.test('hosts that no service has exist on port 80 only', async (t) => {
  const rule = virtualService(`[{ name: out, ${toA} }]`, 'hosts: [out.example, "*.wide.example"]');
  const compiled = compileText([client(), service('a'), service('b', '[{ name: http, port: 81 }]'), rule]);
  t.equal(hostOf(tableOf(compiled), 'out.example')?.routes[0]?.name, 'out');
  t.equal(hostOf(tableOf(compiled), '*.wide.example')?.routes[0]?.name, 'out');
  t.equal(hostOf(tableOf(compiled, 81), 'out.example'), undefined);
});
