import t from 'tap';
import {
  client,
  cluster,
  compileText,
  destinationRule,
  endpoints as endpointsAt,
  pod,
  routesOf,
  service,
  virtualService,
} from './world.ts';

const A = 'a.default.svc.cluster.local';
const pods = pod('a1', '10.0.0.1', 'app: a, version: v1') + pod('a2', '10.0.0.2', 'app: a, version: v2');
const ports = '[{ name: http, port: 80, targetPort: 8080 }, { name: http-b, port: 81, targetPort: 8080 }]';

t.test('loadBalancer', async (t) => {
  const balancer = (policy: string): unknown =>
    cluster(compileText([service('a'), destinationRule(`{ host: a, trafficPolicy: { loadBalancer: ${policy} } }`)]), `outbound|80||${A}`)
      .balancer;
  const ring = { kind: 'ring-hash', minimumRingSize: 1024 };
  const header = { kind: 'header', name: 'X' };
  for (const [policy, expected] of [
    ['{}', { kind: 'least-request' }],
    ['{ simple: UNSPECIFIED }', { kind: 'least-request' }],
    ['{ simple: LEAST_CONN }', { kind: 'least-request' }],
    ['{ simple: LEAST_REQUEST }', { kind: 'least-request' }],
    ['{ simple: ROUND_ROBIN }', { kind: 'round-robin' }],
    ['{ simple: RANDOM }', { kind: 'random' }],
    ['{ consistentHash: { httpHeaderName: X } }', { ...ring, key: header }],
    ['{ consistentHash: { httpQueryParameterName: q } }', { ...ring, key: { kind: 'query', name: 'q' } }],
    ['{ consistentHash: { useSourceIp: true } }', { ...ring, key: { kind: 'source-address' } }],
    ['{ consistentHash: { httpCookie: { name: c } } }', { ...ring, key: { kind: 'cookie', name: 'c', path: '', ttlSeconds: null } }],
    [
      '{ consistentHash: { httpCookie: { name: c, path: /p, ttl: 0s } } }',
      { ...ring, key: { kind: 'cookie', name: 'c', path: '/p', ttlSeconds: 0 } },
    ],
    [
      '{ consistentHash: { httpCookie: { name: c, ttl: 1h } } }',
      { ...ring, key: { kind: 'cookie', name: 'c', path: '', ttlSeconds: 3600 } },
    ],
    [
      '{ consistentHash: { httpCookie: { name: c, ttl: 0s, attributes: [{ name: SameSite, value: Strict }, { name: Secure }] } } }',
      { ...ring, key: { kind: 'cookie', name: 'c', path: '', ttlSeconds: 0, attributes: '; SameSite=Strict; Secure' } },
    ],
    ['{ warmup: { duration: 30s } }', { kind: 'least-request', warmup: { durationMs: 30_000, minimumPercent: 10, aggression: 1 } }],
    [
      '{ simple: ROUND_ROBIN, warmup: { duration: 1m, minimumPercent: 0, aggression: 2.5 } }',
      { kind: 'round-robin', warmup: { durationMs: 60_000, minimumPercent: 0, aggression: 2.5 } },
    ],
    ['{ warmupDurationSecs: 10s }', { kind: 'least-request', warmup: { durationMs: 10_000, minimumPercent: 10, aggression: 1 } }],
    ['{ simple: RANDOM, warmup: { duration: 30s } }', { kind: 'random' }],
    ['{ consistentHash: { httpHeaderName: X, minimumRingSize: 7 } }', { ...ring, minimumRingSize: 7, key: header }],
    ['{ consistentHash: { httpHeaderName: X, ringHash: { minimumRingSize: 9 } } }', { ...ring, minimumRingSize: 9, key: header }],
    ['{ consistentHash: { httpHeaderName: X, ringHash: {} } }', { ...ring, key: header }],
    ['{ consistentHash: { httpHeaderName: X, maglev: { tableSize: 101 } } }', { kind: 'maglev', tableSize: 101, key: header }],
  ] as const) {
    t.same(balancer(policy), expected, policy);
  }
});

t.test('subsets are the endpoints with all of their labels', async (t) => {
  const rule = destinationRule(
    '{ host: a, subsets: [{ name: v1, labels: { version: v1 } }, { name: none, labels: { version: v9 } }, { name: all }] }',
  );
  const compiled = compileText([service('a'), pods, rule]);
  const endpoints = (subset: string): string[] => endpointsAt(compiled, `outbound|80|${subset}|${A}`).map(({ address }) => address);
  t.same(endpoints(''), ['10.0.0.1', '10.0.0.2']);
  t.same(endpoints('v1'), ['10.0.0.1']);
  t.same(endpoints('none'), []);
  t.same(endpoints('all'), ['10.0.0.1', '10.0.0.2']);
  t.match(cluster(compiled, `outbound|80|v1|${A}`), {
    name: `outbound|80|v1|${A}`,
    service: { host: A, port: 80 },
    connectTimeoutMs: 10_000,
  });
});

t.test("precedence: port of subset, subset, port, rule; a port's entry inherits nothing", async (t) => {
  const simple = (name: string): string => `loadBalancer: { simple: ${name} }`;
  const rule = destinationRule(`
  host: a
  trafficPolicy: { ${simple('RANDOM')}, portLevelSettings: [{ port: { number: 81 }, ${simple('ROUND_ROBIN')} }] }
  subsets:
    - { name: bare }
    - { name: own, trafficPolicy: { ${simple('LEAST_REQUEST')} } }
    - { name: port, trafficPolicy: { ${simple('LEAST_REQUEST')}, portLevelSettings: [{ port: { number: 81 }, ${simple('RANDOM')} }] } }
    - { name: gap, trafficPolicy: { ${simple('ROUND_ROBIN')}, portLevelSettings: [{ port: { number: 80 }, connectionPool: { tcp: {} } }] } }`);
  const compiled = compileText([service('a', ports), rule]);
  const kinds = (subset: string): string[] => [80, 81].map((port) => cluster(compiled, `outbound|${port}|${subset}|${A}`).balancer.kind);
  t.same(kinds(''), ['random', 'round-robin']);
  t.same(kinds('bare'), ['random', 'round-robin']);
  t.same(kinds('own'), ['least-request', 'least-request']);
  t.same(kinds('port'), ['least-request', 'random']);
  t.same(kinds('gap'), ['least-request', 'round-robin']);
});

t.test('several rules for a host merge by age; wildcards do not merge with exact ones', async (t) => {
  const rule = (name: string, rest: string, created: string, host = 'a'): string =>
    destinationRule(`{ host: "${host}", ${rest} }`, `name: ${name}, namespace: default, creationTimestamp: "${created}"`);
  const compiled = compileText([
    service('a'),
    pods,
    rule(
      'new',
      'subsets: [{ name: s, labels: { version: v2 } }, { name: t, labels: { version: v2 } }], trafficPolicy: { loadBalancer: { simple: RANDOM } }',
      '2025-01-02T00:00:00Z',
    ),
    rule('old', 'subsets: [{ name: s, labels: { version: v1 } }]', '2025-01-01T00:00:00Z', A),
    rule('wide', 'subsets: [{ name: w }]', '2024-01-01T00:00:00Z', '*.default.svc.cluster.local'),
  ]);
  t.same(
    endpointsAt(compiled, `outbound|80|s|${A}`).map(({ address }) => address),
    ['10.0.0.1'],
    'the older subset',
  );
  t.same(
    endpointsAt(compiled, `outbound|80|t|${A}`).map(({ address }) => address),
    ['10.0.0.2'],
    'the newer one is added',
  );
  t.equal(cluster(compiled, `outbound|80||${A}`).balancer.kind, 'random', 'the only policy');
  t.equal(cluster(compiled, `outbound|80|w|${A}`), undefined);
  const policy = (simple: string): string => `trafficPolicy: { loadBalancer: { simple: ${simple} } }`;
  const two = [rule('new', policy('RANDOM'), '2025-01-02T00:00:00Z'), rule('old', policy('ROUND_ROBIN'), '2025-01-01T00:00:00Z')];
  t.equal(cluster(compileText([service('a'), ...two]), `outbound|80||${A}`).balancer.kind, 'round-robin', 'the older policy');
});

t.test("which rule: the client's namespace, the service's, the root", async (t) => {
  const rule = (namespace: string, simple: string, host = A): string =>
    destinationRule(`{ host: "${host}", trafficPolicy: { loadBalancer: { simple: ${simple} } } }`, `name: r, namespace: ${namespace}`);
  const seen = (namespace: string, ...rules: string[]): string | undefined => {
    const compiled = compileText([client('client', namespace), service('a'), ...rules]);
    const [route] = routesOf(compiled, 'a.default', 80, `${namespace}/client`);
    const id = route?.action.kind === 'route' ? (route.action.destinations[0]?.cluster ?? '') : '';
    t.equal(cluster(compiled, id).name, `outbound|80||${A}`);
    return cluster(compiled, id).balancer.kind;
  };
  t.equal(seen('other', rule('istio-system', 'RANDOM')), 'random', 'root');
  t.equal(seen('other', rule('istio-system', 'RANDOM'), rule('default', 'ROUND_ROBIN')), 'round-robin', 'service over root');
  t.equal(seen('other', rule('other', 'RANDOM'), rule('default', 'ROUND_ROBIN')), 'random', 'client over service');
  t.equal(
    seen('other', rule('other', 'RANDOM', '*'), rule('default', 'ROUND_ROBIN')),
    'random',
    'a wildcard of the client over the service',
  );
  t.equal(seen('default', rule('third', 'RANDOM')), 'least-request', "a third namespace's is for its own clients");
  t.equal(seen('other', rule('default', 'RANDOM', 'a.default')), 'least-request', 'a name with a dot is complete');
  t.equal(
    seen('istio-system', rule('istio-system', 'RANDOM'), rule('default', 'ROUND_ROBIN')),
    'round-robin',
    'the root is no client of its own',
  );
});

t.test('clients that see other policies have clusters of their own', async (t) => {
  const mine = destinationRule(`{ host: ${A}, subsets: [{ name: mine }] }`, 'name: r, namespace: other');
  const theirs = destinationRule('{ host: a, subsets: [{ name: theirs }] }');
  const compiled = compileText([client(), client('client', 'other'), service('a'), mine, theirs]);
  t.same(
    [...compiled.snapshot.records.clusters.keys()].sort(),
    [`outbound|80||${A}`, `outbound|80||${A}@other`, `outbound|80|mine|${A}@other`, `outbound|80|theirs|${A}`].sort(),
  );
});

t.test('retries may meet the same endpoint again where a hash must find it', async (t) => {
  const hash = destinationRule('{ host: a, trafficPolicy: { loadBalancer: { consistentHash: { httpHeaderName: x } } } }');
  const avoid = (route: string): boolean | undefined => {
    const [first] = routesOf(compileText([client(), service('a'), service('b'), virtualService(`[${route}]`), hash]));
    return first?.action.kind === 'route' ? first.action.retry?.avoidPreviousHosts : undefined;
  };
  t.equal(avoid('{ route: [{ destination: { host: a } }] }'), false);
  t.equal(avoid('{ route: [{ destination: { host: b } }] }'), true);
  t.equal(avoid('{ route: [{ destination: { host: a }, weight: 1 }, { destination: { host: b }, weight: 1 }] }'), true);
  t.equal(avoid('{ route: [{ destination: { host: a } }], retries: { attempts: 1, retryIgnorePreviousHosts: true } }'), true);
});

t.test('connectionPool', async (t) => {
  const pool = (policy: string): unknown =>
    cluster(compileText([service('a'), destinationRule(`{ host: a, trafficPolicy: { ${policy} } }`)]), `outbound|80||${A}`).pool;
  for (const [policy, expected] of [
    ['connectionPool: { tcp: {} }', undefined],
    ['connectionPool: { tcp: { maxConnections: 0 }, http: { http1MaxPendingRequests: 0 } }', undefined],
    ['connectionPool: { tcp: { maxConnections: 1 } }', { maxConnections: 1 }],
    [
      'connectionPool: { http: { http1MaxPendingRequests: 1, http2MaxRequests: 2, maxRequestsPerConnection: 3, maxRetries: 4 } }',
      { maxPending: 1, maxRequests: 2, maxRequestsPerConnection: 3, maxRetries: 4 },
    ],
    ['connectionPool: { tcp: { idleTimeout: 0s } }', { idleTimeoutMs: 0, tcpIdleTimeoutMs: 0 }],
    ['connectionPool: { tcp: { idleTimeout: 2s }, http: { idleTimeout: 3s } }', { idleTimeoutMs: 3000, tcpIdleTimeoutMs: 2000 }],
    ['connectionPool: { tcp: { maxConnectionDuration: 1h } }', { maxConnectionMs: 3_600_000 }],
    ['connectionPool: { tcp: { tcpKeepalive: { time: 7200s } } }', { keepalive: { probes: 0, timeSeconds: 7200, intervalSeconds: 0 } }],
    ['connectionPool: { http: { useClientProtocol: true, maxConcurrentStreams: 5 } }', { maxConcurrentStreams: 5 }],
    [
      'connectionPool: { http: { http2KeepAlive: { interval: 30s, timeout: 500ms } } }',
      { http2Keepalive: { intervalMs: 30_000, timeoutMs: 500 } },
    ],
    ['retryBudget: {}', { retryBudget: { percent: 20, minConcurrency: 3 } }],
    ['retryBudget: { percent: 0, minRetryConcurrency: 7 }', { retryBudget: { percent: 0, minConcurrency: 7 } }],
  ] as const) {
    t.same(pool(policy), expected, policy);
  }
});

t.test('what endpoints are spoken to: by the port, and by the rule', async (t) => {
  const wire = (port: string, http: string): unknown => {
    const rule = destinationRule(`{ host: a, trafficPolicy: { connectionPool: { http: { ${http} } } } }`);
    return cluster(compileText([service('a', `[{ ${port}, port: 80 }]`), ...(http === '' ? [] : [rule])]), `outbound|80||${A}`).wire;
  };
  for (const [port, http, expected] of [
    ['name: http', '', undefined],
    ['name: http2', '', 'http2'],
    ['name: grpc', '', 'http2'],
    ['name: grpc-web', '', 'http2'],
    ['name: web', '', 'undeclared'],
    ['name: tcp', '', undefined],
    ['name: http', 'h2UpgradePolicy: UPGRADE', 'http2'],
    ['name: http', 'h2UpgradePolicy: DO_NOT_UPGRADE', undefined],
    ['name: web', 'h2UpgradePolicy: UPGRADE', 'undeclared'],
    ['name: grpc', 'h2UpgradePolicy: DO_NOT_UPGRADE', 'http2'],
    ['name: http', 'useClientProtocol: true', 'client'],
    ['name: grpc', 'useClientProtocol: true', 'client'],
    ['name: tcp', 'useClientProtocol: true', undefined],
  ] as const) {
    t.equal(wire(port, http), expected, `${port}, ${http}`);
  }
});

t.test('what endpoints are spoken to where the mesh raises HTTP/1: as the rule says, and else as the mesh does', async (t) => {
  const mesh = `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: 'h2UpgradePolicy: UPGRADE' }`;
  const wire = (port: string, http: string): unknown => {
    const rule = destinationRule(`{ host: a, trafficPolicy: { connectionPool: { http: { ${http} } } } }`);
    return cluster(compileText([mesh, service('a', `[{ ${port}, port: 80 }]`), ...(http === '' ? [] : [rule])]), `outbound|80||${A}`).wire;
  };
  for (const [port, http, expected] of [
    ['name: http', '', 'http2'],
    ['name: web', '', 'undeclared'],
    ['name: tcp', '', undefined],
    ['name: http', 'h2UpgradePolicy: DEFAULT', 'http2'],
    ['name: http', 'http1MaxPendingRequests: 1', 'http2'],
    ['name: http', 'h2UpgradePolicy: DO_NOT_UPGRADE', undefined],
    ['name: http', 'useClientProtocol: true', 'client'],
  ] as const) {
    t.equal(wire(port, http), expected, `${port}, ${http}`);
  }
});

t.test("a pod's server gets the client's protocol where the rule that the pod itself sees says so", async (t) => {
  const inbound = (rule: string): unknown =>
    compileText([
      client('server', 'default', 'app: a'),
      service('a', '[{ name: http, port: 80, targetPort: 8080 }]'),
      rule,
    ]).snapshot.records.workloads.get('default/server')?.inbound['8080'];
  const rule = (policy: string): string => destinationRule(`{ host: a, trafficPolicy: { connectionPool: { http: { ${policy} } } } }`);
  t.match(inbound(rule('useClientProtocol: true')), { protocol: 'http', wire: 'client' });
  t.equal((inbound(rule('h2UpgradePolicy: UPGRADE')) as { wire?: string }).wire, undefined);
});

t.test('connectTimeout: of the rule, or else of the mesh', async (t) => {
  const timeout = (rule: string): unknown =>
    cluster(compileText([service('a'), destinationRule(rule)]), `outbound|80||${A}`).connectTimeoutMs;
  t.equal(timeout('{ host: a }'), 10_000);
  t.equal(timeout('{ host: a, trafficPolicy: { connectionPool: { tcp: { connectTimeout: 30ms } } } }'), 30);
});

t.test("limits by port and subset: a port's entry replaces its level, but for the retry budget", async (t) => {
  const limit = (count: number): string => `connectionPool: { tcp: { maxConnections: ${count} } }`;
  const rule = destinationRule(`
  host: a
  trafficPolicy: { ${limit(1)}, retryBudget: {}, portLevelSettings: [{ port: { number: 81 }, ${limit(2)} }] }
  subsets:
    - { name: bare }
    - { name: own, trafficPolicy: { ${limit(3)} } }
    - { name: port, trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, loadBalancer: { simple: RANDOM } }] } }`);
  const compiled = compileText([service('a', ports), rule]);
  const pools = (subset: string): unknown[] => [80, 81].map((port) => cluster(compiled, `outbound|${port}|${subset}|${A}`).pool);
  const retryBudget = { percent: 20, minConcurrency: 3 };
  t.same(pools(''), [{ maxConnections: 1, retryBudget }, { maxConnections: 2 }]);
  t.same(pools('bare'), [{ maxConnections: 1, retryBudget }, { maxConnections: 2 }]);
  t.same(pools('own'), [{ maxConnections: 3, retryBudget }, { maxConnections: 3 }]);
  t.same(pools('port'), [{ retryBudget }, { maxConnections: 2 }]);
});

t.test('outlierDetection', async (t) => {
  const outliers = (policy: string): unknown =>
    cluster(
      compileText([service('a'), destinationRule(`{ host: a, trafficPolicy: { outlierDetection: ${policy} } }`)]),
      `outbound|80||${A}`,
    ).outliers;
  const defaults = {
    consecutive5xx: 5,
    consecutiveGateway: 0,
    split: false,
    consecutiveLocal: 5,
    intervalMs: 10_000,
    baseEjectionMs: 30_000,
    maxEjectionPercent: 10,
    minHealthPercent: 0,
  };
  for (const [policy, expected] of [
    ['{}', {}],
    ['{ consecutive5xxErrors: 0, consecutiveGatewayErrors: 3 }', { consecutive5xx: 0, consecutiveGateway: 3 }],
    ['{ splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2 }', { split: true, consecutiveLocal: 2 }],
    ['{ interval: 1s, baseEjectionTime: 1m }', { intervalMs: 1000, baseEjectionMs: 60_000 }],
    ['{ baseEjectionTime: 100000h }', { baseEjectionMs: 2 ** 30 }],
    ['{ maxEjectionPercent: 0, minHealthPercent: 40 }', { minHealthPercent: 40 }],
    ['{ maxEjectionPercent: 100 }', { maxEjectionPercent: 100 }],
  ] as const) {
    t.same(outliers(policy), { ...defaults, ...expected }, policy);
  }
  t.equal(cluster(compileText([service('a')]), `outbound|80||${A}`).outliers, undefined);
});

t.test('PASSTHROUGH: connections go on to where they were going', async (t) => {
  const simple = '{ host: a, trafficPolicy: { loadBalancer: { simple: PASSTHROUGH } } }';
  const compiled = compileText([service('a'), pods, destinationRule(simple)]);
  t.same(cluster(compiled, `outbound|80||${A}`).original, { port: null });
  t.same(compiled.problems, []);
});

t.test('proxyProtocol is inherited as retryBudget is, tunnel from nowhere', async (t) => {
  const compiled = compileText([
    service('a', ports),
    pods,
    destinationRule(`
  host: a
  trafficPolicy: { proxyProtocol: { version: V2 }, portLevelSettings: [{ port: { number: 81 }, connectionPool: { tcp: { maxConnections: 1 } } }] }
  subsets:
    - { name: bare }
    - { name: own, trafficPolicy: { proxyProtocol: {} } }
    - { name: port, trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, connectionPool: { tcp: { maxConnections: 1 } } }] } }
    - { name: through, trafficPolicy: { tunnel: { targetHost: b.example, targetPort: 443 } } }
    - { name: six, trafficPolicy: { tunnel: { protocol: CONNECT, targetHost: "2001:db8::1", targetPort: 443 } } }
`),
  ]);
  const at = (port: number, subset: string): unknown => {
    const { proxyProtocol, tunnel } = cluster(compiled, `outbound|${port}|${subset}|${A}`);
    return [proxyProtocol, tunnel];
  };
  t.same(at(80, ''), [2, undefined]);
  t.same(at(81, ''), [undefined, undefined], 'an entry for a port replaces the level');
  t.same(at(80, 'bare'), [2, undefined]);
  t.same(at(80, 'own'), [1, undefined]);
  t.same(at(80, 'port'), [2, undefined]);
  t.same(at(80, 'through'), [2, 'b.example:443']);
  t.same(at(80, 'six'), [2, '[2001:db8::1]:443']);
});

t.test('the tunnel of a rule is not that of its subsets', async (t) => {
  const rule = destinationRule(
    '{ host: a, trafficPolicy: { tunnel: { targetHost: b.example, targetPort: 443 } }, subsets: [{ name: v1 }] }',
  );
  const compiled = compileText([service('a', ports), pods, rule]);
  t.equal(cluster(compiled, `outbound|80||${A}`).tunnel, 'b.example:443');
  t.equal(cluster(compiled, `outbound|80|v1|${A}`).tunnel, undefined);
});
