/**
 * Prometheus scrapes an agent whose gateway has served requests. All expressions of Istio's published dashboards parse, Prometheus answers
 * them, and what it counts is what was sent. The gateway's series have all labels that Kiali's graph reads. Where root runs it, it scrapes
 * the demonstration's application as well (prometheus-pods.ts).
 */
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../base/free-ports.ts';
import { until } from '../node/pod-network.ts';
import { dashboardExpressions } from './dashboards.ts';
import { lackingLabels } from './kiali.ts';
import { canMakePods } from './places.ts';
import { run, start, stopAll } from './processes.ts';
import { watchPods } from './prometheus-pods.ts';
import { type Query, startPrometheus } from './prometheus-server.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
/** An address of this machine that stands for a pod's. */
const POD = '127.0.0.2';
const SERVICE = 'web.shop.svc.cluster.local';
const FOUND = 30;
const MISSING = 7;
const faults: string[] = [];
const check = (holds: boolean, fault: string): void => void (holds || faults.push(fault));
const directory = mkdtempSync(join(tmpdir(), 'nodeway-prometheus-'));
const backend = createServer((request, response) => {
  response.writeHead(request.url === '/missing' ? 404 : 200).end('web');
}).listen(0, POD);
await once(backend, 'listening');

try {
  const [gateway = 0, admin = 0, metrics = 0, port = 0] = await freePorts(4);
  writeFileSync(join(directory, 'mesh.json'), manifests(gateway, (backend.address() as AddressInfo).port));
  startAgent(admin, metrics);
  await until(async () => (await fetch(`http://127.0.0.1:${metrics}/readyz`).catch(() => null))?.ok === true, 'the agent is ready');
  const query = await startPrometheus(directory, port, metrics);
  const ask = async (path: string, times: number): Promise<void> => {
    for (let left = times; left > 0; left--) await (await fetch(`http://127.0.0.1:${gateway}${path}`)).text();
  };
  const total = async (expression: string): Promise<number> => Number((await query(`sum(${expression})`))[0]?.value[1] ?? 0);
  await ask('/', 1);
  await until(async () => (await total('istio_requests_total')) === 1, 'the first request is scraped');
  await ask('/', FOUND - 1);
  await ask('/missing', MISSING);
  await until(async () => (await total('istio_requests_total{reporter="source"}')) === FOUND + MISSING, 'all requests are scraped');

  const service = `destination_service="${SERVICE}"`;
  for (const [expression, expected] of [
    [`istio_requests_total{${service},response_code="200"}`, FOUND],
    [`istio_requests_total{${service},response_code="404"}`, MISSING],
    [`istio_request_duration_milliseconds_count{${service}}`, FOUND + MISSING],
    [`istio_request_duration_milliseconds_bucket{${service},le="+Inf"}`, FOUND + MISSING],
    // As Istio's performance dashboard asks for its gateway.
    ['istio_requests_total{source_workload="istio-ingressgateway",reporter="source"}', FOUND + MISSING],
    ['istio_build{component="proxy"}', 1],
  ] as const) {
    const counted = await total(expression);
    check(counted === expected, `${expression}: ${counted}, and ${expected} is true`);
  }
  for (const { metric } of await query('istio_requests_total')) {
    const lacking = lackingLabels(metric);
    check(lacking.length === 0, `Kiali needs ${lacking.join(', ')} of ${JSON.stringify(metric)}`);
  }
  await tryDashboards(query);
  if (canMakePods()) await watchPods(join(directory, 'pods'), check);
} finally {
  stopAll();
  backend.close();
  rmSync(directory, { recursive: true, force: true });
}
for (const fault of faults) console.log(`fails: ${fault}`);
process.exitCode = faults.length === 0 ? 0 : 1;

function startAgent(admin: number, metrics: number): void {
  const flags = ['--no-capture', '--workers', '1', '--node-name', 'node', '--gateway-address', '127.0.0.1', '--manifests', directory];
  const ports = ['--admin-address', `127.0.0.1:${admin}`, '--metrics-address', `127.0.0.1:${metrics}`];
  start(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, 'agent', ...flags, ...ports, '--log-level', 'error']);
}

/** A gateway before the service `web`, whose one pod is the backend. */
function manifests(gateway: number, backendPort: number): string {
  const labels = { app: 'web', version: 'v1' };
  const named = (name: string) => ({ name, namespace: 'shop' });
  const objects = [
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...named('web'), labels },
      spec: { nodeName: 'other', containers: [{ name: 'web', image: 'example' }] },
      status: { phase: 'Running', podIP: POD, podIPs: [{ ip: POD }], conditions: [{ type: 'Ready', status: 'True' }] },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: named('web'),
      spec: { clusterIP: '10.96.0.10', selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: backendPort }] },
    },
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'Gateway',
      metadata: named('gateway'),
      spec: {
        selector: { istio: 'ingressgateway' },
        servers: [{ hosts: ['*'], port: { number: gateway, name: 'http', protocol: 'HTTP' } }],
      },
    },
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: named('web'),
      spec: { hosts: ['*'], gateways: ['gateway'], http: [{ route: [{ destination: { host: 'web' } }] }] },
    },
  ];
  return objects.map((object) => JSON.stringify(object)).join('\n---\n');
}

async function tryDashboards(query: Query): Promise<void> {
  const folder = join(process.env['ISTIO_SOURCE'] ?? '', 'manifests/addons/dashboards');
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.json') && name !== 'jsonnetfile.json')) {
    const expressions = dashboardExpressions(readFileSync(join(folder, file), 'utf8'), SERVICE);
    if (expressions.length === 0) continue;
    const rules = join(directory, 'rules.json');
    const list = expressions.map((expr, index) => ({ record: `r:${index}`, expr }));
    writeFileSync(rules, JSON.stringify({ groups: [{ name: file, rules: list }] }));
    const { code, stdout, stderr } = await run('promtool', ['check', 'rules', rules]);
    check(code === 0, `${file}: ${stdout}${stderr}`);
    let answered = 0;
    for (const expression of expressions) if ((await query(expression)).length > 0) answered++;
    console.log(`${file}: ${expressions.length} expressions parse, ${answered} have an answer`);
    if (/mesh|service|workload/.test(file)) check(answered > 0, `${file}: no expression has an answer`);
  }
}
