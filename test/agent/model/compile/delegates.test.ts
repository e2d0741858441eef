/** Delegation and exportTo of VirtualServices: what a client or gateway gets, and what is said where there is nothing to get. */
import t from 'tap';
import type { RouteConfig } from '../../../../src/l7/config/route.ts';
import { client, clustersOf, compileText, complaints, gatewayTable, hostOf, routesOf, service, virtualService } from './world.ts';

const to = (host: string): string => `route: [{ destination: { host: ${host} } }]`;
const root = (http: string): string => virtualService(http, 'hosts: [a]', 'name: root, namespace: default');
const leaf = (http: string, name = 'leaf', head = '', namespace = 'default'): string =>
  virtualService(http, head, `name: ${name}, namespace: ${namespace}`);
const compile = (...texts: readonly string[]) => compileText([client(), service('a'), service('b'), ...texts]);
const routes = (...texts: readonly string[]): readonly RouteConfig[] => routesOf(compile(...texts));

t.test('a delegate’s rules take the place of the rule that names it', async (t) => {
  const found = routes(
    root(`[{ name: r, match: [{ uri: { prefix: /r } }], delegate: { name: leaf } }, { name: rest, ${to('a')} }]`),
    leaf(`[{ name: one, match: [{ uri: { prefix: /r/1 } }], ${to('b')} }, { ${to('a')} }]`),
  );
  t.strictSame(
    found.map(({ name, match }) => [name, match.path]),
    [
      ['r-one', { kind: 'prefix', value: '/r/1' }],
      ['r', { kind: 'prefix', value: '/r' }],
      ['rest', undefined],
    ],
  );
});

t.test('short names are those of the object that has them', async (t) => {
  const [route] = routes(
    root('[{ delegate: { name: leaf, namespace: other }, mirror: { host: b } }]'),
    leaf(`[{ ${to('c')} }]`, 'leaf', '', 'other'),
  );
  t.strictSame(clustersOf(route), ['outbound|80||c.other.svc.cluster.local']);
  t.match(route?.action, { mirrors: [{ cluster: 'outbound|80||b.default.svc.cluster.local' }] });
});

t.test('what the delegate leaves open comes from the rule', async (t) => {
  const given = 'timeout: 1s, rewrite: { uri: /root }, headers: { request: { set: { x: root } } }, retries: { attempts: 7 }';
  const [own, taken] = routes(
    root(`[{ ${given}, delegate: { name: leaf } }]`),
    leaf(`[{ match: [{ uri: { exact: /1 } }], timeout: 2s, headers: { response: { set: { z: leaf } } }, ${to('a')} }, { ${to('a')} }]`),
  );
  t.match(own?.action, { timeoutMs: 2000, rewrite: { uri: '/root' }, retry: { attempts: 7 } });
  t.equal(own?.requestHeaders, undefined, 'headers are one block');
  t.match(own?.responseHeaders, { set: [['z', 'leaf']] });
  t.match(taken?.action, { timeoutMs: 1000 });
  t.match(taken?.requestHeaders, { set: [['x', 'root']] });
});

t.test('matches: each of the delegate’s within each of the rule’s that it does not contradict', async (t) => {
  const merged = (outer: string, inner: string): unknown[] =>
    routes(root(`[{ match: [${outer}], delegate: { name: leaf } }]`), leaf(`[{ match: [${inner}], ${to('a')} }]`)).map(
      ({ match }) => match,
    );
  const path = (kind: string, value: string) => ({ path: { kind, value } });
  for (const [outer, inner, expected] of [
    ['{ uri: { prefix: /a } }', '{ uri: { prefix: /a/b } }', [path('prefix', '/a/b')]],
    ['{ uri: { prefix: /a } }', '{ uri: { exact: /a } }', [path('exact', '/a')]],
    ['{ uri: { prefix: /a/b } }', '{ uri: { prefix: /a } }', []],
    ['{ uri: { exact: /a } }', '{ uri: { exact: /a } }', [path('exact', '/a')]],
    ['{ uri: { exact: /a } }', '{ uri: { prefix: /a } }', []],
    ['{ uri: { regex: /a } }', '{ uri: { prefix: /a } }', []],
    ['{ uri: { prefix: /a } }', '{ uri: { regex: /a } }', []],
    ['{ uri: { regex: /a } }', '{ method: { exact: GET } }', [{ ...path('regex', '/a'), method: { kind: 'exact', value: 'GET' } }]],
    ['{ uri: { prefix: /a }, ignoreUriCase: true }', '{ uri: { prefix: /a } }', []],
    ['{ uri: { prefix: /a } }, { uri: { prefix: /b } }', '{ uri: { prefix: /b/c } }', [path('prefix', '/b/c')]],
    ['{ uri: { prefix: /a } }, { uri: { prefix: /a/b } }', '{ uri: { prefix: /a/b } }', [path('prefix', '/a/b'), path('prefix', '/a/b')]],
    ['{ headers: { x: { exact: "1" } } }', '{ headers: { x: { exact: "2" } } }', []],
    ['{ headers: { x: {} } }', '{ headers: { x: { exact: "2" } } }', []],
    ['{ port: 80 }', '{ port: 81 }', []],
    ['{ sourceNamespace: default }', '{ uri: { prefix: /a } }', []],
    ['{ sourceNamespace: default }', '{ sourceNamespace: default }', [{}]],
    ['{ sourceLabels: { app: client } }', '{ sourceLabels: { app: other } }', []],
    ['{ gateways: [mesh] }', '{ gateways: [gw] }', []],
    ['{ gateways: [mesh, gw] }', '{ gateways: [mesh] }', [{}]],
    ['{ withoutHeaders: { x: { exact: "1" } } }', '{ withoutHeaders: { z: {} } }', [{ headers: [{ name: 'x', match: { kind: 'exact', value: '1' }, invert: true }, { name: 'z', match: { kind: 'present' }, invert: true }] }]], // prettier-ignore
  ] as const) {
    t.strictSame(merged(outer, inner), expected.length === 0 ? [{}] : expected, `${outer} ${inner}`);
  }
});

t.test('what is left out, and why', async (t) => {
  for (const [what, texts, expected] of [
    [
      'no such delegate',
      [root(`[{ delegate: { name: none } }, { ${to('a')} }]`)],
      /spec\.http\[0\]: there is no VirtualService default\/none/,
    ],
    [
      'a delegate with hosts',
      [root(`[{ delegate: { name: leaf } }, { ${to('a')} }]`), leaf(`[{ ${to('b')} }]`, 'leaf', 'hosts: [b]')],
      /without hosts/,
    ],
    [
      'a private delegate',
      [
        root(`[{ delegate: { name: leaf, namespace: other } }, { ${to('a')} }]`),
        leaf(`[{ ${to('b.default.svc.cluster.local')} }]`, 'leaf', 'exportTo: ["."]', 'other'),
      ],
      /is not there for default/,
    ],
    [
      'a rule outside of the root’s',
      [
        root(`[{ match: [{ uri: { prefix: /r } }], delegate: { name: leaf } }, { ${to('a')} }]`),
        leaf(`[{ match: [{ uri: { prefix: /l } }], ${to('b')} }]`),
      ],
      /spec\.http\[0\]: no request meets it/,
    ],
  ] as const) {
    // prettier-ignore
    const compiled = compile(...texts);
    t.strictSame(routesOf(compiled).map(clustersOf), [['outbound|80||a.default.svc.cluster.local']], what);
    t.match(complaints(compiled).join('\n'), expected, what);
  }
});

t.test('two that name each other, and one that names itself, delegate nothing', async (t) => {
  const compiled = compile(
    virtualService(`[{ delegate: { name: two } }, { ${to('a')} }]`, 'hosts: [a]', 'name: one, namespace: default'),
    virtualService(
      `[{ delegate: { name: one } }, { delegate: { name: two } }, { ${to('b')} }]`,
      'hosts: [b]',
      'name: two, namespace: default',
    ),
  );
  t.equal(compiled.problems.length, 3);
  t.equal(routesOf(compiled).length, 1);
  t.equal(routesOf(compiled, 'b').length, 1);
});

t.test('exportTo: whose clients see it, and which one of several', async (t) => {
  const named = (name: string, namespace: string, exportTo: string): string =>
    virtualService(`[{ name: ${name}, route: [{ destination: { host: a.default.svc.cluster.local } }] }]`, `hosts: [a.default.svc.cluster.local]\n  exportTo: [${exportTo}]`, `name: ${name}, namespace: ${namespace}, creationTimestamp: "2026-01-0${name.length}T00:00:00Z"`); // prettier-ignore
  const seen = (pod: string, ...texts: readonly string[]): string | undefined =>
    hostOf(tableFor(pod, ...texts), 'a.default.svc.cluster.local')?.routes[0]?.name;
  const tableFor = (pod: string, ...texts: readonly string[]) => {
    const compiled = compileText([client(), client('c', 'other'), client('d', 'third'), service('a'), ...texts]);
    return new Map([['a.default.svc.cluster.local', hostFor(compiled, pod)]]) as never;
  };
  const hostFor = (compiled: ReturnType<typeof compileText>, pod: string) => ({
    routes: routesOf(compiled, 'a.default.svc.cluster.local', 80, pod),
  });
  for (const [exportTo, inDefault, inOther, inThird] of [
    ['"*"', 'vs', 'vs', 'vs'],
    ['"."', 'default', 'vs', 'default'],
    ['third', 'default', 'default', 'vs'],
    ['".", default', 'vs', 'vs', 'default'],
  ] as const) {
    const text = named('vs', 'other', exportTo);
    t.strictSame(
      ['default/client', 'other/c', 'third/d'].map((pod) => seen(pod, text)),
      [inDefault, inOther, inThird],
      exportTo,
    );
  }
  const all = [named('a', 'default', '"*"'), named('bb', 'third', 'other'), named('ccc', 'other', '"."')];
  t.strictSame(
    ['default/client', 'other/c', 'third/d'].map((pod) => seen(pod, ...all)),
    ['a', 'ccc', 'a'],
    'own, then by name, then all; age comes after',
  );
  t.strictSame(
    complaints(compileText([client(), client('c', 'other'), service('a'), ...all])).filter((text) => /already/.test(text)),
    ['VirtualService spec.hosts[0]: VirtualService other/ccc has a.default.svc.cluster.local already'],
  );
});

t.test('exportTo at gateways: the namespace of the Gateway or of the agent', async (t) => {
  const gateway = `
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: gw, namespace: infra }
spec: { selector: { istio: gateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ['*'] }] }
`;
  const at = (exportTo: string) => {
    const head = `hosts: [x.example]\n  gateways: [infra/gw]\n  exportTo: [${exportTo}]`;
    const compiled = compile(gateway, virtualService(`[{ name: it, ${to('a')} }]`, head));
    return [hostOf(gatewayTable(compiled), 'x.example')?.routes[0]?.name, complaints(compiled)] as const;
  };
  t.equal(at('"*"')[0], 'it');
  t.equal(at('infra')[0], 'it');
  t.equal(at('nodeway-system')[0], 'it');
  const [route, said] = at('"."');
  t.equal(route, undefined);
  t.match(said.join(), /not exported to the namespace of Gateway infra\/gw/);
});
