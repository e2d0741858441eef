/** Objects of which any subset, in any order, is a configuration. Several of one name are versions of one object. */
import { client, destinationRule, pod, service, virtualService } from './world.ts';

const toA = 'route: [{ destination: { host: a } }]';
const meta = (name: string, namespace: string, day = 0): string =>
  `name: ${name}, namespace: ${namespace}${day === 0 ? '' : `, creationTimestamp: "2025-01-0${day}T00:00:00Z"`}`;

const connections = (head: string, rules: string, metadata: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { ${metadata} }
spec:
  ${head}
  ${rules}
`;
const gateway = (name: string, servers: string, selector = 'gateway'): string => `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: ${name}, namespace: other }
spec: { selector: { istio: ${selector} }, servers: [${servers}] }
`;
const slice = (name: string, of: string, endpoints: string, type = 'IPv4'): string => `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}, namespace: default, labels: { kubernetes.io/service-name: ${of} } }
addressType: ${type}
ports: [{ name: http, port: 9000 }]
endpoints: ${endpoints}
`;
const replicaSet = (annotations: string): string => `
apiVersion: apps/v1
kind: ReplicaSet
metadata: { name: rs, namespace: default, annotations: { ${annotations} } }
`;
const namespace = (name: string, labels: string): string => `
apiVersion: v1
kind: Namespace
metadata: { name: ${name}, labels: { ${labels} } }
`;
const mesh = (text: string): string => `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: '${text}' }
`;
const entry = (spec: string, metadata: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { ${metadata} }
spec: ${spec}
`;
const workloadEntry = (spec: string): string => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: vm, namespace: default, labels: { app: h } }
spec: ${spec}
`;
const sidecar = (spec: string, metadata: string): string => `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { ${metadata} }
spec: ${spec}
`;
const owned = 'ownerReferences: [{ apiVersion: apps/v1, kind: ReplicaSet, name: rs, controller: true, uid: u }]';

export const OBJECTS: readonly string[] = [
  client(),
  client('client', 'default', 'tier: gold'),
  client('client', 'other', 'tier: gold'),
  client('client', 'third', 'tier: iron'),
  client('serving', 'default', 'app: a'),
  pod('owned', '10.0.0.8', 'app: a', '').replace('labels:', `${owned}, labels:`).replace('status:', 'spec: { nodeName: n1 }\nstatus:'),
  replicaSet("nodeway.io/enroll: 'true'"),
  replicaSet("nodeway.io/enroll: 'maybe'"),
  namespace('default', 'istio-injection: enabled'),
  namespace('default', 'x: z'),

  service('a'),
  service('a', '[{ name: http, port: 80, targetPort: 9090 }, { name: tcp, port: 90 }]', 'clusterIP: 10.96.0.1'),
  service('b', '[{ name: http, port: 80 }]', 'clusterIP: 10.96.0.2'),
  service('b', '[{ name: http-x, port: 81 }]', 'clusterIP: 10.96.0.1'),
  service('h', '[{ name: http, port: 80 }]', 'clusterIP: None'),
  service('h', '[{ name: http, port: 80 }]', 'type: ExternalName\n  externalName: a.default.svc.cluster.local'),
  service('g', '[{ name: http, port: 80 }]', 'clusterIP: None').replace('app: g', 'app: h'),

  pod('a1', '10.0.0.1', 'app: a, version: v1'),
  pod('a1', '10.0.0.2', 'app: a, version: v2'),
  pod('h1', '10.0.0.3', 'app: h', 'spec: { hostname: h1, subdomain: h }'),
  pod('h1', '10.0.0.1', 'app: h'),
  slice('s1', 'a', '[{ addresses: [10.0.0.1] }, { addresses: [10.0.0.7], conditions: { ready: false } }]'),
  slice('s1', 'a', '[{ addresses: [10.0.0.7], targetRef: { kind: Pod, name: a1 } }]'),
  slice('s2', 'a', '[{ addresses: ["fd00::7"] }]', 'IPv6'),
  slice('s2', 'h', '[{ addresses: [10.0.0.9], hostname: zero }]'),

  virtualService(`[{ ${toA} }]`),
  virtualService(`[{ match: [{ sourceLabels: { tier: gold } }], timeout: 1s, ${toA} }]`),
  virtualService(
    `[{ match: [{ sourceNamespace: other }], timeout: 2s, ${toA} }, { match: [{ port: 80 }], ${toA} }]`,
    undefined,
    meta('a', 'default', 3),
  ),
  virtualService('[{ route: [{ destination: { host: b, subset: v1 } }] }]', 'hosts: [a, b]', meta('c', 'default', 2)),
  virtualService(`[{ ${toA} }]`, 'hosts: ["*.example"]\n  gateways: [gw, mesh]', meta('out', 'other')),
  virtualService(`[{ ${toA} }]`, 'hosts: ["x.example", b.default]\n  gateways: [gw, other/gx, mesh]', meta('out', 'other', 4)),
  virtualService('[{ redirect: { uri: /x } }]', 'hosts: ["*.default.svc.cluster.local"]', meta('wide', 'default', 1)),
  virtualService('[{ redirect: { uri: /y } }]', 'hosts: ["*.svc.cluster.local"]', meta('wide', 'default', 5)),
  virtualService(
    '[{ match: [{ sourceNamespace: other }], redirect: { uri: /z } }]',
    'hosts: [10.96.0.1, h1.h.default, a.default.svc]',
    meta('odd', 'default', 1),
  ),
  virtualService(
    '[{ redirect: { uri: /z } }]',
    'hosts: [10.96.0.1, h1.h.default, a.default.svc, "*.g.default"]',
    meta('odd', 'default', 6),
  ),
  virtualService(
    '[{ headers: { request: { set: { x: "%REQ(y)%" } } }, mirror: { host: none }, route: [{ destination: { host: a, subset: mine } }] }]',
    'hosts: [b]',
    meta('b', 'other'),
  ),

  destinationRule('{ host: a, subsets: [{ name: v1, labels: { version: v1 } }] }'),
  destinationRule('{ host: a, trafficPolicy: { loadBalancer: { consistentHash: { httpHeaderName: x } } } }'),
  destinationRule('{ host: a.default.svc.cluster.local, subsets: [{ name: mine }] }', meta('a', 'other')),
  destinationRule('{ host: "*.cluster.local", subsets: [{ name: v1, labels: { app: h } }] }', meta('w', 'istio-system')),
  destinationRule('{ host: "*.default.svc.cluster.local", trafficPolicy: { loadBalancer: { simple: RANDOM } } }', meta('w', 'third')),
  destinationRule('{ host: h.default.svc.cluster.local, trafficPolicy: { loadBalancer: { simple: PASSTHROUGH } } }', meta('w', 'third', 1)),
  destinationRule('{ host: b, subsets: [{ name: v1 }] }', meta('b', 'nodeway-system')),

  gateway('gw', '{ port: { number: 80, name: h, protocol: HTTP }, hosts: ["*"] }'),
  gateway('gw', '{ port: { number: 80, name: h, protocol: HTTP }, hosts: ["*"] }', 'nobody'),
  gateway(
    'gx',
    '{ port: { number: 80, name: h, protocol: HTTP }, hosts: [x.example] }, { port: { number: 81, name: i, protocol: HTTP }, hosts: ["./*"] }',
  ),
  mesh('connectTimeout: 1s'),
  mesh('{ outboundTrafficPolicy: { mode: REGISTRY_ONLY }, defaultHttpRetryPolicy: { attempts: 1 } }'),

  entry('{ hosts: [x.example], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: DNS }', meta('xe', 'default')),
  entry(
    '{ hosts: [x.example], addresses: [10.96.0.1, 10.97.0.0/16], ports: [{ number: 80, name: tcp }], resolution: STATIC, workloadSelector: { labels: { app: h } } }',
    meta('xe', 'default'),
  ),
  entry('{ hosts: [x.example], ports: [{ number: 80, name: tcp }], exportTo: [., third] }', meta('ye', 'other', 2)),
  entry(
    '{ hosts: ["*.example", y.example], ports: [{ number: 443, name: tls, protocol: TLS }, { number: 80, name: h, protocol: HTTP }] }',
    meta('ze', 'third'),
  ),
  entry('{ hosts: [y.example], ports: [{ number: 443, name: tcp }], exportTo: [other] }', meta('ze', 'third', 3)),
  entry(
    '{ hosts: [a.default.svc.cluster.local], ports: [{ number: 80, name: http, protocol: HTTP }], exportTo: [.] }',
    meta('squat', 'other'),
  ),
  workloadEntry('{ address: 10.0.0.77 }'),
  workloadEntry('{ address: 10.0.0.1, ports: { http: 8081 } }'),

  sidecar('{ egress: [{ hosts: ["./*", "third/*.example"] }] }', meta('side', 'default')),
  sidecar('{ egress: [{ hosts: ["*/*"] }], outboundTrafficPolicy: {} }', meta('side', 'default')),
  sidecar('{ workloadSelector: { labels: { tier: gold } }, egress: [{ hosts: ["*/*", "~other/*"] }] }', meta('gold', 'default')),
  sidecar(
    '{ egress: [{ port: { number: 80, protocol: HTTP }, hosts: ["default/*"] }, { hosts: ["~/x.y", "*/h.default.svc.cluster.local"] }] }',
    meta('root', 'istio-system'),
  ),

  connections(
    'hosts: [a]',
    `tcp: [{ match: [{ port: 90, sourceLabels: { tier: gold } }], ${toA} }, { match: [{ sourceNamespace: other }], ${toA} }]`,
    meta('l4', 'default'),
  ),
  connections(
    'hosts: [a, "*.example"]',
    `tls: [{ match: [{ sniHosts: [y.example, "*.example"] }], ${toA} }]\n  tcp: [{ ${toA} }]`,
    meta('l4', 'default'),
  ),
  connections(
    'hosts: ["*.example"]\n  gateways: [gt, mesh]',
    `tls: [{ match: [{ sniHosts: [y.example] }], ${toA} }]\n  tcp: [{ ${toA} }]`,
    meta('l5', 'other'),
  ),
  gateway(
    'gt',
    '{ port: { number: 443, name: t, protocol: TLS }, tls: {}, hosts: ["*.example"] }, { port: { number: 81, name: c, protocol: TCP }, hosts: ["*"] }, { port: { number: 80, name: h, protocol: HTTP }, tls: { httpsRedirect: true }, hosts: [x.example] }',
  ),
];
