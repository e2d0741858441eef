/** What pods receive, and what their own rules say of it: Istio's inbound clusters. */
import t from 'tap';
import type { ClusterConfig } from '../../../../src/l7/config/cluster.ts';
import type { InboundPort } from '../../../../src/l7/config/workload.ts';
import { Compiler } from '../../../../src/agent/model/compile/index.ts';
import { client, compileText, endpoints, OPTIONS, service, storeOf } from './world.ts';

const PORTS = '[{ name: http, port: 80, targetPort: 8080 }, { name: tcp, port: 90, targetPort: 9090 }]';
const WORLD = [client('p', 'default', 'app: a'), service('a', PORTS)];

const object = (kind: string, spec: string, metadata: string): string => `
---
apiVersion: networking.istio.io/v1
kind: ${kind}
metadata: { ${metadata} }
spec: ${spec}
`;
const sidecar = (spec: string, metadata = 'name: own, namespace: default'): string => object('Sidecar', spec, metadata);
const rule = (policy: string, metadata = 'name: a, namespace: default'): string =>
  object('DestinationRule', `{ host: a.default.svc.cluster.local, ${policy} }`, metadata);
const meshConfig = (text: string): string =>
  `\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: istio, namespace: istio-system }\ndata: { mesh: '${text}' }\n`;
const pool = (requests: number): string => `connectionPool: { http: { http2MaxRequests: ${requests} } }`;

interface Received {
  readonly ports: Readonly<Record<string, InboundPort>>;
  readonly clusters: readonly ClusterConfig[];
}

function received(...texts: string[]): Received {
  const { snapshot } = compileText([...WORLD, ...texts]);
  const clusters = [...snapshot.records.clusters.values()].filter(({ name }) => name.startsWith('inbound|'));
  return { ports: snapshot.records.workloads.get('default/p')?.inbound ?? {}, clusters };
}

/** Limits of requests by container port. */
function limits(...texts: string[]): Record<string, number | undefined> {
  const { ports, clusters } = received(...texts);
  const known = new Map(clusters.map((cluster) => [cluster.id, cluster.pool?.maxRequests]));
  return Object.fromEntries(Object.entries(ports).map(([port, { cluster }]) => [port, known.get(cluster ?? '')]));
}

t.test('without rules there are none', async (t) => {
  const { ports, clusters } = received();
  t.same(clusters, []);
  t.same(Object.values(ports).map(({ cluster }) => cluster), [undefined, undefined]); // prettier-ignore
});

t.test('the pool of the service’s rule as the pod itself sees it', async (t) => {
  const bySelector = 'workloadSelector: { matchLabels: { app: a } }';
  const elsewhere = 'name: x, namespace: other';
  for (const [about, texts, expected] of [
    ['the rule', [rule(`trafficPolicy: { ${pool(5)} }`)], { 8080: 5, 9090: 5 }],
    [
      'of a port of the service',
      [rule(`trafficPolicy: { ${pool(5)}, portLevelSettings: [{ port: { number: 80 }, ${pool(7)} }] }`)],
      { 8080: 7, 9090: 5 },
    ],
    [
      'not a subset’s',
      [rule(`subsets: [{ name: v1, labels: { app: a }, trafficPolicy: { ${pool(5)} } }]`)],
      { 8080: undefined, 9090: undefined },
    ],
    ['not one of another namespace', [rule(`trafficPolicy: { ${pool(5)} }`, elsewhere)], { 8080: undefined, 9090: undefined }],
    ['not one that is for some clients', [rule(`${bySelector}, trafficPolicy: { ${pool(5)} }`)], { 8080: undefined, 9090: undefined }],
    ['the mesh’s, where the rule has none', [meshConfig(`defaultTrafficPolicy: { ${pool(3)} }`)], { 8080: 3, 9090: 3 }],
    [
      'the rule’s before the mesh’s',
      [meshConfig(`defaultTrafficPolicy: { ${pool(3)} }`), rule(`trafficPolicy: { ${pool(5)} }`)],
      { 8080: 5, 9090: 5 },
    ],
  ] as const) {
    t.same(limits(...texts), expected, about);
  }
});

t.test('a Sidecar’s pool takes the place of the rule’s as a whole', async (t) => {
  const of = rule(`trafficPolicy: { connectionPool: { http: { http2MaxRequests: 5 }, tcp: { maxConnections: 9 } } }`);
  const { clusters } = received(of, sidecar('{ inboundConnectionPool: { http: { http2MaxRequests: 2 } } }'));
  t.same(clusters.map(({ id, name, pool: own }) => [id, name, own]), [
    ['inbound|8080||@default/p', 'inbound|8080||', { maxRequests: 2 }],
    ['inbound|9090||@default/p', 'inbound|9090||', { maxRequests: 2 }],
  ]); // prettier-ignore
  const missed = sidecar('{ workloadSelector: { labels: { app: b } }, inboundConnectionPool: { http: { http2MaxRequests: 2 } } }');
  t.same(limits(of, missed), { 8080: 5, 9090: 5 }, 'of another pod');
});

t.test('ingress listeners take the place of the services’ ports', async (t) => {
  const own = `{ port: { number: 8080, protocol: GRPC, name: x }, ${pool(1)} }`;
  const spec = `{ ingress: [${own}, { port: { number: 7000, protocol: TCP } }], inboundConnectionPool: { http: { http2MaxRequests: 2 } } }`;
  const { ports, clusters } = received(sidecar(spec));
  t.match(ports, { 8080: { protocol: 'http2', service: { name: 'a', port: 80 } }, 7000: { protocol: 'tcp', service: null } });
  t.same(Object.keys(ports), ['7000', '8080'], 'what is not listed is passed through');
  t.match(clusters.find(({ name }) => name === 'inbound|7000||')?.service, { host: 'own.default', port: 7000 });
  t.same(limits(sidecar(spec)), { 7000: 2, 8080: 1 });
  const byListener = rule(
    `trafficPolicy: { portLevelSettings: [{ port: { number: 8080 }, ${pool(6)} }, { port: { number: 80 }, ${pool(7)} }] }`,
  );
  t.same(limits(byListener, sidecar('{ ingress: [{ port: { number: 8080, protocol: HTTP } }] }')), { 8080: 6 }, 'by the listener’s number');
});

t.test('where the application is', async (t) => {
  const at = (endpoint: string): unknown => {
    const listener = `{ port: { number: 8080, protocol: HTTP }, ${endpoint} }`;
    return received(sidecar(`{ ingress: [${listener}], inboundConnectionPool: { tcp: { maxConnections: 1 } } }`)).clusters[0]?.original;
  };
  t.same(at(''), { port: null });
  t.same(at('defaultEndpoint: ":9000"'), { port: null }, 'without an address, the port means nothing');
  t.same(at('defaultEndpoint: "127.0.0.1:9000"'), { port: 9000, address: '127.0.0.1' });
  t.same(at('defaultEndpoint: "127.0.0.1:8080"'), { port: 8080, address: '127.0.0.1' });
  t.same(at('defaultEndpoint: "0.0.0.0:8080"'), { port: null });
  t.same(at('defaultEndpoint: "0.0.0.0:9000"'), { port: 9000, address: '10.0.9.9' });
  t.same(at('defaultEndpoint: "[::1]:9000"'), { port: 9000, address: '127.0.0.1' }, 'the pod has no IPv6');
  t.same(at('defaultEndpoint: "[::]:9000"'), { port: 9000, address: '::1' });
});

t.test('endpoints whose application is elsewhere are passed on both sides', async (t) => {
  const elsewhere = sidecar('{ ingress: [{ port: { number: 8080, protocol: HTTP }, defaultEndpoint: "127.0.0.1:9000" }] }');
  const compiled = compileText([...WORLD, elsewhere]);
  const [first] = endpoints(compiled, 'outbound|80||a.default.svc.cluster.local');
  t.match(first, { address: '10.0.9.9', port: 8080, local: null, twoSided: 'default/p' });
  const [other] = endpoints(compiled, 'outbound|90||a.default.svc.cluster.local');
  t.match(other, { local: 'default/p', twoSided: undefined });
});

t.test('a pod that leaves keeps what is said of it until it is not served any more', async (t) => {
  const compiler = new Compiler(OPTIONS);
  const store = storeOf(...WORLD, sidecar('{ inboundConnectionPool: { tcp: { maxConnections: 1 } } }'));
  const inbound = (): number => [...compiler.snapshot.records.clusters.keys()].filter((id) => id.startsWith('inbound|')).length;
  const changes = store.takeChanges();
  compiler.apply(changes);
  t.equal(inbound(), 2);
  const gone = changes.filter(({ ref }) => ref.kind === 'Pod').map((change) => ({ ...change, object: null }));
  compiler.apply(gone, new Set(['default/p']));
  t.equal(inbound(), 2);
  compiler.apply([]);
  t.equal(inbound(), 0);
});
