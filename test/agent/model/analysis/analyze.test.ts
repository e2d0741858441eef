import t from 'tap';
import { analyze } from '../../../../src/agent/model/analysis/analyze.ts';
import { ObjectStore } from '../../../../src/agent/model/store.ts';
import { parseManifest } from '../../../../src/agent/sources/file-text.ts';
import { destinationRule, OPTIONS, pod, service, virtualService } from '../compile/world.ts';

const istio = (kind: string, name: string, spec: string, more = ''): string => `
---
apiVersion: networking.istio.io/v1
kind: ${kind}
metadata: { name: ${name}, namespace: default${more} }
spec: ${spec}
`;
const aged = (year: number): string => `, creationTimestamp: "${year}-01-01T00:00:00Z"`;

/** `CODE Kind name path` of all findings. */
function found(...texts: string[]): string[] {
  const store = new ObjectStore();
  const sink = store.contribute('test');
  for (const entry of parseManifest('f.yaml', texts.join('')).objects) sink.upsert(entry.object!, entry);
  return analyze(store, OPTIONS).map(({ code, object, path }) => `${code} ${object?.kind} ${object?.name} ${path}`.trim());
}

const A = service('a') + pod('a1', '10.0.0.1', 'app: a, version: v1');
const toA = 'route: [{ destination: { host: a } }]';

t.test('nothing to say', async (t) => {
  t.same(found(A, virtualService(`[{ match: [{ uri: { prefix: /x } }], ${toA} }, { ${toA} }]`)), []);
});

t.test('what is referred to and is not there', async (t) => {
  t.same(found(A, virtualService('[{ route: [{ destination: { host: none } }] }]')), [
    'IST0101 VirtualService a spec.http[0].route[0].destination.host',
  ]);
  t.same(found(A, virtualService('[{ route: [{ destination: { host: a, subset: v9 } }] }]')), [
    'IST0101 VirtualService a spec.http[0].route[0].destination.subset',
  ]);
  t.same(found(A, virtualService(`[{ ${toA} }]`, 'hosts: [x.example]\n  gateways: [none]')), ['IST0101 VirtualService a spec.gateways[0]']);
  t.same(found(A, destinationRule('{ host: none, subsets: [{ name: v1 }] }')), ['IST0174 DestinationRule a spec.host']);
});

t.test('selectors that select nothing', async (t) => {
  const selecting = (label: string): string => `{ workloadSelector: { labels: { app: ${label} } }, egress: [{ hosts: ["*/*"] }] }`;
  t.same(found(A, istio('Sidecar', 's', selecting('none'))), ['IST0101 Sidecar s spec.workloadSelector']);
  t.same(found(A, istio('Sidecar', 's', selecting('a'))), []);
  t.same(found(istio('Sidecar', 's', selecting('none'))), [], 'without pods nothing is known of them');
  const gateway = (label: string): string =>
    istio(
      'Gateway',
      'g',
      `{ selector: { istio: ${label} }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }`,
    );
  t.same(found(gateway('nobody')), ['IST0101 Gateway g spec.selector']);
  t.same(found(gateway('ingressgateway')), []);
  t.same(found(gateway('own'), pod('g', '10.0.0.9', 'istio: own')), []);
});

t.test('Sidecars that a pod has both of', async (t) => {
  const selecting = (label: string): string => `{ workloadSelector: { labels: { ${label} } }, egress: [{ hosts: ["*/*"] }] }`;
  const both = [istio('Sidecar', 'one', selecting('app: a'), aged(2020)), istio('Sidecar', 'two', selecting('version: v1'), aged(2021))];
  t.same(found(A, ...both), ['IST0110 Sidecar two spec.workloadSelector']);
});

t.test('ports that say nothing of what they speak', async (t) => {
  t.same(found(service('a', '[{ name: foo, port: 80 }]')), ['IST0118 Service a spec.ports[0]']);
  t.same(found(service('a', '[{ name: http-web, port: 80 }, { name: db, port: 3306 }, { name: x, port: 81, appProtocol: grpc }]')), []);
});

t.test('what is deprecated', async (t) => {
  const fault = 'fault: { delay: { fixedDelay: 1s, percent: 50 } }';
  t.same(found(A, virtualService(`[{ ${toA}, ${fault} }]`)), ['IST0002 VirtualService a spec.http[0].fault.delay.percent']);
  t.same(found(A, virtualService(`[{ ${toA}, mirror: { host: a }, mirrorPercent: 50 }]`)), [
    'IST0133 VirtualService a spec.http[0].mirrorPercent',
  ]);
});

t.test('rules that no request reaches', async (t) => {
  for (const [http, expected] of [
    [`[{ ${toA} }, { match: [{ uri: { exact: /x } }], ${toA} }]`, ['IST0130 VirtualService a spec.http[1]']],
    [
      `[{ match: [{ uri: { prefix: /x } }], ${toA} }, { match: [{ uri: { prefix: /x/y } }], ${toA} }]`,
      ['IST0130 VirtualService a spec.http[1]'],
    ],
    [
      `[{ match: [{ uri: { prefix: /x } }], ${toA} }, { match: [{ uri: { exact: /xy } }, { uri: { exact: /z } }], ${toA} }]`,
      ['IST0131 VirtualService a spec.http[1].match[0]'],
    ],
    [`[{ match: [{ uri: { prefix: /x }, method: { exact: GET } }], ${toA} }, { match: [{ uri: { prefix: /x/y } }], ${toA} }]`, []],
    [
      `[{ match: [{ headers: { a: { exact: b } } }], ${toA} }, { match: [{ headers: { a: { exact: b } }, uri: { prefix: /x } }], ${toA} }]`,
      ['IST0130 VirtualService a spec.http[1]'],
    ],
    [`[{ match: [{ uri: { regex: "/x.*" } }], ${toA} }, { match: [{ uri: { exact: /xy } }], ${toA} }]`, []],
    [`[{ match: [{ uri: { prefix: /x }, port: 80 }], ${toA} }, { match: [{ uri: { prefix: /x }, port: 81 }], ${toA} }]`, []],
  ] as const) {
    t.same(found(A, virtualService(http)), expected, http);
  }
});

t.test('who wants the same thing', async (t) => {
  const rules = (name: string, year: number): string =>
    virtualService(`[{ ${toA} }]`, 'hosts: [a]', `name: ${name}, namespace: default${aged(year)}`);
  t.same(found(A, rules('new', 2021), rules('old', 2020)), ['IST0109 VirtualService new spec.hosts[0]']);
  const policy = (name: string, year: number): string =>
    destinationRule(
      '{ host: a, trafficPolicy: { loadBalancer: { simple: RANDOM } }, subsets: [{ name: v1, labels: { version: v1 } }] }',
      `name: ${name}, namespace: default${aged(year)}`,
    );
  t.same(found(A, policy('new', 2021), policy('old', 2020)), [
    'NDW0002 DestinationRule new spec.trafficPolicy',
    'NDW0002 DestinationRule new spec.subsets[0].name',
  ]);
  const everything = '{ egress: [{ hosts: ["*/*"] }] }';
  t.same(found(istio('Sidecar', 'one', everything, aged(2020)), istio('Sidecar', 'two', everything, aged(2021))), ['IST0111 Sidecar two']);
  const selecting = '{ workloadSelector: { labels: { app: a } }, egress: [{ hosts: ["*/*"] }] }';
  t.same(found(istio('Sidecar', 'one', selecting, aged(2020)), istio('Sidecar', 'two', selecting, aged(2021))), [
    'IST0110 Sidecar two spec.workloadSelector',
  ]);
  const gateway =
    '{ selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["x.example"] }] }';
  t.same(found(istio('Gateway', 'one', gateway, aged(2020)), istio('Gateway', 'two', gateway, aged(2021))), [
    'IST0145 Gateway two spec.servers[0].hosts[0]',
  ]);
});

t.test('destinations that lead nowhere', async (t) => {
  const two = service('b', '[{ name: http, port: 80 }, { name: http-x, port: 81 }]');
  t.same(found(two, virtualService('[{ route: [{ destination: { host: b } }] }]', 'hosts: [b]')), [
    'IST0112 VirtualService a spec.http[0].route[0].destination',
  ]);
  t.same(
    found(A, destinationRule('{ host: a, subsets: [{ name: v1, labels: { version: v1 } }, { name: v9, labels: { version: v9 } }] }')),
    ['IST0173 DestinationRule a spec.subsets[1]'],
  );
  const http = 'ports: [{ number: 80, name: http, protocol: HTTP }]';
  t.same(found(istio('ServiceEntry', 'e', `{ hosts: [x.example], ${http}, resolution: STATIC }`)), [
    'NDW0003 ServiceEntry e spec.endpoints',
  ]);
  t.same(found(istio('ServiceEntry', 'e', '{ hosts: [x.example] }')), ['NDW0003 ServiceEntry e spec']);
  t.same(found(istio('ServiceEntry', 'e', `{ hosts: [x.example], ${http}, exportTo: ["~"] }`)), ['NDW0003 ServiceEntry e spec.exportTo']);
  t.same(found(istio('ServiceEntry', 'e', '{ hosts: [x.example], ports: [{ number: 9000, name: tcp, protocol: TCP }] }')), [
    'IST0134 ServiceEntry e spec.ports[0]',
  ]);
});

t.test('objects alone', async (t) => {
  t.same(found(A, virtualService('[{ timeout: soon, route: [{ destination: { host: a } }] }]')), [
    'IST0106 VirtualService a spec.http[0].timeout',
  ]);
  t.same(found(istio('EnvoyFilter', 'f', '{}')), ['NDW0001 EnvoyFilter f kind']);
});
