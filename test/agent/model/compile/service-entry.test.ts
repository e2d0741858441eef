import t from 'tap';
import {
  addressesOf,
  applied,
  client,
  cluster,
  clustersOf,
  compileText,
  complaints,
  destinationRule,
  endpoints,
  hostOf,
  pod,
  routesOf,
  service,
  storeOf,
  tableOf,
  virtualService,
} from './world.ts';
import { lightIds } from '../../../l7/packed/light-records.ts';

const entry = (spec: string, metadata = 'name: ext, namespace: default'): string => `
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { ${metadata} }
spec: ${spec}
`;
const workload = (name: string, spec: string, labels = ''): string => `
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}, namespace: default, labels: { ${labels} } }
spec: ${spec}
`;
const http = 'ports: [{ number: 80, name: http, protocol: HTTP }]';
const tls = 'ports: [{ number: 443, name: tls, protocol: TLS }]';
const tcp = 'ports: [{ number: 9000, name: tcp, protocol: TCP }]';
const EXT = 'outbound|80||ext.example';

const places = (compiled: ReturnType<typeof compileText>, id: string): string[] =>
  endpoints(compiled, id).map(({ address, port }) => `${address}:${port}`);
/** What SNI leads to at a port. */
const named = ({ snapshot }: ReturnType<typeof compileText>, port: number, layer = 'mesh sni'): Record<string, string[]> =>
  Object.fromEntries(
    [...snapshot.records.virtualHosts.values()]
      .filter((host) => host.layer === layer && host.port === port)
      .map(({ domains, routes }) => [domains.join(), clustersOf(routes[0])]),
  );

t.test('STATIC: endpoints as they are written', async (t) => {
  const ports = 'ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 8080 }]';
  const list =
    '[{ address: 192.0.2.1, weight: 3, labels: { v: a } }, { address: "2001:DB8::1", ports: { http: 9090 } }, { address: unix:///x }]';
  const compiled = compileText([client(), entry(`{ hosts: [ext.example], ${ports}, resolution: STATIC, endpoints: ${list} }`)]);
  t.same(places(compiled, EXT), ['192.0.2.1:8080', '2001:db8::1:9090']);
  t.match(endpoints(compiled, EXT)[0], { weight: 3, local: null, identity: { workload: 'ext-0', namespace: 'default' } });
  t.same(hostOf(tableOf(compiled), 'ext.example')?.domains, ['ext.example'], 'no short names');
  t.equal(hostOf(tableOf(compiled), 'ext.example')?.local, null);
  t.match(cluster(compiled, EXT).service, { name: 'ext.example', namespace: 'default', host: 'ext.example' });
});

t.test('rules apply to it as to any service', async (t) => {
  const compiled = compileText([
    client(),
    entry(
      `{ hosts: [ext.example], ${http}, resolution: STATIC, endpoints: [{ address: 192.0.2.1, labels: { v: a } }, { address: 192.0.2.2 }] }`,
    ),
    destinationRule('{ host: ext.example, subsets: [{ name: a, labels: { v: a } }] }'),
    virtualService('[{ timeout: 3s, route: [{ destination: { host: ext.example, subset: a } }] }]', 'hosts: [ext.example]'),
  ]);
  t.same(clustersOf(routesOf(compiled, 'ext.example')[0]), ['outbound|80|a|ext.example']);
  t.same(places(compiled, 'outbound|80|a|ext.example'), ['192.0.2.1:80']);
  t.same(complaints(compiled), []);
});

t.test('a wildcard host is a destination by itself', async (t) => {
  const compiled = compileText([
    client(),
    entry(`{ hosts: ["*.wide.example"], ${http}, resolution: STATIC, endpoints: [{ address: 192.0.2.1 }] }`),
    virtualService('[{ route: [{ destination: { host: "*.wide.example" } }] }]', 'hosts: ["*.wide.example"]'),
  ]);
  t.same(hostOf(tableOf(compiled), '*.wide.example')?.domains, ['*.wide.example']);
  t.same(clustersOf(routesOf(compiled, '*.wide.example')[0]), ['outbound|80||*.wide.example']);
  t.same(complaints(compiled), []);
});

t.test('NONE: connections go on to where they were going', async (t) => {
  const ports = 'ports: [{ number: 80, name: http, protocol: HTTP }, { number: 443, name: tls, protocol: TLS, targetPort: 8443 }]';
  const compiled = compileText([client(), entry(`{ hosts: ["*.none.example"], ${ports} }`)]);
  t.same(cluster(compiled, 'outbound|80||*.none.example').original, { port: null });
  t.same(cluster(compiled, 'outbound|443||*.none.example').original, { port: 8443 });
  t.same(named(compiled, 443), { '*.none.example': ['outbound|443||*.none.example'] });
  t.same(addressesOf(compiled), { '*:80': { to: 'host', protocol: 'auto' }, '*:443': { to: 'host', protocol: 'auto' } });
});

t.test('addresses and ranges are its own', async (t) => {
  const compiled = compileText([
    client(),
    entry(
      `{ hosts: [ext.example], addresses: [192.0.2.7, 198.51.100.77/24, "2001:db8:1::/48", 203.0.113.9/32], ${tcp}, resolution: STATIC, endpoints: [] }`,
    ),
  ]);
  const to = { to: 'cluster', protocol: 'tcp', cluster: 'outbound|9000||ext.example' };
  t.same(addressesOf(compiled), {
    '192.0.2.7:9000': to,
    '203.0.113.9:9000': to,
    '198.51.100.0/24:9000': to,
    '[2001:db8:1:0:0:0:0:0]/48:9000': to,
  });
});

t.test('without addresses', async (t) => {
  const stat = 'resolution: STATIC, endpoints: [{ address: 192.0.2.1 }]';
  for (const [about, texts, port, expected] of [
    [
      'TCP: any address at the port',
      [entry(`{ hosts: [a.example], ${tcp}, ${stat} }`)],
      9000,
      { to: 'cluster', protocol: 'tcp', cluster: 'outbound|9000||a.example' },
    ],
    ['TLS: by name', [entry(`{ hosts: [a.example], ${tls}, ${stat} }`)], 443, { to: 'host', protocol: 'auto' }],
    [
      'TCP beside HTTP: what is not HTTP',
      [entry(`{ hosts: [a.example], ports: [{ number: 80, name: tcp, protocol: TCP }], ${stat} }`), service('s')],
      80,
      { to: 'host', protocol: 'auto', opaque: 'outbound|80||a.example' },
    ],
    [
      'the oldest has the port',
      [
        entry(`{ hosts: [new.example], ${tcp}, ${stat} }`, 'name: a, namespace: default, creationTimestamp: "2026-01-02T00:00:00Z"'),
        entry(`{ hosts: [old.example], ${tcp}, ${stat} }`, 'name: b, namespace: default, creationTimestamp: "2026-01-01T00:00:00Z"'),
      ],
      9000,
      { to: 'cluster', protocol: 'tcp', cluster: 'outbound|9000||old.example' },
    ],
  ] as const) {
    t.same(addressesOf(compileText([client(), ...texts]))[`*:${port}`], expected, about);
  }
});

t.test('workloadSelector: pods and WorkloadEntries of the namespace', async (t) => {
  const ports = 'ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 8080 }]';
  const compiled = compileText([
    client(),
    pod('p', '10.0.0.1', 'app: legacy'),
    pod('other', '10.0.0.2', 'app: other'),
    workload('vm', '{ address: 10.1.0.1, ports: { http: 7070 }, labels: { app: wrong }, serviceAccount: vm }', 'app: legacy, version: v2'),
    workload('vm2', '{ address: 10.1.0.2, labels: { app: legacy } }'),
    entry(
      `{ hosts: [legacy.example], ${ports}, location: MESH_INTERNAL, resolution: STATIC, workloadSelector: { labels: { app: legacy } } }`,
    ),
    destinationRule('{ host: legacy.example, subsets: [{ name: v2, labels: { version: v2 } }] }'),
  ]);
  t.same(places(compiled, 'outbound|80||legacy.example'), ['10.0.0.1:8080', '10.1.0.1:7070', '10.1.0.2:8080']);
  t.same(places(compiled, 'outbound|80|v2|legacy.example'), ['10.1.0.1:7070']);
  t.match(endpoints(compiled, 'outbound|80|v2|legacy.example')[0]?.identity, {
    workload: 'vm',
    app: 'legacy',
    version: 'v2',
    serviceAccount: 'vm',
  });
});

t.test('a Kubernetes Service has WorkloadEntries that it selects', async (t) => {
  const compiled = compileText([client(), service('a'), pod('p', '10.0.0.1', 'app: a'), workload('vm', '{ address: 10.1.0.1 }', 'app: a')]);
  t.same(places(compiled, 'outbound|80||a.default.svc.cluster.local'), ['10.0.0.1:8080', '10.1.0.1:8080']);
});

t.test('DNS: names are asked for, and what they have are endpoints', async (t) => {
  const store = storeOf(
    client(),
    entry(`{ hosts: [Ext.example], ${http}, resolution: DNS }`),
    entry(
      `{ hosts: [many.example], ${http}, resolution: DNS, endpoints: [{ address: a.example, ports: { http: 81 } }, { address: 192.0.2.9 }, { address: b.example }] }`,
      'name: many, namespace: default',
    ),
    entry(`{ hosts: [first.example], ${http}, resolution: DNS_ROUND_ROBIN }`, 'name: first, namespace: default'),
  );
  const compiled = compileText('');
  const { compiler } = applied(compiled.compiler, store.takeChanges());
  t.same([...compiler.names].sort(), ['a.example', 'b.example', 'ext.example', 'first.example']);
  const answer = (name: string, addresses: string[], fault: string | null = null): void => {
    compiler.resolve(name, { addresses, fault });
  };
  answer('ext.example', ['192.0.2.1', '2001:db8::1']);
  answer('a.example', ['192.0.2.2']);
  answer('first.example', ['192.0.2.5', '192.0.2.4']);
  const after = applied(compiler, []);
  t.same(places(after, EXT), ['192.0.2.1:80', '2001:db8::1:80']);
  t.same(places(after, 'outbound|80||many.example'), ['192.0.2.2:81', '192.0.2.9:80']);
  t.same(places(after, 'outbound|80||first.example'), ['192.0.2.5:80'], 'one address at a time');

  answer('ext.example', ['192.0.2.3'], 'queryA ETIMEOUT ext.example');
  const { delta } = compiler.commit();
  t.same(lightIds('endpoints', delta), [EXT]);
  t.same(
    compiler.snapshot.endpoints.get(EXT)?.map(({ address, port }) => `${address}:${port}`),
    ['192.0.2.3:80'],
  );
  const others = (['clusters', 'virtualHosts', 'addresses'] as const).flatMap((kind) => lightIds(kind, delta));
  t.same([delta?.records, others], [{}, []], 'only endpoints travel');
  t.match(compiler.problems(), [
    { path: 'spec.hosts', message: /^ext\.example cannot be resolved: queryA ETIMEOUT ext\.example; the addresses before stay in use$/ },
  ]);
});

t.test('of a name with very many addresses, some are used', async (t) => {
  const { compiler } = compileText([client(), entry(`{ hosts: [ext.example], ${http}, resolution: DNS }`)]);
  const addresses = Array.from({ length: 10_000 }, (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`);
  compiler.resolve('ext.example', { addresses, fault: null });
  const after = applied(compiler, []);
  t.equal(endpoints(after, EXT).length, 1000);
  t.match(after.problems, [
    { severity: 'warning', path: 'spec.hosts', message: 'ext.example has 10000 addresses, of which 1000 are used' },
  ]);
});

t.test('who sees it: exportTo', async (t) => {
  const stat = (ip: string): string => `resolution: STATIC, endpoints: [{ address: ${ip} }]`;
  const compiled = compileText([
    client(),
    client('client', 'other'),
    client('client', 'third'),
    entry(`{ hosts: [ext.example], ${http}, ${stat('192.0.2.1')}, exportTo: [.] }`),
    entry(`{ hosts: [ext.example], ${http}, ${stat('192.0.2.2')}, exportTo: [other] }`, 'name: e, namespace: third'),
    entry(`{ hosts: [nobody.example], ${http}, ${stat('192.0.2.3')}, exportTo: ["~"] }`, 'name: none, namespace: default'),
  ]);
  for (const [namespace, expected] of [
    ['default', ['192.0.2.1:80']],
    ['other', ['192.0.2.2:80']],
    ['third', []],
  ] as const) {
    const [id = ''] = clustersOf(routesOf(compiled, 'ext.example', 80, `${namespace}/client`)[0]);
    t.same(places(compiled, id), expected, namespace);
    t.same(routesOf(compiled, 'nobody.example', 80, `${namespace}/client`), [], `${namespace}: nobody`);
  }
  t.equal(cluster(compiled, EXT), undefined, 'nothing that everyone shares');
});

t.test("a Kubernetes Service's name is its own, but for clients of the entry's namespace", async (t) => {
  const rival = entry(
    `{ hosts: [a.default.svc.cluster.local], ${http}, resolution: STATIC, endpoints: [{ address: 192.0.2.1 }] }`,
    'name: squat, namespace: other, creationTimestamp: "2020-01-01T00:00:00Z"',
  );
  const compiled = compileText([client(), client('client', 'other'), service('a'), pod('p', '10.0.0.1', 'app: a'), rival]);
  const found = (name: string, from: string): string[] => places(compiled, clustersOf(routesOf(compiled, name, 80, from)[0])[0] ?? '');
  for (const name of ['a.default', 'a.default.svc', 'a.default.svc.cluster.local']) {
    t.same(found(name, 'default/client'), ['10.0.0.1:8080'], name);
    t.same(found(name, 'other/client'), ['192.0.2.1:80'], name);
  }
  t.same(found('a', 'default/client'), ['10.0.0.1:8080']);
});

t.test('a service that is there for some namespaces only', async (t) => {
  const compiled = compileText([
    client(),
    client('client', 'other'),
    service('a').replace('name: a,', 'annotations: { networking.istio.io/exportTo: "." }, name: a,'),
  ]);
  t.ok(hostOf(tableOf(compiled), 'a.default'));
  t.equal(hostOf(tableOf(compiled, 80, 'other/client'), 'a.default'), undefined);
});

t.test('several ServiceEntries of a namespace give a host together', async (t) => {
  const at = (address: string): string => `resolution: STATIC, endpoints: [{ address: ${address} }]`;
  const both = 'ports: [{ number: 80, name: http, protocol: HTTP }, { number: 81, name: more, protocol: HTTP }]';
  const first = entry(`{ hosts: [ext.example], ${http}, ${at('192.0.2.1')} }`, 'name: a, namespace: default');
  const second = (spec: string, labels = ''): string => entry(spec, `name: b, namespace: default, labels: { ${labels} }`);
  const third = 'outbound|81||ext.example';
  for (const [about, other, at80, at81] of [
    ['endpoints and ports', `{ hosts: [ext.example], ${both}, ${at('192.0.2.2')} }`, ['192.0.2.1:80', '192.0.2.2:80'], ['192.0.2.2:81']],
    [
      'by the name of the port',
      `{ hosts: [ext.example], ${http.replace('name: http', 'name: b')}, ${at('192.0.2.2')} }`,
      ['192.0.2.1:80'],
      null,
    ],
    ['no ports of another resolution', `{ hosts: [ext.example], ${both} }`, ['192.0.2.1:80'], null],
    [
      'addresses, but no names, of DNS',
      `{ hosts: [ext.example], ${both}, resolution: DNS, endpoints: [{ address: 192.0.2.2 }, { address: a.example }] }`,
      ['192.0.2.1:80', '192.0.2.2:80'],
      null,
    ],
    [
      'endpoints of one that nobody sees',
      `{ hosts: [ext.example], ${both}, ${at('192.0.2.2')}, exportTo: ["~"] }`,
      ['192.0.2.1:80', '192.0.2.2:80'],
      null,
    ],
  ] as const) {
    const compiled = compileText([client(), first, second(other)]);
    t.same(places(compiled, EXT), at80, about);
    t.equal(cluster(compiled, EXT).original, undefined, about);
    t.same(cluster(compiled, third) === undefined ? null : places(compiled, third), at81, about);
  }
  const labelled = compileText([client(), first, second(`{ hosts: [ext.example], ${both}, ${at('192.0.2.2')} }`, 'team: b')]);
  t.same(places(labelled, EXT), ['192.0.2.1:80', '192.0.2.2:80'], 'labels differ: endpoints');
  t.equal(cluster(labelled, third), undefined, 'labels differ: no ports');
  t.same(clustersOf(routesOf(labelled, 'ext.example', 81)[0]), [third], 'which clients meet, and which lead nowhere');
});

t.test('ServiceEntries of one host that clients see differently', async (t) => {
  const at = (address: string): string => `resolution: STATIC, endpoints: [{ address: ${address} }]`;
  const compiled = compileText([
    client(),
    client('client', 'other'),
    entry(`{ hosts: [ext.example], ${http}, ${at('192.0.2.1')}, exportTo: [.] }`, 'name: a, namespace: default'),
    entry(
      `{ hosts: [ext.example], ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 8080 }], ${at('192.0.2.2')} }`,
      'name: b, namespace: default',
    ),
  ]);
  for (const from of ['default/client', 'other/client']) {
    const [id = ''] = clustersOf(routesOf(compiled, 'ext.example', 80, from)[0]);
    t.same(places(compiled, id), ['192.0.2.1:80', '192.0.2.2:8080'], from);
  }
});

t.test('each has its own addresses, with the endpoints of all', async (t) => {
  const one = (name: string, address: string, endpoint: string): string =>
    entry(
      `{ hosts: [ext.example], addresses: [${address}], ${tcp}, resolution: STATIC, endpoints: [{ address: ${endpoint} }] }`,
      `name: ${name}, namespace: default`,
    );
  const compiled = compileText([client(), one('a', '192.0.2.7', '192.0.2.1'), one('b', '198.51.100.0/24', '192.0.2.2')]);
  const to = { to: 'cluster', protocol: 'tcp', cluster: 'outbound|9000||ext.example' };
  t.same(addressesOf(compiled), { '192.0.2.7:9000': to, '198.51.100.0/24:9000': to });
  t.same(places(compiled, to.cluster), ['192.0.2.1:9000', '192.0.2.2:9000']);
});

t.test('a Service and a ServiceEntry of its namespace and name', async (t) => {
  const compiled = compileText([
    client(),
    service('a'),
    pod('p', '10.0.0.1', 'app: a'),
    entry(
      `{ hosts: [a.default.svc.cluster.local], ${http.replace('name: http', 'name: http-web')}, resolution: STATIC, endpoints: [{ address: 192.0.2.1 }] }`,
    ),
    entry(
      `{ hosts: [a.default.svc.cluster.local], ${http}, resolution: STATIC, endpoints: [{ address: 192.0.2.2 }] }`,
      'name: other, namespace: default',
    ),
  ]);
  t.same(places(compiled, 'outbound|80||a.default.svc.cluster.local'), ['10.0.0.1:8080', '192.0.2.2:80']);
});
