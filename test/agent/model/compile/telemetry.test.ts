import t from 'tap';
import type { AccessLogConfig, TracingConfig } from '../../../../src/l7/config/telemetry.ts';
import { applied, client, type Compiled, compileText, storeOf } from './world.ts';

const MESH = `
extensionProviders:
  - { name: zipkin, zipkin: { service: zipkin.istio-system.svc.cluster.local, port: 9411 } }
  - { name: otel, opentelemetry: { service: observability/collector.observability, port: 4317 } }
  - { name: otel-http, opentelemetry: { service: 192.0.2.7, port: 4318, http: { path: /v1/traces, timeout: 3s, headers: [{ name: x-key, value: k }] } } }
`;

const mesh = (text: string): string => `
---
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
${text.trim().replaceAll(/^/gm, '    ')}
`;

const telemetry = (spec: string, namespace = 'istio-system', name = 'a', created = '2026-01-01T00:00:00Z'): string => `
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: ${name}, namespace: ${namespace}, creationTimestamp: "${created}" }
spec: ${spec}
`;

const GATEWAY = `
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: g, namespace: default }
spec:
  selector: { istio: ingressgateway }
  servers: [{ hosts: ["*"], port: { number: 80, name: http, protocol: HTTP } }]
`;

function tracingOf({ snapshot }: Compiled, side: 'outbound' | 'inbound' = 'outbound', workload = 'default/client'): TracingConfig | null {
  return snapshot.records.workloads.get(workload)?.telemetry?.[side].tracing ?? null;
}

t.test('nothing is traced unless somebody says so', async (t) => {
  t.equal(compileText([client()]).snapshot.records.workloads.get('default/client')?.telemetry, undefined);
  const compiled = compileText([client(), mesh(MESH)]);
  t.equal(tracingOf(compiled), null);
  t.same([...compiled.compiler.exporters.keys()], ['zipkin', 'otel', 'otel-http']);
  t.same(compiled.problems, []);
});

t.test('a Telemetry that targets something else than pods is for no pod', async (t) => {
  const spec = '{ targetRefs: [{ kind: Service, name: web }], tracing: [{ providers: [{ name: zipkin }] }] }';
  const compiled = compileText([client(), mesh(MESH), telemetry(spec)]);
  t.equal(tracingOf(compiled), null);
  t.match(compiled.problems, []);
});

t.test('the exporters', async (t) => {
  const { exporters } = compileText([mesh(MESH)]).compiler;
  t.match(exporters.get('zipkin'), {
    protocol: 'zipkin',
    host: 'zipkin.istio-system.svc.cluster.local',
    port: 9411,
    path: '/api/v2/spans',
  });
  t.match(exporters.get('otel'), { protocol: 'otlp-grpc', host: 'collector.observability', port: 4317, timeoutMs: 10_000 });
  t.match(exporters.get('otel-http'), {
    protocol: 'otlp-http',
    host: '192.0.2.7',
    path: '/v1/traces',
    timeoutMs: 3000,
    headers: [['x-key', 'k']],
  });
});

t.test('what a provider of the mesh says besides', async (t) => {
  const providers = `
extensionProviders:
  - { name: zipkin, zipkin: { service: zipkin.tools, port: 9411, maxTagLength: 20 } }
  - { name: otel, opentelemetry: { service: otel.tools, port: 4317, maxTagLength: 40, grpc: { timeout: 2s, initialMetadata: [{ name: x-key, value: k }] } } }
  - { name: logs, envoyOtelAls: { service: otel.tools, port: 4318, logName: own } }
defaultConfig: { meshId: mine, tracing: { maxPathTagLength: 30 } }
defaultProviders: { accessLogging: [logs] }
`;
  const using = (name: string): Compiled =>
    compileText([client(), mesh(providers), telemetry(`{ tracing: [{ providers: [{ name: ${name} }] }] }`)]);
  t.match(tracingOf(using('zipkin')), { provider: 'zipkin', maxPathLength: 20 });
  t.match(tracingOf(using('otel')), { provider: 'otel', maxPathLength: 40 });
  t.same(Object.fromEntries(tracingOf(using('otel'))?.fixedTags ?? [])['istio.mesh_id'], 'mine');
  const { exporters } = using('otel').compiler;
  t.match(exporters.get('otel'), { timeoutMs: 2000, headers: [['x-key', 'k']] });
  t.match([...exporters.values()], [{ name: 'zipkin' }, { name: 'otel' }, { host: 'otel.tools', port: 4318, logName: 'own' }]);
});

t.test('the default provider of the mesh: one request in a hundred, for pods and gateways', async (t) => {
  const compiled = compileText([client(), GATEWAY, mesh(`${MESH}defaultProviders: { tracing: [zipkin] }\n`)]);
  for (const config of [
    tracingOf(compiled),
    tracingOf(compiled, 'inbound'),
    compiled.snapshot.records.gateways.get('80')?.telemetry?.tracing,
  ]) {
    t.match(config, { provider: 'zipkin', propagation: 'b3', sampling: 100, useRequestId: true, report: true, propagate: true });
  }
  const tags = Object.fromEntries(tracingOf(compiled)?.fixedTags ?? []);
  t.match(tags, {
    node_id: 'sidecar~10.0.9.9~client.default~default.svc.cluster.local',
    'istio.canonical_service': 'client',
    'istio.canonical_revision': 'latest',
    'istio.namespace': 'default',
    'istio.cluster_id': 'Kubernetes',
    'istio.mesh_id': 'cluster.local',
  });
});

t.test('enableTracing with an address, as ProxyConfig has it', async (t) => {
  const compiled = compileText([
    client(),
    mesh(
      'enableTracing: true\ndefaultConfig: { tracing: { zipkin: { address: "zipkin.tools:9411" }, sampling: 50, maxPathTagLength: 30 } }',
    ),
  ]);
  t.match(tracingOf(compiled), { propagation: 'b3', sampling: 5000, maxPathLength: 30 });
  t.match([...compiled.compiler.exporters.values()], [{ protocol: 'zipkin', host: 'zipkin.tools', port: 9411 }]);
});

t.test('the nearer Telemetry wins, field by field', async (t) => {
  const root = telemetry(
    '{ tracing: [{ providers: [{ name: otel }], randomSamplingPercentage: 10, customTags: { a: { literal: { value: root } } } }] }',
  );
  const own = telemetry('{ tracing: [{ randomSamplingPercentage: 20.5 }] }', 'default');
  const chosen = telemetry(
    '{ selector: { matchLabels: { app: client } }, tracing: [{ disableSpanReporting: true, useRequestIdForTraceSampling: false }] }',
    'default',
    'b',
  );
  const of = (...texts: string[]) => tracingOf(compileText([client(), mesh(MESH), ...texts]));
  t.match(of(root), { provider: 'otel', propagation: 'w3c', sampling: 1000, report: true });
  t.match(of(root, own), { provider: 'otel', sampling: 2050, report: true });
  t.match(of(root, own, chosen), { provider: 'otel', sampling: 2050, report: false, useRequestId: false });
  t.equal(Object.fromEntries(of(root, own, chosen)?.fixedTags ?? [])['a'], 'root');
  t.equal(of(root.replace('istio-system', 'elsewhere')), null, 'that of another namespace does not concern it');
  t.equal(of(own), null, 'a Telemetry without a provider does not turn tracing on');
});

t.test('one side only', async (t) => {
  const compiled = compileText([
    client(),
    mesh(MESH),
    telemetry('{ tracing: [{ match: { mode: SERVER }, providers: [{ name: zipkin }] }] }'),
  ]);
  t.equal(tracingOf(compiled, 'outbound'), null);
  t.match(tracingOf(compiled, 'inbound'), { provider: 'zipkin' });
});

t.test('tags', async (t) => {
  const compiled = compileText([
    client(),
    mesh(MESH),
    telemetry(`{ tracing: [{ providers: [{ name: zipkin }], enableIstioTags: false, customTags: {
      zone: { environment: { name: ZONE, defaultValue: a } }, tenant: { header: { name: X-Tenant, defaultValue: none } } } }] }`),
  ]);
  t.same(tracingOf(compiled)?.fixedTags.slice(1), [['zone', 'a']]);
  t.same(tracingOf(compiled)?.headerTags, [{ key: 'tenant', header: 'x-tenant', byDefault: 'none' }]);
});

t.test('what is wrong among objects is reported, and what holds without it counts', async (t) => {
  const unknown = compileText([
    client(),
    mesh(`${MESH}defaultProviders: { tracing: [zipkin] }\n`),
    telemetry('{ tracing: [{ providers: [{ name: nobody }] }] }'),
  ]);
  t.match(unknown.problems, [
    { severity: 'error', object: { kind: 'Telemetry' }, path: 'spec.tracing[0].providers', message: /no provider "nobody"/ },
  ]);
  t.match(tracingOf(unknown), { provider: 'zipkin' });
  const two = compileText([
    client(),
    mesh(MESH),
    telemetry('{ tracing: [{ providers: [{ name: zipkin }] }] }', 'default', 'old'),
    telemetry('{ tracing: [{ providers: [{ name: otel }] }] }', 'default', 'young', '2026-02-01T00:00:00Z'),
  ]);
  t.match(tracingOf(two), { provider: 'zipkin' });
  t.match(two.problems, [{ severity: 'warning', object: { name: 'young' } }]);
});

function logsOf({ snapshot }: Compiled, side: 'outbound' | 'inbound' = 'outbound'): readonly AccessLogConfig[] {
  return snapshot.records.workloads.get('default/client')?.telemetry?.[side].accessLogs ?? [];
}

t.test('an access log is off, until MeshConfig names a file', async (t) => {
  t.same(logsOf(compileText([client(), mesh(MESH)])), []);
  const compiled = compileText([client(), GATEWAY, mesh('accessLogFile: /var/log/access.log')]);
  for (const logs of [logsOf(compiled), logsOf(compiled, 'inbound'), compiled.snapshot.records.gateways.get('80')?.telemetry?.accessLogs]) {
    t.match(logs, [{ sink: '/var/log/access.log', line: { kind: 'text' }, filter: null }]);
  }
  t.match(logsOf(compileText([client(), mesh('accessLogFile: /dev/stdout\naccessLogEncoding: JSON')])), [{ line: { kind: 'json' } }]);
  const own = compileText([client(), mesh('accessLogFile: /dev/stdout\naccessLogFormat: "%PROTOCOL% x\\n"')]);
  t.match(logsOf(own), [{ line: { parts: [{ command: 'PROTOCOL' }, ' x\n'] } }]);
});

t.test('a format of the mesh that cannot be read is reported, and Istio’s takes its place', async (t) => {
  const compiled = compileText([client(), mesh('accessLogFile: /dev/stdout\naccessLogFormat: "%NOBODY%"')]);
  t.match(compiled.problems, [{ severity: 'error', path: 'data.mesh', message: /accessLogFormat: %NOBODY% is no command/ }]);
  t.match(logsOf(compiled), [{ line: { kind: 'text', parts: { 0: '[' } } }]);
  const json = compileText([client(), mesh('accessLogFile: /dev/stdout\naccessLogEncoding: JSON\naccessLogFormat: "no json"')]);
  t.match(json.problems, [{ message: /must be a JSON object/ }]);
});

t.test('Telemetry turns logs on and off, filters them, and chooses providers', async (t) => {
  const files = `
extensionProviders:
  - { name: file, envoyFileAccessLog: { path: /var/log/a.log, logFormat: { labels: { code: "%RESPONSE_CODE%" } } } }
`;
  const of = (...texts: string[]) => compileText([client(), ...texts]);
  t.match(logsOf(of(telemetry('{ accessLogging: [{ }] }'))), [{ sink: '/dev/stdout' }], 'the one that Istio has built in');
  t.match(logsOf(of(telemetry('{ accessLogging: [{ providers: [{ name: envoy }] }] }'))), [
    { sink: '/dev/stdout', line: { kind: 'text' } },
  ]);
  const chosen = of(
    mesh(files),
    telemetry('{ accessLogging: [{ providers: [{ name: file }], filter: { expression: "response.code >= 400" } }] }'),
  );
  t.match(logsOf(chosen), [
    { sink: '/var/log/a.log', line: { kind: 'json', fields: [['code', [{ command: 'RESPONSE_CODE' }]]] }, filter: { op: '>=' } },
  ]);
  const off = of(mesh('accessLogFile: /dev/stdout'), telemetry('{ accessLogging: [{ disabled: true }] }', 'default'));
  t.same(logsOf(off), []);
  const server = of(telemetry('{ accessLogging: [{ match: { mode: SERVER }, providers: [{ name: envoy }] }] }'));
  t.same(logsOf(server, 'outbound'), []);
  t.equal(logsOf(server, 'inbound').length, 1);
  t.match(of(telemetry('{ accessLogging: [{ providers: [{ name: nobody }] }] }')).problems, [{ path: 'spec.accessLogging[0].providers' }]);
});

const metricsOf = ({ snapshot }: Compiled, side: 'outbound' | 'inbound' = 'outbound') =>
  snapshot.records.workloads.get('default/client')?.telemetry?.[side].metrics;

t.test('metrics: what is farther away holds unless something nearer says otherwise', async (t) => {
  const compiled = compileText([
    client(),
    telemetry(
      '{ metrics: [{ overrides: [{ match: { metric: REQUEST_COUNT }, tagOverrides: { a: { value: "1" }, b: { value: "2" } } }] }] }',
    ),
    telemetry(
      '{ metrics: [{ reportingInterval: 10s, overrides: [{ match: { metric: REQUEST_COUNT, mode: CLIENT }, tagOverrides: { a: { operation: REMOVE } } }] }] }',
      'default',
    ),
    telemetry(
      '{ selector: { matchLabels: { app: client } }, metrics: [{ overrides: [{ match: { metric: REQUEST_SIZE, mode: SERVER }, disabled: true }] }] }',
      'default',
      'own',
    ),
  ]);
  t.same(compiled.problems, []);
  const b = { name: 'b', value: { kind: 'literal', text: '2' } };
  t.same(metricsOf(compiled), {
    changes: { istio_requests_total: { disabled: false, tags: [{ name: 'a', value: null }, b] } },
    reportMs: 10_000,
  });
  t.same(metricsOf(compiled, 'inbound'), {
    changes: {
      istio_requests_total: { disabled: false, tags: [{ name: 'a', value: { kind: 'literal', text: '1' } }, b] },
      istio_request_bytes: { disabled: true, tags: [] },
    },
    reportMs: 10_000,
  });
});

t.test('metrics: all of them disabled, and some enabled again nearer by', async (t) => {
  const off = telemetry('{ metrics: [{ overrides: [{ disabled: true }] }] }');
  const all = metricsOf(compileText([client(), off]));
  t.equal(Object.values(all?.changes ?? {}).filter((change) => change?.disabled).length, 10);
  const again = telemetry('{ metrics: [{ overrides: [{ match: { mode: CLIENT }, disabled: false }] }] }', 'default');
  const compiled = compileText([client(), off, again]);
  t.equal(metricsOf(compiled), undefined);
  t.equal(metricsOf(compiled, 'inbound')?.changes.istio_requests_total?.disabled, true);
});

t.test('metrics: who gets them', async (t) => {
  const other = `extensionProviders:\n  - { name: own, prometheus: {} }\n  - { name: elsewhere, stackdriver: {} }\n`;
  t.equal(metricsOf(compileText([client(), mesh(other)])), undefined);
  const named = compileText([client(), mesh(other), telemetry('{ metrics: [{ providers: [{ name: own }] }] }')]);
  t.equal(metricsOf(named), undefined);
  const unserved = compileText([client(), mesh(other), telemetry('{ metrics: [{ providers: [{ name: elsewhere }] }] }')]);
  t.match(unserved.problems, [{ severity: 'error', message: /no provider "elsewhere" for metrics that is served/ }]);
  t.equal(metricsOf(unserved)?.changes.istio_requests_total?.disabled, true);
  const nobody = compileText([client(), mesh('defaultProviders: { metrics: [] }')]);
  t.equal(metricsOf(nobody)?.changes.istio_requests_total?.disabled, true);
});

t.test('a provider that comes later is used, and one that goes is not', async (t) => {
  const spec = telemetry('{ tracing: [{ providers: [{ name: otel }] }] }');
  const compiled = compileText([client(), spec]);
  t.equal(tracingOf(compiled), null);
  t.match(compiled.problems, [{ severity: 'error', message: /no provider "otel"/ }]);
  const later = applied(compiled.compiler, storeOf(mesh(MESH)).takeChanges());
  t.equal(tracingOf(later)?.provider, 'otel');
  t.same(later.problems, []);
  const without = applied(compiled.compiler, storeOf(mesh('extensionProviders: []')).takeChanges());
  t.equal(tracingOf(without), null);
});
