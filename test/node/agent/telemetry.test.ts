/** Traces and access logs of real programs in pods, at a collector that speaks HTTP. Needs root. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { startNginx } from '../capture/programs.ts';
import { needsRoot, type Pod, PodNetwork, until } from '../pod-network.ts';
import { AgentProcess, type KubeObject, podObject, serviceObject } from './agent-process.ts';

const WEB = '10.96.0.10';

interface ZipkinSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly kind: string;
  readonly name: string;
  readonly localEndpoint: { readonly serviceName: string };
  readonly tags: Readonly<Record<string, string>>;
}

t.test('telemetry', { skip: needsRoot }, async (t) => {
  const spans: ZipkinSpan[] = [];
  const collector = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      spans.push(...(JSON.parse(body) as ZipkinSpan[]));
      response.writeHead(202).end();
    });
  });
  await new Promise<void>((done) => collector.listen(0, '127.0.0.1', done));
  const { port } = collector.address() as AddressInfo;
  const network = await PodNetwork.create('telemetry');
  const agent = await AgentProcess.create(network, ['--workers', '2']);
  t.teardown(async () => {
    if (!t.passing()) t.comment(agent.log);
    await agent.close();
    await network.close();
    collector.close();
  });
  const logFile = join(agent.manifests, '..', 'access.log');
  const [client, web] = ['client', 'web'].map((name) => network.addPod(name)) as [Pod, Pod];
  await startNginx(web, (task) => t.teardown(task), 'web $http_x_b3_traceid $http_x_b3_spanid $http_x_b3_parentspanid $http_b3');
  const mesh = `
accessLogFile: ${logFile}
accessLogEncoding: JSON
extensionProviders: [{ name: zipkin, zipkin: { service: 127.0.0.1, port: ${port} } }]
`;
  const settings: KubeObject = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'istio', namespace: 'istio-system' },
    data: { mesh },
  };
  const telemetry: KubeObject = {
    apiVersion: 'telemetry.istio.io/v1',
    kind: 'Telemetry',
    metadata: { name: 'mesh', namespace: 'istio-system' },
    spec: { tracing: [{ providers: [{ name: 'zipkin' }], randomSamplingPercentage: 100 }] },
  };
  await agent.apply('mesh.json', settings, telemetry);
  await agent.apply('pods.json', podObject(client, 'client'), podObject(web, 'web'));
  await agent.apply('services.json', serviceObject('web', WEB, { http: 80 }));
  await agent.start();
  const curl = (...words: string[]) => client.run(['curl', '-sS', '-m', '60', '-H', 'Host: web.shop', ...words, `http://${WEB}/path?x=1`]);

  await t.test('one pass of a node has the spans of both sides, and the application continues the callee’s', async (t) => {
    const { stdout } = await curl();
    await until(async () => spans.length === 2, 'both spans have come');
    const [caller, callee] = ['CLIENT', 'SERVER'].map((kind) => spans.find((span) => span.kind === kind));
    t.equal(callee?.traceId, caller?.traceId);
    t.equal(callee?.parentId, caller?.id);
    t.equal(caller?.parentId, undefined);
    t.equal(stdout.trim(), `web ${callee?.traceId} ${callee?.id} ${caller?.id}`);
    t.match(caller, {
      localEndpoint: { serviceName: 'client.shop' },
      tags: { 'http.url': 'http://web.shop/path?x=1', 'http.status_code': '200' },
    });
    t.match(callee, { localEndpoint: { serviceName: 'web.shop' }, name: 'web.shop.svc.cluster.local:80/*' });
    await until(async () => (await agent.metric('nodeway_exporter_spans_total', { result: 'sent' })) === 2, 'they are counted');
  });

  await t.test('a trace that comes in goes on, and one that is not sampled has no spans', async (t) => {
    const before = spans.length;
    const trace = '463ac35c9f6413ad48485a3953bb6124';
    const { stdout } = await curl('-H', `b3: ${trace}-a2fb4a1d1a96d312-0`);
    t.match(stdout.trim(), new RegExp(`^web +${trace}-[0-9a-f]{16}-0-[0-9a-f]{16}$`), 'in the form in which it came');
    await curl('-H', `b3: ${trace}-a2fb4a1d1a96d312-1`);
    await until(async () => spans.length === before + 2, 'the spans of the second one');
    t.ok(spans.slice(before).every((span) => span.traceId === trace));
  });

  await t.test('each request has a line from both sides', async (t) => {
    const lines = (): string[] => (existsSync(logFile) ? readFileSync(logFile, 'utf8').split('\n').slice(0, -1) : []);
    await until(async () => lines().length === 6, 'six lines');
    const parsed = lines().map((line) => JSON.parse(line) as Record<string, unknown>);
    const outbound = parsed.filter((line) => line['upstream_cluster'] === 'outbound|80||web.shop.svc.cluster.local');
    const inbound = parsed.filter((line) => line['upstream_cluster'] === 'inbound|80||');
    t.equal(outbound.length, 3);
    t.equal(inbound.length, 3);
    const expected = { method: 'GET', path: '/path?x=1', response_code: 200, authority: 'web.shop', upstream_host: `${web.ipv4}:80` };
    for (const line of parsed) t.match(line, expected);
    t.match(outbound[0], { downstream_local_address: `${WEB}:80` });
    t.match(inbound[0], { downstream_local_address: `${web.ipv4}:80` });
    t.equal(await agent.metric('nodeway_access_log_dropped_total'), 0);
  });

  await t.test('a collector that dies costs a counter, and no request', async (t) => {
    collector.closeAllConnections();
    collector.close();
    for (let i = 0; i < 20; i++) t.equal((await curl()).code, 0);
    await until(async () => (await agent.metric('nodeway_exporter_spans_total', { result: 'failed' })) > 0, 'the failure is counted');
  });
});
