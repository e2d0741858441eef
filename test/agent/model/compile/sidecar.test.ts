import t from 'tap';
import {
  addressesOf,
  applied,
  client,
  clustersOf,
  compileText,
  complaints,
  hostOf,
  routesOf,
  scopeOf,
  service,
  storeOf,
  tableOf,
  virtualService,
} from './world.ts';
import { lightIds } from '../../../l7/packed/light-records.ts';

const sidecar = (spec: string, metadata = 'name: default, namespace: default'): string => `
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { ${metadata} }
spec: ${spec}
`;
const inNamespace = (text: string, namespace: string): string => text.replace('namespace: default', `namespace: ${namespace}`);
const WORLD = [
  client(),
  service('a', undefined, 'clusterIP: 10.96.0.1'),
  inNamespace(service('b', undefined, 'clusterIP: 10.96.0.2'), 'other'),
  inNamespace(service('c'), 'third'),
];

/** Services that a client can ask for. */
function seen(texts: readonly string[], workload = 'default/client', port = 80): string[] {
  const table = tableOf(compileText(texts), port, workload);
  return [...new Set([...table.values()].map(({ name }) => name.split('.', 1)[0] as string))].sort();
}

t.test('what a client sees: its own Sidecar, its namespace’s, the root’s, or none', async (t) => {
  const root = sidecar('{ egress: [{ hosts: ["./*", "third/*"] }] }', 'name: default, namespace: istio-system');
  const own = sidecar('{ egress: [{ hosts: ["other/*"] }] }');
  const older = sidecar(
    '{ egress: [{ hosts: ["third/*"] }] }',
    'name: older, namespace: default, creationTimestamp: "2020-01-01T00:00:00Z"',
  );
  const younger = sidecar('{ egress: [{ hosts: ["other/*"] }] }', 'name: a, namespace: default, creationTimestamp: "2021-01-01T00:00:00Z"');
  const selected = sidecar(
    '{ workloadSelector: { labels: { app: client } }, egress: [{ hosts: ["./a.default.svc.cluster.local"] }] }',
    'name: sel, namespace: default',
  );
  const missed = sidecar(
    '{ workloadSelector: { labels: { app: else } }, egress: [{ hosts: ["third/*"] }] }',
    'name: sel, namespace: default',
  );
  for (const [about, texts, expected] of [
    ['no Sidecar', [], ['a', 'b', 'c']],
    ['the root’s, of which ./ is the client’s', [root], ['a', 'c']],
    ['the namespace’s', [root, own], ['b']],
    ['the oldest of the namespace', [younger, older], ['c']],
    ['its own', [root, own, selected], ['a']],
    ['one for other pods', [root, own, missed], ['b']],
    ['everything', [sidecar('{ egress: [{ hosts: ["*/*"] }] }')], ['a', 'b', 'c']],
    ['nothing', [sidecar('{ egress: [{ hosts: ["~/*"] }] }')], []],
    ['one host, whatever its namespace', [sidecar('{ egress: [{ hosts: ["*/b.other.svc.cluster.local"] }] }')], ['b']],
    ['a wildcard', [sidecar('{ egress: [{ hosts: ["*/*.third.svc.cluster.local"] }] }')], ['c']],
    ['all but a namespace', [sidecar('{ egress: [{ hosts: ["*/*", "~other/*"] }] }')], ['a', 'c']],
    ['the right host in the wrong namespace', [sidecar('{ egress: [{ hosts: ["./b.other.svc.cluster.local"] }] }')], []],
  ] as const) {
    t.same(seen([...WORLD, ...texts]), expected, about);
  }
});

t.test('clients with the same view share a scope, and whoever sees everything shares the layer of all', async (t) => {
  const compiled = compileText([...WORLD, client('other-client'), sidecar('{ egress: [{ hosts: ["./*"] }] }')]);
  t.equal(scopeOf(compiled), scopeOf(compiled, 'default/other-client'));
  t.notOk(scopeOf(compiled).layers.includes('mesh'));
  t.same(scopeOf(compileText([...WORLD, sidecar('{ egress: [{ hosts: ["*/*"] }] }')])).layers, ['mesh']);
});

t.test('addresses and ports are limited like names', async (t) => {
  const addresses = addressesOf(compileText([...WORLD, sidecar('{ egress: [{ hosts: ["other/*"] }] }')]));
  t.same(Object.keys(addresses).sort(), ['*:80', '10.96.0.2:80']);
  t.same(
    addressesOf(compileText([...WORLD, sidecar('{ egress: [{ hosts: ["none/*"] }] }')])),
    {},
    'without HTTP services nothing is looked into',
  );
});

t.test('VirtualServices are seen with the namespace that they are in', async (t) => {
  const rules = (namespace: string): string =>
    virtualService('[{ redirect: { uri: /x } }]', 'hosts: [a.default.svc.cluster.local]', `name: r, namespace: ${namespace}`);
  const limited = sidecar('{ egress: [{ hosts: ["./*"] }] }');
  const kind = (texts: readonly string[]): string | undefined => routesOf(compileText([...WORLD, ...texts]))[0]?.action.kind;
  t.equal(kind([rules('other')]), 'redirect');
  t.equal(kind([rules('other'), limited]), 'route', 'that of a namespace that is not imported has no effect');
  t.equal(kind([rules('default'), limited]), 'redirect');
  const both = sidecar('{ egress: [{ hosts: ["./*", "other/*"] }] }');
  t.equal(kind([rules('other'), both]), 'redirect');
});

t.test('a route may lead to what is not imported', async (t) => {
  const compiled = compileText([
    ...WORLD,
    virtualService('[{ route: [{ destination: { host: c.third.svc.cluster.local } }] }]'),
    sidecar('{ egress: [{ hosts: ["./*"] }] }'),
  ]);
  t.same(clustersOf(routesOf(compiled)[0]), ['outbound|80||c.third.svc.cluster.local']);
  t.same(complaints(compiled), []);
});

t.test('a host that no service has is asked for at port 80, if it is imported', async (t) => {
  const rules = virtualService('[{ redirect: { uri: /x } }]', 'hosts: [x.example]');
  const limited = (hosts: string): string => sidecar(`{ egress: [{ hosts: [${hosts}] }] }`);
  t.ok(hostOf(tableOf(compileText([client(), rules, limited('"./x.example"')])), 'x.example'));
  t.ok(hostOf(tableOf(compileText([client(), rules, limited('"./*"')])), 'x.example'));
  t.equal(hostOf(tableOf(compileText([client(), rules, limited('"other/*"')])), 'x.example'), undefined);
});

t.test('a listener for a port has that port alone', async (t) => {
  const two = '[{ name: http, port: 80 }, { name: http-alt, port: 8000 }]';
  const listeners =
    '[{ port: { number: 8000, protocol: HTTP }, hosts: ["./a.default.svc.cluster.local"] }, { hosts: ["./b.default.svc.cluster.local"] }]';
  const texts = [client(), service('a', two), service('b', two), sidecar(`{ egress: ${listeners} }`)];
  t.same(seen(texts, 'default/client', 8000), ['a']);
  t.same(seen(texts), ['b']);
  t.same(
    seen(
      [client(), service('a', two), sidecar('{ egress: [{ port: { number: 80, protocol: HTTP }, hosts: ["./*"] }] }')],
      'default/client',
      8000,
    ),
    [],
  );
});

t.test('outboundTrafficPolicy: the Sidecar’s, else the mesh’s', async (t) => {
  const mesh = `
---
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: '{ outboundTrafficPolicy: { mode: REGISTRY_ONLY } }' }
`;
  for (const [texts, expected] of [
    [[], 'ALLOW_ANY'],
    [[sidecar('{ outboundTrafficPolicy: { mode: REGISTRY_ONLY } }')], 'REGISTRY_ONLY'],
    [[sidecar('{ outboundTrafficPolicy: {} }')], 'REGISTRY_ONLY'],
    [[mesh, sidecar('{ outboundTrafficPolicy: { mode: ALLOW_ANY } }')], 'ALLOW_ANY'],
    [[mesh, sidecar('{ egress: [{ hosts: ["./*"] }] }')], 'REGISTRY_ONLY'],
  ] as const) {
    t.equal(scopeOf(compileText([...WORLD, ...texts])).outboundTrafficPolicy, expected, texts.join(' '));
  }
});

t.test('a service that comes touches those who see it', async (t) => {
  const store = storeOf(...WORLD, client('client', 'third'), sidecar('{ egress: [{ hosts: ["./*"] }] }'));
  const { compiler } = compileText('');
  applied(compiler, store.takeChanges());
  const before = compiler.progress.done;
  const { delta } = compiler.apply(storeOf(inNamespace(service('late'), 'other')).takeChanges());
  t.same(
    lightIds('virtualHosts', delta).map((id) => compiler.snapshot.records.virtualHosts.get(id)?.layer),
    ['mesh'],
  );
  t.ok(compiler.progress.done - before < 20, 'few cells');
});
