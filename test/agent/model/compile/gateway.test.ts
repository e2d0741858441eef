import t from 'tap';
import type { GatewayConfig } from '../../../../src/l7/config/workload.ts';
import { client, clustersOf, compileText, gatewayTable, hostOf, service, virtualService } from './world.ts';

const gateway = (servers: string, selector = '{ istio: ingressgateway }', metadata = 'name: gw, namespace: default'): string => `
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { ${metadata} }
spec: { selector: ${selector}, servers: [${servers}] }
`;
const server = (hosts: string, port = 80, protocol = 'HTTP'): string =>
  `{ port: { number: ${port}, name: p${port}, protocol: ${protocol} }, hosts: [${hosts}] }`;
const toA = 'route: [{ destination: { host: a } }]';
const bound = (http: string, hosts: string, rest = 'name: v, namespace: default', gateways = 'gw'): string =>
  virtualService(http, `hosts: [${hosts}]\n  gateways: [${gateways}]`, rest);
const gatewayAt = (text: string, port = 80): GatewayConfig | undefined =>
  compileText([service('a'), text]).snapshot.records.gateways.get(String(port));
const routeNames = (text: string, domain: string): string[] => {
  const table = gatewayTable(compileText([service('a'), text]));
  return hostOf(table, domain)?.routes.map(({ name }) => name) ?? [];
};

t.test('nothing listens without a Gateway for this node', async (t) => {
  const ports = (text: string, options = {}): string[] => [
    ...compileText([client(), service('a'), text], options).snapshot.records.gateways.keys(),
  ];
  t.same(ports(''), []);
  t.same(ports(gateway(server('"*"'), '{ istio: other }')), []);
  t.same(ports(gateway(server('"*"'), '{ istio: gateway }')), ['80']);
  t.same(ports(gateway(server('"*"'), '{}')), ['80'], 'an empty selector selects all');
  const labels = { gatewayLabels: [{ team: 'x', istio: 'own' }] };
  t.same(ports(gateway(server('"*"'), '{ team: x }'), labels), ['80']);
  t.same(ports(gateway(server('"*"'), '{ team: x, zone: z }'), labels), []);
});

t.test('a Gateway alone answers 404', async (t) => {
  const text = gateway(server('"*"'));
  t.same(gatewayAt(text), { port: 80, layer: 'gateway 80' });
  t.equal(gatewayTable(compileText(text))?.size, 0);
});

t.test('protocols of servers', async (t) => {
  for (const protocol of ['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB', 'http']) t.ok(gatewayAt(gateway(server('"*"', 80, protocol))), protocol);
  for (const protocol of ['TCP', 'MONGO', 'mysql']) t.match(gatewayAt(gateway(server('"*"', 80, protocol))), { protocol: 'tcp' }, protocol);
  const passthrough = (mode: string): string => server('"*"', 443, 'TLS').replace('hosts:', `tls: { ${mode} }, hosts:`);
  t.match(gatewayAt(gateway(passthrough('mode: PASSTHROUGH')), 443), { protocol: 'tls' });
  t.match(gatewayAt(gateway(passthrough('')), 443), { protocol: 'tls' });
  for (const mode of ['SIMPLE, credentialName: c', 'MUTUAL, credentialName: c', 'AUTO_PASSTHROUGH', 'ISTIO_MUTUAL']) {
    const text = gateway(`${passthrough(`mode: ${mode}`)}, ${server('"*"')}`);
    t.notOk(gatewayAt(text, 443), mode);
    t.ok(gatewayAt(text, 80), `${mode}: the other server is served`);
  }
});

t.test('names of gateways', async (t) => {
  for (const [name, namespace, applies] of [
    ['gw', 'default', true],
    ['gw', 'other', false],
    ['default/gw', 'other', true],
    ['gw.default.svc.cluster.local', 'other', true],
    ['mesh', 'default', false],
  ] as const) {
    const rule = bound(`[{ name: it, ${toA} }]`, 'x.example', `name: v, namespace: ${namespace}`, name);
    t.same(routeNames(gateway(server('"*"')) + rule, 'x.example'), applies ? ['it'] : [], `${name} from ${namespace}`);
  }
});

t.test('hosts: what both the server and the VirtualService name', async (t) => {
  for (const [offered, wanted, common] of [
    ['"*"', '"*"', '*'],
    ['"*"', 'x.example', 'x.example'],
    ['"*.example"', 'x.example', 'x.example'],
    ['"*.example"', 'x.y.example', 'x.y.example'],
    ['"*.example"', 'example', null],
    ['x.example', '"*.example"', 'x.example'],
    ['x.example', '"*"', 'x.example'],
    ['x.example', 'y.example', null],
    ['"default/x.example"', 'x.example', 'x.example'],
    ['"other/x.example"', 'x.example', null],
    ['"./x.example"', 'x.example', 'x.example'],
    ['"*/x.example"', 'x.example', 'x.example'],
  ] as const) {
    const table = gatewayTable(compileText([service('a'), gateway(server(offered)) + bound(`[{ ${toA} }]`, wanted)]));
    t.same([...(table?.keys() ?? [])], common === null ? [] : [common], `${offered} and ${wanted}`);
  }
});

t.test('VirtualServices of one host are merged by age, rules for everything last', async (t) => {
  const age = (name: string, day: number): string => `name: ${name}, namespace: default, creationTimestamp: "2025-01-0${day}T00:00:00Z"`;
  const text = [
    gateway(server('"*"')),
    bound(`[{ name: new, match: [{ uri: { prefix: /n } }], ${toA} }, { name: new-all, ${toA} }]`, 'x.example', age('new', 2)),
    bound(
      `[{ name: old, match: [{ uri: { prefix: /o } }], ${toA} }, { name: old-all, ${toA} }, { name: never, ${toA} }]`,
      'x.example',
      age('old', 1),
    ),
  ].join('');
  t.same(routeNames(text, 'x.example'), ['old', 'new', 'old-all', 'new-all']);
});

t.test('Gateways of one port are merged', async (t) => {
  const text = [
    gateway(server('a.example')),
    gateway(server('b.example'), undefined, 'name: second, namespace: default'),
    bound(`[{ name: first, ${toA} }]`, '"*"'),
    bound(`[{ name: both, ${toA} }]`, '"*"', 'name: w, namespace: default', 'gw, second'),
  ].join('');
  t.same(routeNames(text, 'a.example'), ['first', 'both']);
  t.same(routeNames(text, 'b.example'), ['both']);
  const twice = gateway(server('"*"')) + gateway(server('x.example'), undefined, 'name: second, namespace: default');
  t.same(routeNames(twice + bound(`[{ name: once, ${toA} }]`, 'x.example', undefined, 'gw, second'), 'x.example'), ['once']);
});

t.test('each port has its servers and its rules', async (t) => {
  const text = gateway(`${server('a.example')}, ${server('b.example', 8080)}`);
  const rules = bound(`[{ name: high, match: [{ port: 8080 }], ${toA} }, { name: any, ${toA} }]`, '"*"');
  const compiled = compileText([service('a'), text, rules]);
  const routes = [80, 8080].flatMap((port) =>
    [...(gatewayTable(compiled, port) ?? [])].map(([domain, { routes: list }]) => [port, domain, list.map(({ name }) => name).join()]),
  );
  t.same(routes, [[80, 'a.example', 'any'], [8080, 'b.example', 'high']]); // prettier-ignore
});

t.test('static conditions at a gateway', async (t) => {
  for (const [match, applies] of [
    ['{ gateways: [gw] }', true],
    ['{ gateways: [mesh] }', false],
    ['{ sourceLabels: { istio: ingressgateway } }', true],
    ['{ sourceLabels: { app: x } }', false],
    ['{ sourceNamespace: nodeway-system }', true],
    ['{ sourceNamespace: default }', false],
  ] as const) {
    t.same(
      routeNames(gateway(server('"*"')) + bound(`[{ name: it, match: [${match}], ${toA} }]`, '"*"'), '*'),
      applies ? ['it'] : [],
      match,
    );
  }
});

t.test('a destination without a port means the only port of the service', async (t) => {
  const odd = service('odd', '[{ name: http, port: 8000 }]');
  const rule = bound('[{ route: [{ destination: { host: odd } }] }]', '"*"');
  const [route] = hostOf(gatewayTable(compileText([odd, gateway(server('"*"')), rule])), '*')?.routes ?? [];
  t.same(clustersOf(route), ['outbound|8000||odd.default.svc.cluster.local']);
});

const l4 = (spec: string, gateways = 'gw'): string => `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: l4, namespace: default }
spec:
  hosts: ["*.example"]
  gateways: [${gateways}]
  ${spec}
`;
const A = 'outbound|80||a.default.svc.cluster.local';

t.test('TCP servers: the first VirtualService with a rule for the port', async (t) => {
  const text = gateway(`${server('"*"', 31400, 'TCP')}, ${server('"*"', 31401, 'TCP')}`);
  const rules = (port: number, tcp: string): unknown => gatewayAt(text + l4(`tcp: ${tcp}`), port)?.rules;
  const to = '[{ destination: { host: a } }]';
  t.same(rules(31400, `[{ route: ${to} }]`), [{ destinations: [{ cluster: A, weight: 1 }] }]);
  t.same(rules(31400, `[{ match: [{ port: 31401 }], route: ${to} }]`), []);
  t.same(rules(31401, `[{ match: [{ port: 31401 }], route: ${to} }]`), [{ destinations: [{ cluster: A, weight: 1 }] }]);
  t.same(rules(31400, `[{ match: [{ gateways: [other] }], route: ${to} }]`), []);
  t.same(
    rules(31400, '[{ route: [{ destination: { host: a, port: { number: 80 } }, weight: 30 }, { destination: { host: b }, weight: 70 }] }]'),
    [
      {
        destinations: [
          { cluster: A, weight: 30 },
          { cluster: 'outbound|31400||b.default.svc.cluster.local', weight: 70 },
        ],
      },
    ],
  );
});

t.test('TLS servers that pass through: names', async (t) => {
  const text = gateway(server('"*.example"', 443, 'TLS').replace('hosts:', 'tls: {}, hosts:'));
  const names = (tls: string): Record<string, string[]> => {
    const { virtualHosts } = compileText([service('a'), text, l4(`tls: ${tls}`)]).snapshot.records;
    const own = [...virtualHosts.values()].filter(({ layer }) => layer === 'gateway 443 sni');
    return Object.fromEntries(own.map(({ domains, routes }) => [domains.join(), clustersOf(routes[0])]));
  };
  const to = 'route: [{ destination: { host: a } }]';
  t.same(names(`[{ match: [{ sniHosts: [X.example, "*.y.example"] }], ${to} }]`), { 'x.example': [A], '*.y.example': [A] });
  t.same(names(`[{ match: [{ sniHosts: [x.example], port: 444 }], ${to} }]`), {});
});

t.test('a port is for what the oldest server there is for', async (t) => {
  const older = gateway(server('"*"', 80, 'TCP'), undefined, 'name: older, namespace: default, creationTimestamp: "2020-01-01T00:00:00Z"');
  const younger = gateway(server('"*"'), undefined, 'name: gw, namespace: default, creationTimestamp: "2021-01-01T00:00:00Z"');
  const compiled = compileText([service('a'), older, younger, bound(`[{ ${toA} }]`, '"*"')]);
  t.match(compiled.snapshot.records.gateways.get('80'), { protocol: 'tcp' });
  t.equal(gatewayTable(compiled)?.size, 0);
  t.match(compiled.problems, [{ severity: 'error', object: { name: 'gw' }, path: 'spec.servers[0].port' }]);
});

t.test('spec.servers.port.number is a port of the Service in front, whose targetPort is where the agent listens', async (t) => {
  const front = (ports: string, rest = '', selector = 'istio: ingressgateway'): string => `
---
apiVersion: v1
kind: Service
metadata: { name: front, namespace: default${rest} }
spec: { selector: { ${selector} }, ports: ${ports} }
`;
  const text =
    gateway(server('"*"')) + bound(`[{ match: [{ port: 80, uri: { prefix: /x } }], ${toA} }, { directResponse: { status: 299 } }]`, '"*"');
  const at = (front: string): Record<string, number | undefined> => {
    const { gateways, virtualHosts } = compileText([service('a'), text, front]).snapshot.records;
    const routesOf = (port: string): number | undefined =>
      [...virtualHosts.values()].find(({ layer }) => layer === `gateway ${port}`)?.routes.length;
    return Object.fromEntries([...gateways.keys()].map((port) => [port, routesOf(port)]));
  };
  t.same(at(''), { 80: 2 }, 'none');
  t.same(at(front('[{ port: 80, targetPort: 8080 }]')), { 80: 2, 8080: 2 }, 'match.port is the number');
  t.same(at(front('[{ port: 80, targetPort: 80 }]')), { 80: 2 });
  t.same(at(front('[{ port: 80, targetPort: 8080 }, { port: 81, targetPort: 80 }]')), { 8080: 2 }, 'the number is where another leads');
  t.same(at(front('[{ port: 81, targetPort: 8080 }]')), { 80: 2 }, 'of another port');
  t.same(at(front('[{ port: 80, targetPort: web }]')), { 80: 2 }, 'by name');
  t.same(at(front('[{ port: 80, targetPort: 8080 }]', '', 'app: other')), { 80: 2 }, 'of other pods');
  const unmoved = ', labels: { experimental.istio.io/disable-gateway-port-translation: "true" }';
  t.same(at(front('[{ port: 80, targetPort: 8080 }]', unmoved)), { 80: 2 }, 'that says so');
});

t.test('httpsRedirect', async (t) => {
  const secure = server('secure.example, "*.more.example"').replace('hosts:', 'tls: { httpsRedirect: true }, hosts:');
  const text =
    gateway(`${secure}, ${server('plain.example').replace('p80', 'q80')}`) +
    bound(`[{ ${toA} }]`, 'secure.example, plain.example, a.more.example');
  const table = gatewayTable(compileText([service('a'), text]));
  const kinds = ['secure.example', '*.more.example', 'a.more.example', 'plain.example'].map(
    (name) => hostOf(table, name)?.routes[0]?.action,
  );
  const redirect = { kind: 'redirect', code: 301, scheme: 'https' };
  t.match(kinds, [redirect, redirect, redirect, { kind: 'route' }]);
});
