import t from 'tap';
import { applied, client, compileText, routesOf, scopeOf, service, storeOf, virtualService } from './world.ts';

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
  t.same(compiled.snapshot.mesh, { connectTimeoutMs: 10_000, rootNamespace: 'istio-system' });
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
  t.match(retry(mesh('defaultHttpRetryPolicy: { attempts: 5 }'), rule('{ attempts: 1, retryOn: reset }')), { attempts: 1, on: ['reset'] });
});

t.test('retries that name no conditions take those of the mesh', async (t) => {
  const article = mesh('defaultHttpRetryPolicy: { retryOn: "5xx,connect-failure,refused-stream" }');
  const on = ['5xx', 'connect-failure', 'refused-stream'];
  t.match(retry(article, rule('{ attempts: 3, perTryTimeout: 3s }')), { attempts: 3, perTryTimeoutMs: 3000, on });
  t.match(retry(article, rule('{ attempts: 3, retryOn: reset }')), { on: ['reset'] });
});

t.test('what is not served is reported', async (t) => {
  const { problems } = compileText(mesh('accessLogFile: /dev/stdout\nrootNamespace: istio-system'));
  t.match(problems, [{ severity: 'unsupported', object: { kind: 'ConfigMap' }, path: 'data.mesh', message: /accessLogFile/ }]);
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
