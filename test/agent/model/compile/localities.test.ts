/** Where endpoints are, and which of them clients prefer: localityLbSetting, trafficDistribution, MeshConfig. */
import t from 'tap';
import { client, cluster, clustersOf, compileText, complaints, destinationRule, endpoints, routesOf, service } from './world.ts';

const A = 'outbound|80||a.default.svc.cluster.local';
const OUTLIERS = 'outlierDetection: { consecutive5xxErrors: 1 }';

const node = (name: string, labels: string): string =>
  `apiVersion: v1\nkind: Node\nmetadata: { name: ${name}, labels: { ${labels} } }\n---\n`;
const place = (region: string, zone: string): string => `topology.kubernetes.io/region: ${region}, topology.kubernetes.io/zone: ${zone}`;
const podAt = (name: string, ip: string, labels: string, spec = ''): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name}, namespace: default, labels: { app: a, ${labels} } }\nspec: { containers: []${spec} }\nstatus: { podIP: ${ip} }\n---\n`;

/** Endpoints in r1/z1, r1/z2 and r2/z1; the client's node is in r1/z1. */
const WORLD = [
  node('node-a', place('r1', 'z1')),
  node('node-b', place('r1', 'z2')),
  client(),
  podAt('a1', '10.0.0.1', 'istio-locality: r1.z1'),
  podAt('a2', '10.0.0.2', 'tier: t2', ', nodeName: node-b'),
  podAt('a3', '10.0.0.3', 'istio-locality: r2/z1'),
];

/** Priorities by the last number of the address; endpoints that are left out have none. */
function priorities(policy: string, more: string[] = [], world = WORLD, rest = ''): Record<string, number> {
  const rule = policy === '' ? [] : [destinationRule(`{ host: a, trafficPolicy: { ${policy} } }`)];
  const compiled = compileText([service('a', undefined, rest), ...world, ...rule, ...more], { nodeName: 'node-a' });
  return Object.fromEntries(endpoints(compiled, A).map(({ address, priority }) => [address.slice(-1), priority ?? 0]));
}

const setting = (text: string): string => `loadBalancer: { localityLbSetting: ${text} }, ${OUTLIERS}`;

t.test('failover: by distance, where outliers are detected', async (t) => {
  t.same(priorities(''), { 1: 0, 2: 0, 3: 0 }, 'no rule');
  t.same(priorities(OUTLIERS), { 1: 0, 2: 1, 3: 2 });
  t.same(priorities('loadBalancer: { localityLbSetting: { enabled: true } }'), { 1: 0, 2: 0, 3: 0 }, 'without detection');
  t.same(priorities(setting('{ enabled: false }')), { 1: 0, 2: 0, 3: 0 });
  const more = [podAt('a4', '10.0.0.4', 'istio-locality: r3.z1')];
  t.same(priorities(setting('{ failover: [{ from: r1, to: r3 }] }'), more), { 1: 0, 2: 1, 4: 2, 3: 3 });
  t.same(priorities(OUTLIERS, [], WORLD.slice(2)), { 1: 0, 2: 0, 3: 0 }, 'nobody says where the client is');
});

t.test('failoverPriority: the more labels in a row, the nearer', async (t) => {
  t.same(priorities(setting('{ failoverPriority: ["tier=t2"] }')), { 2: 0, 1: 1, 3: 1 });
  t.same(priorities(setting('{ failoverPriority: ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"] }')), {
    1: 0,
    2: 1,
    3: 2,
  });
  const label = destinationRule(`{ host: a, trafficPolicy: { ${setting('{ failoverPriority: [tier] }')} } }`);
  t.match(complaints(compileText([service('a'), label])).join('\n'), '');
});

t.test('failoverPriority: labels of the client, where they have no value', async (t) => {
  const rule = destinationRule(`{ host: a, trafficPolicy: { ${setting('{ failoverPriority: [tier] }')} } }`);
  const clients = [client('here', 'default', 'tier: t2'), client('there', 'default', 'tier: t3')];
  const compiled = compileText([service('a'), ...WORLD, ...clients, podAt('a4', '10.0.0.4', 'tier: t3'), rule], { nodeName: 'node-a' });
  const of = (pod: string): Record<string, number> => {
    const [cluster = ''] = clustersOf(routesOf(compiled, 'a', 80, `default/${pod}`)[0]);
    return Object.fromEntries(endpoints(compiled, cluster).map(({ address, priority }) => [address.slice(-1), priority ?? 0]));
  };
  t.same(of('here'), { 1: 1, 2: 0, 3: 1, 4: 1 });
  t.same(of('there'), { 1: 1, 2: 1, 3: 1, 4: 0 });
  t.same(of('client'), { 1: 0, 2: 1, 3: 0, 4: 1 }, 'a client without the label');
});

t.test('zoneAwareLbSetting: regions, whether outliers are detected or not', async (t) => {
  const zones = (text: string): string => `loadBalancer: { zoneAwareLbSetting: ${text} }`;
  t.same(priorities(zones('{}')), { 1: 0, 2: 0, 3: 1 });
  t.same(priorities(zones('{ enabled: false }')), { 1: 0, 2: 0, 3: 0 });
  const more = [podAt('a4', '10.0.0.4', 'istio-locality: r3.z1')];
  t.same(priorities(zones('{ failover: [{ from: r1, to: r3 }] }'), more), { 1: 0, 2: 0, 4: 1, 3: 2 });
  t.same(priorities(zones('{ failoverPriority: ["tier=t2"] }')), { 1: 1, 2: 0, 3: 2 });
});

t.test('distribute: shares of localities; what is not named gets nothing', async (t) => {
  const to = (text: string): unknown => {
    const rule = destinationRule(`{ host: a, trafficPolicy: { loadBalancer: { localityLbSetting: { distribute: [${text}] } } } }`);
    const compiled = compileText([service('a'), ...WORLD, rule], { nodeName: 'node-a' });
    return Object.fromEntries(endpoints(compiled, A).map(({ address, group }) => [address.slice(-1), group?.weight]));
  };
  t.same(to('{ from: r1/z1/*, to: { "r1/z1/*": 70, "r1/z2/*": 30 } }'), { 1: 70, 2: 30 });
  t.same(to('{ from: "r1/*", to: { "r1/*": 80, "r2/*": 20 } }'), { 1: 40, 2: 40, 3: 20 });
  t.same(to('{ from: r9, to: { r1: 100 } }'), { 1: undefined, 2: undefined, 3: undefined }, 'from elsewhere');
});

t.test('a Service asks for what is near, without detection of outliers', async (t) => {
  t.same(priorities('', [], WORLD, 'trafficDistribution: PreferClose'), { 1: 0, 2: 1, 3: 2 });
  t.same(priorities('', [], WORLD, 'trafficDistribution: PreferSameZone'), { 1: 0, 2: 1, 3: 2 });
  const here = podAt('a4', '10.0.0.4', 'x: z', ', nodeName: node-a');
  t.same(priorities('', [here], WORLD, 'trafficDistribution: PreferSameNode'), { 4: 0, 1: 1, 2: 2, 3: 3 });
  t.same(
    priorities(setting('{ enabled: false }'), [], WORLD, 'trafficDistribution: PreferClose'),
    { 1: 0, 2: 0, 3: 0 },
    'a rule knows better',
  );
});

t.test('MeshConfig says what holds otherwise', async (t) => {
  const mesh = (text: string): string =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: istio, namespace: istio-system }\ndata: { mesh: '${text}' }\n---\n`;
  t.same(priorities(OUTLIERS, [mesh('localityLbSetting: { enabled: false }')]), { 1: 0, 2: 0, 3: 0 });
  t.same(priorities(OUTLIERS, [mesh('localityLbSetting: { failoverPriority: ["tier=t2"] }')]), { 2: 0, 1: 1, 3: 1 });
  t.same(priorities('', [mesh('zoneAwareLbSetting: { enabled: true }')]), { 1: 0, 2: 0, 3: 1 });
  const policy = mesh(
    'defaultTrafficPolicy: { connectionPool: { tcp: { maxConnections: 7 } }, outlierDetection: { consecutive5xxErrors: 2 } }',
  );
  const rule = destinationRule('{ host: a, trafficPolicy: { connectionPool: { http: { maxRetries: 3 } } } }');
  const { pool, outliers } = cluster(compileText([client(), service('a'), policy]), A);
  t.match({ pool, outliers }, { pool: { maxConnections: 7 }, outliers: { consecutive5xx: 2 } });
  const own = cluster(compileText([client(), service('a'), policy, rule]), A);
  t.strictSame(own.pool, { maxRetries: 3 }, 'a block of a rule takes the place of a block');
  t.equal(own.outliers?.consecutive5xx, 2);
});

t.test('what EndpointSlices say of zones and nodes', async (t) => {
  const slice = (endpointsText: string): string =>
    `apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: { name: s, namespace: default, labels: { kubernetes.io/service-name: a } }\naddressType: IPv4\nports: [{ name: http, port: 8080 }]\nendpoints: [${endpointsText}]\n---\n`;
  const world = [
    ...WORLD.slice(0, 3),
    slice('{ addresses: [10.0.0.1], zone: z1 }, { addresses: [10.0.0.2], nodeName: node-b }, { addresses: [10.0.0.3], zone: z9 }'),
  ];
  t.same(priorities(OUTLIERS, [], world), { 1: 0, 2: 1, 3: 2 });
});
