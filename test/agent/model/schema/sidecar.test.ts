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
  ]) {
    t.same(problemsOf(spec), [], spec);
  }
});

t.test('what is not served is said', async (t) => {
  for (const [spec, path] of [
    ['{ ingress: [{ port: { number: 80, protocol: HTTP }, defaultEndpoint: "127.0.0.1:8080" }] }', 'spec.ingress'],
    ['{ egress: [{ port: { protocol: HTTP }, bind: unix:///x, hosts: ["*/*"] }] }', 'spec.egress[0].port'],
    ['{ egress: [{ bind: 127.0.0.1, port: { number: 80, protocol: HTTP }, hosts: ["*/*"] }] }', 'spec.egress[0].bind'],
    ['{ egress: [{ captureMode: NONE, hosts: ["*/*"] }] }', 'spec.egress[0].captureMode'],
    ['{ inboundConnectionPool: { http: { http1MaxPendingRequests: 1 } } }', 'spec.inboundConnectionPool'],
    [
      '{ outboundTrafficPolicy: { mode: ALLOW_ANY, egressProxy: { host: a, port: { number: 80 } } } }',
      'spec.outboundTrafficPolicy.egressProxy',
    ],
  ] as const) {
    t.match(problemsOf(spec), [{ severity: 'unsupported', path }], spec);
  }
});
