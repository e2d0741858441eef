import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { adminEndpoint } from '../../../src/agent/admin/admin-endpoint.ts';
import type { HttpServer } from '../../../src/agent/admin/http-server.ts';
import { nodeEndpoint } from '../../../src/agent/admin/node-endpoint.ts';
import type { AgentStatus } from '../../../src/agent/admin/status.ts';
import type { ObjectReport } from '../../../src/agent/model/report.ts';
import { Readiness } from '../../../src/agent/readiness.ts';
import { RequestLog } from '../../../src/agent/requests/request-log.ts';
import { agentMetrics } from '../../../src/agent/telemetry/agent-metrics.ts';
import { SeriesTable } from '../../../src/agent/telemetry/series-table.ts';
import { privateLedger } from '../../../src/l7/upstream/guards.ts';
import { Ledger } from '../../../src/l7/upstream/ledger.ts';
import { ManualClock } from '../../base/manual-clock.ts';

const STATUS: AgentStatus = {
  version: '1.2.3',
  pid: 1,
  node: 'n',
  uptimeSeconds: 1,
  ready: true,
  draining: false,
  gates: [],
  snapshot: 4,
  propagation: { pending: 2, total: 9, oldestSeconds: 1.5 },
  lastError: { at: 5500, message: 'VirtualService a/b: m' },
  workers: [{ index: 0, phase: 'running', version: 4, listeners: 2, silentMs: 3, longestPauseSeconds: 0, longestWorkSeconds: 0 }],
  workerRestarts: 2,
  pods: [{ pod: 'a/b', enrolled: true, reason: 'annotation', phase: 'captured', capturedAt: 5, error: '', addresses: ['10.0.0.1'] }],
  gateways: [{ port: 80, address: '0.0.0.0', listening: false, error: 'busy' }],
  problems: [{ severity: 'error', object: 'VirtualService a/b', path: 'spec', message: 'm', where: 'f:1:2' }],
  sources: [
    { source: 'k', resource: 'pods', scope: '', state: 'followed', staleSeconds: 0, error: '', events: 3, lists: 1, bytes: 100 },
    { source: 'k', resource: 'pods', scope: 'a', state: 'unreachable', staleSeconds: 9, error: 'e', events: 4, lists: 2, bytes: 10 },
  ],
};

const OBJECTS: readonly ObjectReport[] = [
  { group: 'networking.istio.io', kind: 'Gateway', namespace: 'a', name: 'b', state: 'accepted', since: 5, where: 'f:1', problems: [] },
];

interface Answer {
  readonly status: number;
  readonly body: string;
}

async function serve(t: Test, server: HttpServer) {
  const { port } = await server.listen({ ip: '127.0.0.1', port: 0 });
  t.teardown(() => server.close());
  return (method: string, path: string, headers: Record<string, string> = {}, body = ''): Promise<Answer> =>
    new Promise((done, failed) => {
      const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => done({ status: response.statusCode ?? 0, body: text }));
      });
      sent.on('error', failed).end(body);
    });
}

t.test('the node endpoint', async (t) => {
  const readiness = new Readiness(() => {});
  const gate = readiness.gate('configured', 'the first configuration');
  let tellTime: (seconds: number) => void = () => {};
  const metrics = agentMetrics({
    startedAtSeconds: 9,
    status: () => STATUS,
    series: new SeriesTable(new ManualClock(), 0),
    spans: () => [],
    logRecords: () => [],
    accessLogs: () => ({ lines: 0, droppedByWorkers: 0, droppedByFiles: 0 }),
    requests: { report: () => ({ taps: 0, droppedByWorkers: 3, droppedByTaps: 4 }) },
    verdicts: () => ({ through: 5 }),
    propagation: { listen: (listener) => (tellTime = listener) },
  });
  const ask = await serve(t, nodeEndpoint({ readiness, metrics }));

  t.strictSame(await ask('GET', '/healthz'), { status: 200, body: 'ok\n' });
  t.strictSame(await ask('GET', '/readyz'), { status: 503, body: '[-] configured: the first configuration\n' });
  gate.open();
  t.strictSame(await ask('GET', '/readyz'), { status: 200, body: '[+] configured\n' });
  gate.close('draining');
  t.equal((await ask('GET', '/readyz')).status, 503);

  tellTime(0.003);
  const { body } = await ask('GET', '/metrics');
  t.equal((await ask('GET', '/metrics')).body.includes('nodeway_worker_restarts_total 2\n'), true, 'a second scrape does not add');
  for (const line of [
    'nodeway_source_stale_seconds{resource="pods"} 9',
    'nodeway_source_watches{resource="pods",state="followed"} 1',
    'nodeway_source_watches{resource="pods",state="unreachable"} 1',
    'nodeway_source_events_total{resource="pods"} 7',
    'nodeway_source_lists_total{resource="pods"} 3',
    'nodeway_source_bytes_total{resource="pods"} 110',
    'nodeway_config_propagation_seconds_bucket{le="0.002"} 0',
    'nodeway_config_propagation_seconds_bucket{le="0.005"} 1',
    'nodeway_config_propagation_seconds_sum 0.003',
    'nodeway_config_changes_total 9',
    'nodeway_config_changes_pending 2',
    'nodeway_config_oldest_pending_seconds 1.5',
    'nodeway_config_last_error_timestamp_seconds 5.5',
    'nodeway_requests_untold_total{by="worker"} 3',
    'nodeway_requests_untold_total{by="tap"} 4',
    /^nodeway_build_info\{version="1\.2\.3",node="v.+"\} 1$/m,
    /^istio_build\{component="proxy",tag="nodeway-1\.2\.3"\} 1$/m,
    /^nodeway_pods\{phase="captured"\} 1$/m,
    /^nodeway_config_problems\{severity="error"\} 1$/m,
    /^nodeway_config_problems\{severity="warning"\} 0$/m,
    /^nodeway_datapath_verdicts_total\{reason="through"\} 5$/m,
    /^nodeway_gateway_listening\{address="0\.0\.0\.0",port="80"\} 0$/m,
    /^process_resident_memory_bytes \d+$/m,
    /^process_cpu_seconds_total [\d.]+$/m,
    /^process_start_time_seconds 9$/m,
    /^process_open_fds [1-9]\d*$/m,
  ]) {
    t.match(body, line);
  }
  t.strictSame(await ask('HEAD', '/healthz'), { status: 200, body: '' });
  t.equal((await ask('POST', '/healthz')).status, 405);
  t.match(await ask('GET', '/nothing'), { status: 404, body: /GET \/readyz/ });
});

t.test('metrics in gzip, for those that take it', async (t) => {
  async function* metrics(): AsyncGenerator<Buffer> {
    yield* await Promise.resolve([Buffer.from('a 1\n'), Buffer.from('b 2\n')]);
  }
  const server = nodeEndpoint({ readiness: new Readiness(() => {}), metrics });
  const { port } = await server.listen({ ip: '127.0.0.1', port: 0 });
  t.teardown(() => server.close());
  const ask = async (encoding: string) => {
    const sent = request({ host: '127.0.0.1', port, path: '/metrics', headers: { 'accept-encoding': encoding }, agent: false }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return { response, body: await buffer(response) };
  };
  const packed = await ask('gzip');
  t.match(packed.response.headers, { 'content-encoding': 'gzip', vary: /accept-encoding/ });
  t.equal(gunzipSync(packed.body).toString(), 'a 1\nb 2\n');
  const plain = await ask('identity');
  t.equal(plain.response.headers['content-encoding'], undefined);
  t.equal(plain.body.toString(), 'a 1\nb 2\n');
});

t.test('the admin endpoint', async (t) => {
  let level = 'info';
  let quits = 0;
  const ask = await serve(
    t,
    adminEndpoint({
      config: () => ({ workers: 1 }),
      snapshot: () => null,
      status: () => STATUS,
      objects: () => OBJECTS,
      logLevel: { get: () => level, set: (to) => (level = to) },
      traffic: async () => ({ seconds: 60, cpuSeconds: 30, edges: [], truncated: false, pods: new Map() }),
      pools: async () => [],
      explain: async () => null,
      clusterDomain: 'cluster.local',
      ledger: new Ledger(privateLedger(), -1),
      now: () => 0,
      requests: new RequestLog({ clock: new ManualClock(), onFilters: () => {} }),
      quit: () => quits++,
    }),
  );
  t.strictSame(JSON.parse((await ask('GET', '/status')).body), STATUS);
  const use = { identity: null, sent: 0, received: 0, sentPerSecond: 0, receivedPerSecond: 0, cpuShare: 0 };
  t.strictSame(JSON.parse((await ask('GET', '/pods')).body), { windowSeconds: 60, cpuCores: 0.5, pods: [{ ...STATUS.pods[0], ...use }] });
  t.strictSame(JSON.parse((await ask('GET', '/graph')).body), { windowSeconds: 60, truncated: false, edges: [] });
  t.strictSame(JSON.parse((await ask('GET', '/objects')).body), OBJECTS);
  t.strictSame(JSON.parse((await ask('GET', '/config')).body), { workers: 1 });
  t.strictSame(JSON.parse((await ask('GET', '/clusters')).body), { truncated: false, clusters: [] });
  t.strictSame(JSON.parse((await ask('GET', '/clusters?pod=gateway')).body), { truncated: false, clusters: [] }, 'no pod, and no error');
  t.strictSame(await ask('GET', '/clusters?pod=a/b'), { status: 404, body: 'a/b is not enrolled on this node; enrolled: none\n' });
  t.strictSame(JSON.parse((await ask('GET', '/requests?failed&limit=5')).body), { failed: [], dropped: 0 });
  t.equal((await ask('GET', '/requests?limit=many')).status, 400);
  t.strictSame(await ask('GET', '/tap?colour=red'), {
    status: 400,
    body: 'colour: no such condition; there are pod, path, method, status, service\n',
  });
  t.equal((await ask('GET', '/tap?status=7xx')).status, 400);
  t.strictSame(await ask('GET', '/routes?pod=a/b'), { status: 404, body: 'a/b is not enrolled on this node; enrolled: none\n' });
  t.equal((await ask('PUT', '/log-level', {}, 'debug\n')).status, 200);
  t.equal(level, 'debug');
  t.equal((await ask('PUT', '/log-level', {}, 'shout')).status, 400);
  t.equal(
    (await ask('PUT', '/log-level', {}, 'x'.repeat(64 * 1024 + 1))).status,
    413,
    'no byte is left unread that would break the answer off',
  );
  t.equal((await ask('GET', '/quit')).status, 405);
  t.equal(quits, 0);

  for (const headers of [
    { host: 'evil.example:15000' },
    { host: '127.0.0.1.evil.example' },
    { origin: 'http://evil.example' },
    { 'sec-fetch-site': 'cross-site' },
  ]) {
    t.equal((await ask('POST', '/quit', headers)).status, 403, JSON.stringify(headers));
  }
  t.equal(quits, 0);
  const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
  t.equal((await ask('GET', '/', link)).status, 200, 'a link to the console may stand on any page');
  t.equal((await ask('GET', '/config', link)).status, 403);
  t.equal((await ask('POST', '/quit', link)).status, 403);
  t.equal((await ask('GET', '/', { ...link, 'sec-fetch-dest': 'iframe' })).status, 403);
  t.equal(quits, 0);
  t.equal((await ask('POST', '/quit', { host: 'localhost:15000', origin: 'http://localhost:15000' })).status, 202);
  t.equal(quits, 1);
});
