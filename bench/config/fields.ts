/**
 * What rules may say besides, a few fields in each, so that a cluster of rules has all that is supported (`--fields`). None of it changes
 * what the suite asks for: routes are for a path of their own, and policies are mild or of a subset that nobody asks for.
 */

const PATH = '{ uri: { prefix: /field } }';

/** Of a route to `host`, as a line of YAML. */
const ROUTES: readonly ((host: string) => string)[] = [
  () =>
    `match: [${PATH}], redirect: { uri: /to, authority: elsewhere.example, redirectCode: 302, scheme: https, derivePort: FROM_REQUEST_PORT }`,
  () => `match: [${PATH}], directResponse: { status: 418, body: { string: "short" } }`,
  (host) => `match: [${PATH}], rewrite: { uri: /new, authority: new.example }, route: [{ destination: { host: ${host} } }]`,
  (host) =>
    `match: [{ uri: { regex: "/field/[0-9]+/.*" } }], rewrite: { uriRegexRewrite: { match: "/field/([0-9]+)", rewrite: "/n/\\\\1" } }, route: [{ destination: { host: ${host} } }]`,
  (host) =>
    `match: [${PATH}], fault: { delay: { fixedDelay: 1s, percentage: { value: 1 } }, abort: { httpStatus: 503, percentage: { value: 1 } } }, route: [{ destination: { host: ${host} } }]`,
  (host) =>
    `match: [${PATH}], fault: { abort: { grpcStatus: UNAVAILABLE, percentage: { value: 1 } } }, route: [{ destination: { host: ${host} } }]`,
  (host) =>
    `match: [${PATH}], corsPolicy: { allowOrigins: [{ exact: "https://a.example" }, { regex: "https://[a-z]+.example" }], allowMethods: [GET, PUT], allowHeaders: [x-a], exposeHeaders: [x-b], maxAge: 1h, allowCredentials: true }, route: [{ destination: { host: ${host} } }]`,
  (host) =>
    `match: [${PATH}], mirrors: [{ destination: { host: ${host} }, percentage: { value: 1 } }], route: [{ destination: { host: ${host} } }]`,
  (host) =>
    `match: [${PATH}], retries: { attempts: 3, perTryTimeout: 2s, retryOn: "5xx,reset,409", backoff: 30ms, retryRemoteLocalities: true }, timeout: 9s, route: [{ destination: { host: ${host} } }]`,
  (host) =>
    `match: [${PATH}], headers: { request: { set: { x-a: "%REQ(x-b?:path)%" }, add: { x-c: d }, remove: [x-e] }, response: { add: { x-f: "%RESPONSE_CODE%" } } }, route: [{ destination: { host: ${host} }, weight: 90 }, { destination: { host: ${host} }, weight: 10, headers: { request: { set: { x-g: h } } } }]`,
  (host) =>
    `match: [{ uri: { exact: /Field }, ignoreUriCase: true, method: { exact: PUT }, scheme: { exact: http }, authority: { prefix: a }, queryParams: { q: { regex: "[0-9]+" } }, withoutHeaders: { x-no: {} }, sourceNamespace: team-01, port: 80 }], route: [{ destination: { host: ${host} } }]`,
];

/** Of a DestinationRule's policy and of its subset v1. */
const POLICIES: readonly { readonly policy: string; readonly subset?: string }[] = [
  { policy: 'loadBalancer: { consistentHash: { httpHeaderName: x-user } }' },
  { policy: 'loadBalancer: { consistentHash: { httpCookie: { name: c, ttl: 60s }, maglev: { tableSize: 251 } } }' },
  { policy: 'loadBalancer: { consistentHash: { useSourceIp: true, ringHash: { minimumRingSize: 64 } } }' },
  { policy: 'loadBalancer: { simple: LEAST_REQUEST, warmup: { duration: 60s, minimumPercent: 10, aggression: 1.5 } }' },
  {
    policy:
      'loadBalancer: { simple: RANDOM, localityLbSetting: { enabled: true, failoverPriority: [topology.kubernetes.io/region] } }, outlierDetection: { consecutive5xxErrors: 50 }',
  },
  {
    policy:
      'connectionPool: { tcp: { maxConnections: 10000, connectTimeout: 5s, tcpKeepalive: { probes: 3, time: 60s, interval: 10s }, idleTimeout: 1h, maxConnectionDuration: 2h }, http: { http1MaxPendingRequests: 10000, http2MaxRequests: 10000, maxRequestsPerConnection: 100000, maxRetries: 100, idleTimeout: 1h } }',
  },
  {
    policy:
      'outlierDetection: { consecutive5xxErrors: 50, consecutiveGatewayErrors: 50, interval: 5s, baseEjectionTime: 5s, maxEjectionPercent: 10, minHealthPercent: 10, splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 50 }',
  },
  { policy: 'retryBudget: { percent: 50, minRetryConcurrency: 10, budgetInterval: 1s }' },
  {
    policy:
      'portLevelSettings: [{ port: { number: 80 }, loadBalancer: { simple: ROUND_ROBIN } }, { port: { number: 81 }, connectionPool: { http: { maxRetries: 5 } } }]',
  },
  {
    policy: 'loadBalancer: { simple: ROUND_ROBIN }',
    subset: 'connectionPool: { tcp: { maxConnections: 5 } }, proxyProtocol: { version: V2 }',
  },
];

/** A route as a document of the suite writes it. */
export function fieldRoute(number: number, host: string): string {
  return `    - { name: field, ${(ROUTES[number % ROUTES.length] as (typeof ROUTES)[number])(host)} }\n`;
}

export function fieldPolicy(number: number): { readonly policy: string; readonly subset: string } {
  const { policy, subset = '' } = POLICIES[number % POLICIES.length] as (typeof POLICIES)[number];
  return { policy: `  trafficPolicy: { ${policy} }\n`, subset: subset === '' ? '' : `      trafficPolicy: { ${subset} }\n` };
}

/** Everything that the mesh has, named one by one. */
export function wideSidecar(namespace: string, namespaces: readonly string[]): string {
  return `---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata:
  name: default
  namespace: ${namespace}
spec:
  egress:
    - hosts: [${namespaces.map((one) => `"${one}/*"`).join(', ')}]
`;
}
