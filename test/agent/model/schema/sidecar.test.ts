import t from 'tap';
import { head, storeOf } from './problems-of.ts';

const problemsOf = (spec: string) => storeOf(`${head('Sidecar')}  ${spec}\n`.replace('spec:\n  ', 'spec: ')).problems();

t.test('what Istio refuses', async (t) => {
  for (const [spec, path] of [
    ['{ }', 'spec'],
    ['{ egress: [{ hosts: [] }] }', 'spec.egress[0].hosts'],
    ['{ egress: [{ hosts: [a] }] }', 'spec.egress[0].hosts[0]'],
    ['{ egress: [{ hosts: ["/a"] }] }', 'spec.egress[0].hosts[0]'],
    ['{ egress: [{ hosts: ["A_B/a"] }] }', 'spec.egress[0].hosts[0]'],
    ['{ egress: [{ hosts: ["a/b/c"] }] }', 'spec.egress[0].hosts[0]'],
    ['{ egress: [{ hosts: ["*/*"] }, { hosts: ["*/*"] }] }', 'spec.egress[0]'],
    ['{ egress: [{ port: { protocol: HTTP }, hosts: ["*/*"] }] }', 'spec.egress[0].bind'],
    ['{ egress: [{ port: { number: 80, protocol: HTTP }, bind: x, hosts: ["*/*"] }] }', 'spec.egress[0].bind'],
    [
      '{ egress: [{ port: { number: 80, protocol: HTTP }, hosts: ["*/*"] }, { port: { number: 80, protocol: HTTP }, hosts: ["*/*"] }] }',
      'spec.egress[1].port.number',
    ],
    ['{ ingress: [{ port: { protocol: HTTP } }] }', 'spec.ingress[0].port.number'],
    ['{ ingress: [{ port: { number: 80 }, defaultEndpoint: "10.0.0.1:80" }] }', 'spec.ingress[0].defaultEndpoint'],
    ['{ ingress: [{ port: { number: 80 }, defaultEndpoint: "127.0.0.1:0" }] }', 'spec.ingress[0].defaultEndpoint'],
    ['{ ingress: [{ port: { number: 80 }, bind: here }] }', 'spec.ingress[0].bind'],
    ['{ ingress: [{ port: { number: 80 }, connectionPool: { } }] }', 'spec.ingress[0].connectionPool'],
    ['{ inboundConnectionPool: { } }', 'spec.inboundConnectionPool'],
    ['{ inboundConnectionPool: { tcp: { maxConnections: -1 } } }', 'spec.inboundConnectionPool.tcp.maxConnections'],
  ] as const) {
    const [first] = problemsOf(spec).filter(({ severity }) => severity === 'error');
    t.equal(first?.path, path, spec);
  }
});

t.test('what Istio accepts', async (t) => {
  for (const spec of [
    '{ egress: [{ hosts: ["*/*"] }] }',
    '{ egress: [{ hosts: ["./*", "istio-system/*", "~/*", "~other/x.example", "a/*.example"] }] }',
    '{ workloadSelector: { labels: { app: a } }, outboundTrafficPolicy: { mode: REGISTRY_ONLY } }',
    '{ egress: [{ port: { number: 9080, protocol: HTTP, name: x }, hosts: ["./*"] }, { hosts: ["./*"] }] }',
    '{ ingress: [{ port: { number: 80, protocol: HTTP }, bind: 0.0.0.0, captureMode: IPTABLES, defaultEndpoint: "127.0.0.1:8080" }] }',
    '{ ingress: [{ port: { number: 80, protocol: HTTP }, defaultEndpoint: "" }, { port: { number: 81 }, defaultEndpoint: "[::]:8080" }] }',
    '{ ingress: [{ port: { number: 80, protocol: HTTP2 }, connectionPool: { http: { http2MaxRequests: 1 } } }] }',
    '{ inboundConnectionPool: { http: { http1MaxPendingRequests: 1 } } }',
  ]) {
    t.same(problemsOf(spec), [], spec);
  }
});

t.test('what is not served is said', async (t) => {
  for (const [spec, path] of [
    ['{ ingress: [{ port: { number: 80, protocol: HTTP }, defaultEndpoint: unix:///x }] }', 'spec.ingress[0].defaultEndpoint'],
    ['{ ingress: [{ port: { number: 80, protocol: HTTP }, captureMode: NONE }] }', 'spec.ingress[0].captureMode'],
    [
      '{ ingress: [{ port: { number: 80, protocol: HTTPS }, tls: { mode: SIMPLE, serverCertificate: a, privateKey: b } }] }',
      'spec.ingress[0].tls',
    ],
    ['{ egress: [{ port: { protocol: HTTP }, bind: unix:///x, hosts: ["*/*"] }] }', 'spec.egress[0].port'],
    ['{ egress: [{ bind: 127.0.0.1, port: { number: 80, protocol: HTTP }, hosts: ["*/*"] }] }', 'spec.egress[0].bind'],
    ['{ egress: [{ captureMode: NONE, hosts: ["*/*"] }] }', 'spec.egress[0].captureMode'],
    [
      '{ outboundTrafficPolicy: { mode: ALLOW_ANY, egressProxy: { host: a, port: { number: 80 } } } }',
      'spec.outboundTrafficPolicy.egressProxy',
    ],
  ] as const) {
    t.match(problemsOf(spec), [{ severity: 'unsupported', path }], spec);
  }
});

t.test('what Istio warns of', async (t) => {
  const pool = 'connectionPool: { http: { http2MaxRequests: 1 } }';
  t.match(problemsOf(`{ ingress: [{ port: { number: 80, protocol: TCP }, ${pool} }] }`), [
    { severity: 'warning', path: 'spec.ingress[0].connectionPool.http' },
  ]);
});
