import t from 'tap';
import {
  addressesOf,
  client,
  cluster,
  clustersOf,
  type Compiled,
  compileText,
  endpoints,
  hostOf,
  lookUp,
  pod,
  routesOf,
  service,
  tableOf,
  virtualService,
} from './world.ts';

const endpointsOf = (text: string, id = 'outbound|80||a.default.svc.cluster.local'): string[] =>
  endpoints(compileText([client(), text]), id).map(({ address, port }) => `${address}:${port}`);

t.test('a port speaks what appProtocol says, else its name up to the first dash, else it is looked at', async (t) => {
  for (const [port, protocol, byHost] of [
    ['name: http, port: 80', 'http', true],
    ['name: http-web, port: 80', 'http', true],
    ['name: HTTP-web, port: 80', 'http', true],
    ['name: httpx, port: 80', 'auto', false],
    ['name: http2, port: 80', 'http2', true],
    ['name: grpc-a, port: 80', 'http2', true],
    ['name: grpc-web-a, port: 80', 'http2', true],
    ['name: https, port: 80', 'tls', false],
    ['name: tls-a, port: 80', 'tls', false],
    ['name: tcp, port: 80', 'tcp', false],
    ['name: mysql, port: 80', 'tcp', false],
    ['name: redis-a, port: 80', 'tcp', false],
    ['name: mongo, port: 80', 'tcp', false],
    ['port: 80', 'auto', false],
    ['name: web, port: 80', 'auto', false],
    ['port: 3306', 'tcp', false],
    ['name: http, port: 3306', 'http', true],
    ['name: tcp, port: 80, appProtocol: http', 'http', true],
    ['name: http, port: 80, appProtocol: kubernetes.io/h2c', 'http2', true],
    ['name: tcp, port: 80, appProtocol: kubernetes.io/ws', 'http', true],
    ['name: http, port: 80, appProtocol: kubernetes.io/wss', 'tls', false],
    ['name: http, port: 80, appProtocol: example.com/own', 'auto', false],
  ] as const) {
    const compiled = compileText([client(), service('a', `[{ ${port} }]`, 'clusterIP: 10.96.0.1')]);
    const addresses = addressesOf(compiled);
    const number = /port: (\d+)/.exec(port)?.[1] ?? '';
    t.equal(addresses[`10.96.0.1:${number}`]?.protocol, protocol, `{ ${port} }`);
    t.equal(addresses[`*:${number}`] !== undefined, byHost, `{ ${port} } is served by Host at all addresses`);
    t.equal(tableOf(compiled, Number(number)).size > 0, ['http', 'http2', 'auto'].includes(protocol), `{ ${port} } has routes`);
  }
});

t.test("UDP ports are nobody's business", async (t) => {
  const compiled = compileText([client(), service('a', '[{ name: dns, port: 53, protocol: UDP }]', 'clusterIP: 10.96.0.1')]);
  t.same(addressesOf(compiled), {});
});

t.test('clusterIPs of both families', async (t) => {
  const compiled = compileText([client(), service('a', undefined, 'clusterIP: 10.96.0.1\n  clusterIPs: [10.96.0.1, "FD00:0:0::1"]')]);
  const expected = { to: 'cluster', protocol: 'http', cluster: 'outbound|80||a.default.svc.cluster.local' };
  t.same(addressesOf(compiled), { '*:80': { to: 'host', protocol: 'auto' }, '10.96.0.1:80': expected, '[fd00::1]:80': expected });
  t.same(hostOf(tableOf(compiled), 'a')?.domains, ['a.default.svc.cluster.local', 'a.default.svc', 'a.default', '10.96.0.1', 'fd00::1']);
  t.same(hostOf(tableOf(compiled), 'a')?.local, { namespace: 'default', domains: ['a'] });
});

t.test("short names are those of the client's namespace", async (t) => {
  const compiled = compileText([client(), client('client', 'other'), service('a')]);
  t.same([...tableOf(compiled, 80, 'other/client').keys()], ['a.default.svc.cluster.local', 'a.default.svc', 'a.default']);
  t.ok(hostOf(tableOf(compiled), 'a'));
});

t.test('a service without a VirtualService has the default route', async (t) => {
  const [route] = hostOf(tableOf(compileText([client(), service('a')])), 'a')?.routes ?? [];
  t.same(route, {
    name: 'default',
    match: {},
    action: {
      kind: 'route',
      destinations: [{ cluster: 'outbound|80||a.default.svc.cluster.local', weight: 1 }],
      mirrors: [],
      timeoutMs: 0,
      retry: {
        attempts: 2,
        perTryTimeoutMs: 0,
        on: ['connect-failure', 'refused-stream', 'unavailable', 'cancelled', 'retriable-status-codes'],
        statusCodes: [],
        backoffMs: 25,
        avoidPreviousHosts: true,
      },
    },
  });
});

t.test('ExternalName: another name of what it leads to', async (t) => {
  const alias = (name: string, target: string, ports = '[{ name: http, port: 80 }]', namespace = 'default'): string =>
    `\n---\napiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: { type: ExternalName, externalName: ${target}, ports: ${ports} }\n`;
  const full = (name: string): string => `${name}.default.svc.cluster.local`;
  const world = [client(), service('a'), alias('one', full('a')), alias('two', full('one')), alias('far', full('a'), '[]', 'other')];
  const to = (compiled: Compiled, host: string): string[] => clustersOf(lookUp(tableOf(compiled), host)?.routes[0]);
  const plain = compileText(world);
  const [own] = to(plain, 'a');
  t.same(
    ['one', 'one.default', full('one'), 'two', 'far.other'].map((host) => to(plain, host)),
    Array.from({ length: 5 }, () => [own]),
  );
  t.equal(hostOf(tableOf(plain), 'far'), undefined, 'by its bare name only in its own namespace');
  t.equal(plain.snapshot.records.clusters.size, 1);

  const ruled = compileText([
    ...world,
    service('b'),
    virtualService('[{ route: [{ destination: { host: two }, weight: 1 }, { destination: { host: one }, weight: 1 }] }]', 'hosts: [one]'),
  ]);
  t.match(to(ruled, 'one'), [/\|\|one\.default/, /\|\|a\.default/], 'rules of its own; a destination is looked up once, as in Istio');
  t.same(to(ruled, 'two'), [own], 'its other names keep those of the service');

  for (const [name, more] of [
    ['a name of no service', [alias('out', 'www.example.com')]],
    ['a circle', [alias('p', full('q')), alias('q', full('p'))]],
  ] as const) {
    t.same(compileText([client(), service('a'), ...more]).snapshot.records.virtualHosts.size, 1, name);
  }
});

t.test('targetPort', async (t) => {
  const named = 'spec: { containers: [{ name: c, ports: [{ name: web, containerPort: 8081 }] }] }';
  const sidecar =
    'spec: { containers: [{ name: c }], initContainers: [{ name: s, restartPolicy: Always, ports: [{ name: web, containerPort: 8082 }] }] }';
  const init = 'spec: { containers: [{ name: c }], initContainers: [{ name: s, ports: [{ name: web, containerPort: 8082 }] }] }';
  for (const [port, rest, expected] of [
    ['targetPort: 8080', named, ['10.0.0.1:8080']],
    ['targetPort: web', named, ['10.0.0.1:8081']],
    ['targetPort: web', sidecar, ['10.0.0.1:8082']],
    ['targetPort: web', init, []],
    ['targetPort: other', named, []],
    ['', named, ['10.0.0.1:80']],
  ] as const) {
    t.same(endpointsOf(service('a', `[{ name: http, port: 80, ${port} }]`) + pod('p', '10.0.0.1', 'app: a', rest)), expected, port);
  }
});

t.test("without slices: the selector's pods that can be reached and are ready", async (t) => {
  const ready = (status: string): string => `status: { podIP: 10.0.0.1, ${status} }`;
  const one = (status: string, metadata = ''): string => `
---
apiVersion: v1
kind: Pod
metadata: { name: p, namespace: default, labels: { app: a }, ${metadata} }
${status}
`;
  for (const [name, text, expected] of [
    ['no word about readiness', one(ready('')), true],
    ['Ready', one(ready('conditions: [{ type: Ready, status: "True" }]')), true],
    ['not Ready', one(ready('conditions: [{ type: Ready, status: "False" }]')), false],
    ['unknown', one(ready('conditions: [{ type: Ready, status: Unknown }]')), false],
    ['terminating', one(ready(''), 'deletionTimestamp: "2026-01-01T00:00:00Z"'), false],
    ['ended', one(ready('phase: Succeeded')), false],
    ['no address', one('status: {}'), false],
    ['other labels', pod('p', '10.0.0.1', 'app: b'), false],
  ] as const) {
    t.same(endpointsOf(service('a') + text), expected ? ['10.0.0.1:8080'] : [], name);
  }
  const unready = one(ready('conditions: [{ type: Ready, status: "False" }]'));
  t.same(endpointsOf(service('a', undefined, 'publishNotReadyAddresses: true') + unready), ['10.0.0.1:8080'], 'publishNotReadyAddresses');
  t.same(endpointsOf(service('a', undefined, 'selector: {}').replace('selector: { app: a }', '') + one(ready(''))), [], 'no selector');
});

t.test('the family of a service decides which address of a pod is used', async (t) => {
  const dual = pod('p', '10.0.0.1', 'app: a').replace('podIP: 10.0.0.1', 'podIP: 10.0.0.1, podIPs: [{ ip: 10.0.0.1 }, { ip: "fd00::5" }]');
  t.same(endpointsOf(service('a', undefined, 'clusterIP: "fd00::1"') + dual), ['fd00::5:8080']);
  t.same(endpointsOf(service('a', undefined, 'clusterIP: 10.96.0.1') + dual), ['10.0.0.1:8080']);
});

t.test('a dual-stack service has the endpoints of both families, behind each of its addresses', async (t) => {
  const id = 'outbound|80||a.default.svc.cluster.local';
  const ips = 'clusterIP: "fd00::1"\n  clusterIPs: ["fd00::1", 10.96.0.1]\n  ipFamilies: [IPv6, IPv4]';
  const dual = pod('p', '10.0.0.1', 'app: a').replace('podIP: 10.0.0.1', 'podIP: 10.0.0.1, podIPs: [{ ip: 10.0.0.1 }, { ip: "fd00::5" }]');
  const slice = (name: string, type: string, address: string): string => `
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}, namespace: default, labels: { kubernetes.io/service-name: a } }
addressType: ${type}
ports: [{ name: http, port: 8080 }]
endpoints: [{ addresses: ["${address}"] }]
`;
  for (const [name, text] of [
    ['of its pods', dual],
    ['of its slices', slice('six', 'IPv6', 'fd00::5') + slice('four', 'IPv4', '10.0.0.1')],
  ] as const) {
    const compiled = compileText([client(), service('a', undefined, ips), text]);
    t.same(endpoints(compiled, id).map(({ address }) => address), ['10.0.0.1', 'fd00::5'], name); // prettier-ignore
    t.equal(cluster(compiled, id).family, 6, 'the first of its families is preferred');
    const { '10.96.0.1:80': four, '[fd00::1]:80': six } = addressesOf(compiled);
    t.match([four, six], [{ cluster: id }, { cluster: id }]);
  }
  t.equal(cluster(compileText(service('a', undefined, 'clusterIP: 10.96.0.1')), id).family, 4);
  t.equal(cluster(compileText(service('a', undefined, 'clusterIP: None\n  ipFamilies: [IPv6]')), id).family, 6);
});

t.test('Endpoints count where there are no slices', async (t) => {
  const object = (subsets: string): string => `
---
apiVersion: v1
kind: Endpoints
metadata: { name: a, namespace: default }
subsets: ${subsets}
`;
  const ports = '[{ name: http, port: 80 }, { name: http-b, port: 81 }]';
  const bare = service('a', ports).replace('selector: { app: a }', '');
  const two = object(`
  - { addresses: [{ ip: 10.0.0.1 }, { ip: 10.0.0.2 }], notReadyAddresses: [{ ip: 10.0.0.3 }], ports: [{ name: http, port: 9000 }] }
  - { addresses: [{ ip: 10.0.0.4 }], ports: [{ name: http, port: 9001 }, { name: http-b, port: 9100 }] }`);
  t.same(endpointsOf(bare + two), ['10.0.0.1:9000', '10.0.0.2:9000', '10.0.0.4:9001']);
  t.same(endpointsOf(bare + two, 'outbound|81||a.default.svc.cluster.local'), ['10.0.0.4:9100']);
  const one = service('a', '[{ port: 80 }]').replace('selector: { app: a }', '');
  t.same(endpointsOf(one + object('[{ addresses: [{ ip: 10.0.0.1 }], ports: [{ port: 9000 }] }]')), ['10.0.0.1:9000'], 'without a name');
  const selected = service('a') + pod('p', '10.0.0.9', 'app: a');
  t.same(endpointsOf(selected + two), ['10.0.0.1:9000', '10.0.0.2:9000', '10.0.0.4:9001'], 'rather than the selector');
  const slice = `
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: s, namespace: default, labels: { kubernetes.io/service-name: a } }
addressType: IPv4
ports: [{ name: http, port: 7000 }]
endpoints: [{ addresses: [10.0.0.7] }]
`;
  t.same(endpointsOf(bare + two + slice), ['10.0.0.7:7000'], 'the slices win');
  const named = object('[{ addresses: [{ ip: 10.0.0.9, targetRef: { kind: Pod, name: p } }], ports: [{ name: http, port: 9000 }] }]');
  const [endpoint] = endpoints(compileText([selected + named]), 'outbound|80||a.default.svc.cluster.local');
  t.equal(endpoint?.identity.pod, 'p');
});

t.test('of several services with one address, the oldest has it', async (t) => {
  const aged = (name: string, day: number, ports: string): string =>
    service(name, ports, 'clusterIP: 10.96.0.1').replace(
      'namespace: default',
      `namespace: default, creationTimestamp: "2025-01-0${day}T00:00:00Z"`,
    );
  const compiled = compileText([
    client(),
    aged('young', 2, '[{ name: http, port: 80 }, { name: tcp, port: 90 }]'),
    aged('old', 1, '[{ name: http, port: 80 }]'),
  ]);
  t.match(addressesOf(compiled), {
    '10.96.0.1:80': { cluster: /old/ },
    '10.96.0.1:90': { cluster: /young/ },
  });
  t.equal(hostOf(tableOf(compiled), '10.96.0.1')?.name, 'old.default.svc.cluster.local:80');
  t.ok(hostOf(tableOf(compiled), 'young'));
});

t.test('EndpointSlices take the place of the selector', async (t) => {
  const slice = (endpoints: string, rest = ''): string => `
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: s${rest.length}, namespace: default, labels: { kubernetes.io/service-name: a } }
addressType: IPv4
ports: [{ name: http, port: 9000 }, { name: other, port: 9001 }]
endpoints: ${endpoints}
${rest}
`;
  const pods = service('a') + pod('p', '10.0.0.1', 'app: a, version: v1');
  t.same(endpointsOf(pods + slice('[]')), [], 'an empty one counts');
  t.same(
    endpointsOf(
      pods +
        slice(`
  - { addresses: [10.0.0.4], conditions: { ready: true } }
  - { addresses: [10.0.0.3] }
  - { addresses: [10.0.0.5], conditions: { ready: false } }
  - { addresses: [10.0.0.6], conditions: { ready: true, terminating: true } }
  - { addresses: [10.0.0.3] }`),
    ),
    ['10.0.0.3:9000', '10.0.0.4:9000'],
  );
  const targeted = compileText([pods + slice('[{ addresses: [10.0.0.1], targetRef: { kind: Pod, name: p } }]')]);
  t.equal(endpoints(targeted, 'outbound|80||a.default.svc.cluster.local')[0]?.identity.pod, 'p', 'by targetRef');
  const byAddress = compileText([pods + slice('[{ addresses: [10.0.0.1] }, { addresses: [10.0.0.2] }]')]);
  const identities = endpoints(byAddress, 'outbound|80||a.default.svc.cluster.local').map(({ identity }) => identity.pod);
  t.same(identities, ['p', 'unknown'], 'by address');
});

t.test('headless services: connections stay with the endpoint that was asked for', async (t) => {
  const headless = service('db', '[{ name: http, port: 80 }]', 'clusterIP: None');
  const named = pod('db-0', '10.0.0.1', 'app: db', 'spec: { hostname: db-0, subdomain: db }');
  const compiled = compileText([client(), headless, named, pod('x', '10.0.0.2', 'app: db')]);
  const id = 'outbound|80||db.default.svc.cluster.local';
  t.same(addressesOf(compiled), {
    '*:80': { to: 'host', protocol: 'auto' },
    '10.0.0.1:80': { to: 'cluster', protocol: 'http', cluster: `${id}#10.0.0.1` },
    '10.0.0.2:80': { to: 'cluster', protocol: 'http', cluster: `${id}#10.0.0.2` },
  });
  t.same(
    endpoints(compiled, `${id}#10.0.0.1`).map(({ address }) => address),
    ['10.0.0.1'],
  );
  t.equal(cluster(compiled, `${id}#10.0.0.1`).name, id, 'the name stays the one of Istio');
  t.equal(endpoints(compiled, id).length, 2);
  t.equal(cluster(compiled, id).chosenBefore, true);
  const table = tableOf(compiled);
  t.match(hostOf(table, 'db-0.db')?.routes, [{ action: { destinations: [{ cluster: `${id}#10.0.0.1` }] } }]);
  t.match(hostOf(table, 'db-0.db.default.svc.cluster.local')?.routes, [{ action: { destinations: [{ cluster: `${id}#10.0.0.1` }] } }]);
  t.match(hostOf(table, '*.db.default.svc.cluster.local')?.routes, [{ action: { destinations: [{ cluster: id }] } }]);
});

t.test('a route to a service that clients of one namespace see, for those with labels as for those without', async (t) => {
  const hidden = service('b').replace('namespace: default', 'namespace: default, annotations: { networking.istio.io/exportTo: one }');
  const clients = client('near', 'default') + client('plain', 'one', 'tier: x') + client('far', 'two', 'app: client');
  const rules = virtualService(`[{ match: [{ sourceLabels: { app: nobody } }], route: [{ destination: { host: b } }] },
    { route: [{ destination: { host: b } }] }]`);
  const compiled = compileText([
    service('a'),
    hidden,
    pod('b1', '10.0.0.1', 'app: b'),
    clients,
    rules,
    client('told', 'one', 'app: client'),
  ]);
  const reached = (workload: string): number => {
    const [id = ''] = clustersOf(routesOf(compiled, 'a.default', 80, workload)[0]);
    return compiled.snapshot.records.clusters.has(id) ? endpoints(compiled, id).length : 0;
  };
  t.same(['default/near', 'one/plain', 'one/told', 'two/far'].map(reached), [0, 1, 1, 0]);
});
