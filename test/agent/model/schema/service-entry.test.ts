import t from 'tap';
import { head, storeOf } from './problems-of.ts';

const problemsOf = (kind: string, spec: string) => storeOf(`${head(kind)}  ${spec}\n`.replace('spec:\n  ', 'spec: ')).problems();

const http = 'ports: [{ number: 80, name: http, protocol: HTTP }]';

t.test('what Istio refuses', async (t) => {
  for (const [spec, path, message] of [
    ['{ }', 'spec.hosts', /./],
    ['{ hosts: [] }', 'spec.hosts', /one host/],
    ['{ hosts: ["*"] }', 'spec.hosts[0]', /host \* is not allowed/],
    ['{ hosts: ["a..b"] }', 'spec.hosts[0]', /DNS label/],
    ['{ hosts: [a.example], addresses: [10.0.0.0/33] }', 'spec.addresses[0]', /length of a prefix/],
    ['{ hosts: [a.example], addresses: [a.example] }', 'spec.addresses[0]', /IP address or a range/],
    [`{ hosts: [a.example], addresses: [10.0.0.0/8], ${http}, resolution: DNS }`, 'spec.addresses[0]', /NONE and STATIC/],
    ['{ hosts: [a.example], ports: [{ number: 0, name: a }] }', 'spec.ports[0].number', /./],
    ['{ hosts: [a.example], ports: [{ number: 80, name: a, protocol: SMTP }] }', 'spec.ports[0].protocol', /one of HTTP/],
    ['{ hosts: [a.example], ports: [{ number: 80, name: a }, { number: 81, name: a }] }', 'spec.ports[1].name', /already given/],
    ['{ hosts: [a.example], ports: [{ number: 80, name: a }, { number: 80, name: b }] }', 'spec.ports[1].number', /already given/],
    [`{ hosts: [a.example], ${http}, endpoints: [{ address: 192.0.2.1 }] }`, 'spec.endpoints', /NONE has no endpoints/],
    [
      `{ hosts: [a.example], ${http}, resolution: STATIC, endpoints: [{ address: b.example }] }`,
      'spec.endpoints[0].address',
      /must be an IP address/,
    ],
    [`{ hosts: [a.example], ${http}, resolution: STATIC, endpoints: [{ }] }`, 'spec.endpoints[0].address', /must be given/],
    [
      `{ hosts: [a.example], ${http}, resolution: STATIC, endpoints: [{ address: 192.0.2.1, ports: { x: 1 } }] }`,
      'spec.endpoints[0].ports.x',
      /no port of that name/,
    ],
    [
      `{ hosts: [a.example], ${http}, resolution: STATIC, endpoints: [{ address: unix:///x, ports: { http: 1 } }] }`,
      'spec.endpoints[0].ports',
      /no ports/,
    ],
    [
      `{ hosts: [a.example], ${http}, resolution: STATIC, endpoints: [], workloadSelector: { labels: { a: b } } }`,
      'spec.endpoints',
      /exclude each other/,
    ],
    [`{ hosts: ["*.a.example"], ${http}, resolution: DNS }`, 'spec.hosts[0]', /wildcard cannot be asked/],
    [
      `{ hosts: [a.example], ${http}, resolution: DNS_ROUND_ROBIN, endpoints: [{ address: a.example }, { address: b.example }] }`,
      'spec.endpoints',
      /one endpoint/,
    ],
    ['{ hosts: [a.example, b.example], ports: [{ number: 80, name: tcp }], resolution: STATIC }', 'spec.ports[0].protocol', /told apart/],
    [`{ hosts: [a.example], ${http}, resolution: DYNAMIC_DNS }`, 'spec.hosts[0]', /needs a wildcard/],
    [`{ hosts: [a.example], ${http}, exportTo: ["*", a] }`, 'spec.exportTo[0]', /stands alone/],
    [`{ hosts: [a.example], ${http}, exportTo: ["~", a] }`, 'spec.exportTo[0]', /stands alone/],
    [`{ hosts: [a.example], ${http}, exportTo: [A_B] }`, 'spec.exportTo[0]', /namespace/],
  ] as const) {
    const [first] = problemsOf('ServiceEntry', spec).filter(({ severity }) => severity === 'error');
    t.match(first, { path, message }, spec);
  }
});

t.test('what Istio accepts', async (t) => {
  for (const spec of [
    `{ hosts: [a.example], ${http} }`,
    '{ hosts: [a.example] }',
    '{ hosts: [a.example, b.example], addresses: [10.0.0.0/8, "fd00::1"], ports: [{ number: 9000, name: tcp, protocol: TCP }] }',
    `{ hosts: [a.example, "*.b.example"], ${http}, resolution: DNS, endpoints: [{ address: c.example }, { address: 192.0.2.1 }] }`,
    `{ hosts: [a.example], ${http}, resolution: STATIC, endpoints: [] }`,
    `{ hosts: [a.example], ${http}, location: MESH_INTERNAL, resolution: STATIC, workloadSelector: { labels: { a: b } }, exportTo: ["~"], subjectAltNames: [x] }`,
  ]) {
    t.same(problemsOf('ServiceEntry', spec), [], spec);
  }
});

t.test('what is not served is said', async (t) => {
  for (const [spec, path, severity] of [
    [`{ hosts: ["*.a.example"], ${http}, resolution: DYNAMIC_DNS }`, 'spec.resolution', 'unsupported'],
    [
      `{ hosts: [a.example], ${http}, resolution: STATIC, endpoints: [{ address: unix:///x }] }`,
      'spec.endpoints[0].address',
      'unsupported',
    ],
    [`{ hosts: [a.example], ${http}, resolution: STATIC, endpoints: [{ network: net }] }`, 'spec.endpoints[0].network', 'unsupported'],
    ['{ hosts: [a.example], ports: [{ number: 80, name: tcp }] }', 'spec.ports[0]', 'warning'],
    [`{ hosts: [a.example], ${http}, workloadSelector: { labels: { a: b } } }`, 'spec.workloadSelector', 'warning'],
  ] as const) {
    t.match(problemsOf('ServiceEntry', spec), [{ path, severity }], spec);
  }
});

t.test('WorkloadEntry', async (t) => {
  t.same(
    problemsOf(
      'WorkloadEntry',
      '{ address: 192.0.2.1, ports: { http: 80 }, labels: { a: b }, locality: r/z, weight: 2, serviceAccount: s }',
    ),
    [],
  );
  t.match(problemsOf('WorkloadEntry', '{ }'), [{ path: 'spec.address', severity: 'error' }]);
  t.match(problemsOf('WorkloadEntry', '{ address: "*.x" }'), [{ path: 'spec.address', severity: 'error' }]);
  t.match(problemsOf('WorkloadEntry', '{ address: unix://x }'), [{ path: 'spec.address', severity: 'error' }]);
});
