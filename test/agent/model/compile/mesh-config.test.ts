import t from 'tap';
import { applied, client, compileText, destinationRule, routesOf, scopeOf, service, storeOf, tableOf, virtualService } from './world.ts';

const mesh = (text: string, namespace = 'istio-system'): string => `
---
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: ${namespace} }
data:
  mesh: |
${text.replaceAll(/^/gm, '    ')}
`;
const retry = (text: string, rules = ''): unknown => {
  const [route] = routesOf(compileText([client(), service('a'), text, rules]));
  return route?.action.kind === 'route' ? route.action.retry : undefined;
};
const rule = (retries: string): string => virtualService(`[{ retries: ${retries}, route: [{ destination: { host: a } }] }]`);

t.test('defaults', async (t) => {
  const compiled = compileText(client());
  t.same(compiled.snapshot.mesh, {
    connectTimeoutMs: 10_000,
    rootNamespace: 'istio-system',
    gatewayName: 'istio-ingressgateway',
    pathNormalization: 'base',
  });
  t.equal(scopeOf(compiled).outboundTrafficPolicy, 'ALLOW_ANY');
});

t.test('outboundTrafficPolicy and connectTimeout', async (t) => {
  const compiled = compileText([client(), service('a'), mesh('outboundTrafficPolicy: { mode: REGISTRY_ONLY }\nconnectTimeout: 1500ms')]);
  t.equal(compiled.snapshot.mesh.connectTimeoutMs, 1500);
  t.equal(scopeOf(compiled).outboundTrafficPolicy, 'REGISTRY_ONLY');
  t.equal(compiled.snapshot.records.clusters.get('outbound|80||a.default.svc.cluster.local')?.connectTimeoutMs, 1500);
  t.same(compiled.problems, []);
});

t.test("the agent's namespace wins; others do not count", async (t) => {
  const seconds = (...texts: string[]): number => compileText(texts).snapshot.mesh.connectTimeoutMs / 1000;
  t.equal(seconds(mesh('connectTimeout: 1s'), mesh('connectTimeout: 2s', 'nodeway-system')), 2);
  t.equal(seconds(mesh('connectTimeout: 1s'), mesh('connectTimeout: 2s', 'default')), 1);
});

t.test('defaultHttpRetryPolicy replaces the default as a whole where a route has no retries', async (t) => {
  t.match(retry(mesh('defaultHttpRetryPolicy: { attempts: 5, retryOn: "5xx" }')), { attempts: 5, on: ['5xx'], backoffMs: 25 });
  t.match(retry(mesh('defaultHttpRetryPolicy: { attempts: 5 }')), { attempts: 5, on: { 0: 'connect-failure' } });
  t.equal(retry(mesh('defaultHttpRetryPolicy: { retryOn: "5xx" }')), null, 'without attempts there are none, as in Istio 1.0');
  t.equal(retry(mesh('defaultHttpRetryPolicy: { attempts: 0 }')), null);
  const all = 'attempts: 5, perTryTimeout: 2s, backoff: 40ms, retryRemoteLocalities: true, retryIgnorePreviousHosts: false';
  t.match(retry(mesh(`defaultHttpRetryPolicy: { ${all} }`)), {
    ...{ attempts: 5, perTryTimeoutMs: 2000, backoffMs: 40, otherPriorities: true, avoidPreviousHosts: false },
  });
  t.match(retry(mesh('defaultHttpRetryPolicy: { attempts: 5 }'), rule('{ attempts: 1, retryOn: reset }')), { attempts: 1, on: ['reset'] });
});

t.test('retries that name no conditions take those of the mesh', async (t) => {
  const article = mesh('defaultHttpRetryPolicy: { retryOn: "5xx,connect-failure,refused-stream" }');
  const on = ['5xx', 'connect-failure', 'refused-stream'];
  t.match(retry(article, rule('{ attempts: 3, perTryTimeout: 3s }')), { attempts: 3, perTryTimeoutMs: 3000, on });
  t.match(retry(article, rule('{ attempts: 3, retryOn: reset }')), { on: ['reset'] });
});

t.test('what is not served is reported', async (t) => {
  const { problems } = compileText(mesh('enableAutoMtls: true\nrootNamespace: istio-system'));
  t.match(problems, [{ severity: 'unsupported', object: { kind: 'ConfigMap' }, path: 'data.mesh', message: /enableAutoMtls/ }]);
});

t.test('what cannot be read leaves the settings before in effect', async (t) => {
  const { compiler } = compileText(mesh('connectTimeout: 3s'));
  for (const text of ['connectTimeout: [', 'connectTimeout: soon', 'outboundTrafficPolicy: { mode: SOMETIMES }', '- a list']) {
    const now = applied(compiler, storeOf(mesh(text)).takeChanges());
    t.equal(now.snapshot.mesh.connectTimeoutMs, 3000, text);
    t.match(now.problems, [{ severity: 'error', path: 'data.mesh' }], text);
  }
  t.equal(applied(compiler, storeOf(mesh('')).takeChanges()).snapshot.mesh.connectTimeoutMs, 10_000, 'an empty one can be read');
});

t.test('pathNormalization', async (t) => {
  for (const [text, expected] of [
    ['{}', 'base'],
    ['{ normalization: DEFAULT }', 'base'],
    ['{ normalization: NONE }', 'none'],
    ['{ normalization: MERGE_SLASHES }', 'merge'],
    ['{ normalization: DECODE_AND_MERGE_SLASHES }', 'decode'],
  ] as const) {
    const compiled = compileText(mesh(`pathNormalization: ${text}`));
    t.equal(compiled.snapshot.mesh.pathNormalization, expected, text);
    t.same(compiled.problems, [], text);
  }
});

t.test('tcpKeepalive, where no rule says it', async (t) => {
  const id = 'outbound|80||a.default.svc.cluster.local';
  const keepalive = (...texts: string[]): unknown =>
    compileText([client(), service('a'), mesh('tcpKeepalive: { time: 10s, probes: 3 }'), ...texts]).snapshot.records.clusters.get(id)?.pool
      ?.keepalive;
  t.same(keepalive(), { probes: 3, timeSeconds: 10, intervalSeconds: 0 });
  t.match(keepalive(destinationRule('{ host: a, trafficPolicy: { connectionPool: { tcp: { tcpKeepalive: { time: 20s } } } } }')), {
    timeSeconds: 20,
  });
});

t.test('defaultServiceExportTo', async (t) => {
  const texts = [client(), client('client', 'other'), service('a'), mesh('defaultServiceExportTo: ["."]')];
  const names = (workload: string, ...more: string[]): number => tableOf(compileText([...texts, ...more]), 80, workload).size;
  t.ok(names('default/client') > 0);
  t.equal(names('other/client'), 0);
  const own = service('b').replace('name: b,', 'annotations: { networking.istio.io/exportTo: "*" }, name: b,');
  t.ok(names('other/client', own) > 0, 'a service that says it itself');
});

t.test('every field is served, said to be not, or unknown', async (t) => {
  const said = (text: string): string[] => compileText(mesh(text)).problems.map(({ severity, message }) => `${severity} ${message}`);
  t.match(said('enableAutoMtls: true'), [/^unsupported enableAutoMtls: there is no TLS/]);
  t.match(said('rootNamespace: other'), [/^unsupported rootNamespace: --root-namespace says istio-system$/]);
  t.match(said('noSuchField: 1'), [/^warning noSuchField is an unknown field$/]);
  t.match(said('defaultConfig: { holdApplicationUntilProxyStarts: true }'), [
    /^unsupported defaultConfig.holdApplicationUntilProxyStarts: nothing has to be waited for/,
  ]);
  t.match(said('defaultConfig: { image: { imageType: debug } }'), [
    /^unsupported defaultConfig.image: it is about the process of a sidecar/,
  ]);
});

t.test('defaultVirtualServiceExportTo and defaultDestinationRuleExportTo', async (t) => {
  const clients = [client(), client('client', 'other'), service('a')];
  const rules = [virtualService('[{ redirect: { uri: /x } }]', 'hosts: [a]'), destinationRule('{ host: a, subsets: [{ name: v1 }] }')];
  const settings = mesh('defaultVirtualServiceExportTo: ["."]\ndefaultDestinationRuleExportTo: ["."]');
  const compiled = compileText([...clients, ...rules, settings]);
  const kinds = ['default', 'other'].map((namespace) => routesOf(compiled, 'a.default', 80, `${namespace}/client`)[0]?.action.kind);
  t.same(kinds, ['redirect', 'route']);
  const subsets = [...compiled.snapshot.records.clusters.keys()].filter((id) => id.includes('|v1|'));
  t.same(subsets, ['outbound|80|v1|a.default.svc.cluster.local@default']);
});
