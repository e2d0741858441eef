/** Metrics as Telemetry resources change them, on an engine that serves. */
import t from 'tap';
import { parseTagValue } from '../../../src/agent/model/log-filter.ts';
import type { MetricChange, MetricsConfig, TagValue } from '../../../src/l7/config/telemetry.ts';
import { endpointOf, get, identityOf, ok, OUTBOUND, podOf, Rig, route } from './rig.ts';

const WEB = { ip: '10.96.0.1', port: 80 };
const DB = { ip: '10.96.0.1', port: 3306 };

function tag(expression: string): TagValue {
  const parsed = parseTagValue(expression);
  if (!parsed.ok) throw new Error(parsed.fault);
  return parsed.value;
}

const changed = (tags: Readonly<Record<string, string | null>>, disabled = false): MetricChange => ({
  disabled,
  tags: Object.entries(tags).map(([name, expression]) => ({ name, value: expression === null ? null : tag(expression) })),
});

interface Sides {
  readonly caller?: MetricsConfig;
  readonly callee?: MetricsConfig;
}

/** The enrolled pod `default/app` calls `web`, which is enrolled on the same node. */
function podRig({ caller, callee }: Sides) {
  const rig = new Rig().cluster('web', []);
  rig.apply({ endpoints: { web: [{ ...endpointOf('10.0.0.1:8080', 'default/web'), identity: identityOf('web') }] } });
  rig.scope(
    { 80: { routes: [route('/', 'web')], domains: ['web', 'shop'] } },
    {
      '10.96.0.1:80': { to: 'cluster', protocol: 'http', cluster: 'web' },
      '10.96.0.1:3306': { to: 'cluster', protocol: 'tcp', cluster: 'web' },
    },
  );
  const told = (metrics: MetricsConfig | undefined) => ({ tracing: null, accessLogs: [], ...(metrics !== undefined && { metrics }) });
  rig.apply({
    workloads: {
      'default/app': { ...podOf(), telemetry: { outbound: told(caller), inbound: told(undefined) } },
      'default/web': {
        ...podOf(),
        addresses: ['10.0.0.1'],
        identity: identityOf('web'),
        telemetry: { outbound: told(undefined), inbound: told(callee) },
      },
    },
  });
  rig.engine.listen(
    { kind: 'outbound', id: 7, fd: -1, workload: 'default/app', netns: 5, cookie: '42' },
    { address: OUTBOUND.ip, port: OUTBOUND.port },
  );
  rig.serve('10.0.0.1:8080', () => ok('web'));
  const ask = (path: string, headers = ''): string => {
    rig.destinations.push(WEB);
    return rig.ask(get(path, headers), OUTBOUND);
  };
  /** Labels of the series of a metric, as one side reports it. */
  const labels = (name: string, reporter: 'source' | 'destination') =>
    rig.series.filter((one) => one.name === name && one.labels['reporter'] === reporter).map((one) => one.labels);
  return { rig, ask, labels };
}

t.test('tags are added, replaced and removed, for that side and that metric', async (t) => {
  const tags = {
    request_host: 'request.host',
    request_method: 'request.method',
    destination_port: 'string(destination.port)',
    team: '"blue"',
    destination_version: '"hidden"',
    tier: "has(request.headers['x-tier']) ? request.headers['x-tier'] : 'none'",
    source_app: null,
  };
  const { ask, labels, rig } = podRig({ caller: { changes: { istio_requests_total: changed(tags) } } });
  t.match(ask('/', 'X-Tier: gold\r\n'), /web$/);
  ask('/');
  const [gold, none] = labels('istio_requests_total', 'source');
  t.match(gold, {
    request_host: 'shop',
    request_method: 'GET',
    destination_port: '8080',
    team: 'blue',
    destination_version: 'hidden',
    tier: 'gold',
  });
  t.match(none, { tier: 'none' });
  t.notOk('source_app' in (gold ?? {}));
  t.notOk('team' in (labels('istio_requests_total', 'destination')[0] ?? {}), 'the callee is as before');
  t.notOk('team' in (labels('istio_request_bytes', 'source')[0] ?? {}), 'another metric is as before');
  t.equal(rig.count('istio_requests_total', { reporter: 'source' }), 2);
  t.equal(rig.count('istio_requests_total', { reporter: 'destination' }), 2);
});

t.test("a callee's tags are taken from its caller's pass", async (t) => {
  const { ask, labels } = podRig({ callee: { changes: { istio_requests_total: changed({ path: 'request.url_path' }) } } });
  ask('/a?x=1');
  t.match(labels('istio_requests_total', 'destination'), [{ path: '/a' }]);
  t.notOk('path' in (labels('istio_requests_total', 'source')[0] ?? {}));
});

t.test('a metric that is disabled is not there, and the others are', async (t) => {
  const { ask, labels, rig } = podRig({ caller: { changes: { istio_requests_total: changed({}, true) } } });
  ask('/');
  t.same(labels('istio_requests_total', 'source'), []);
  t.equal(labels('istio_request_bytes', 'source').length, 1);
  t.equal(rig.count('istio_requests_total', { reporter: 'destination' }), 1);
});

t.test('values that requests give are bounded in number and length, and what has no room is counted', async (t) => {
  const { ask, labels, rig } = podRig({ caller: { changes: { istio_requests_total: changed({ who: "request.headers['x-who']" }) } } });
  ask('/', `X-Who: ${'w'.repeat(3000)}\r\n`);
  t.equal(labels('istio_requests_total', 'source')[0]?.['who'], 'w'.repeat(256));
  for (let i = 0; i < 40; i++) ask('/', `X-Who: ${i}\r\n`);
  t.equal(rig.count('istio_requests_total', { reporter: 'source' }), 41);
  const named = new Set(labels('istio_requests_total', 'source').map(({ who }) => who));
  t.ok(named.size < 45);
});

t.test('connections that are passed through, and how often they are reported', async (t) => {
  const changes = { istio_tcp_received_bytes_total: changed({ cluster: 'xds.cluster_name', method: 'request.method' }) };
  const { rig, labels } = podRig({ caller: { changes, reportMs: 1000 } });
  rig.destinations.push(DB);
  const client = rig.transport.dial(OUTBOUND);
  client.write('question');
  rig.run();
  rig.advance(1000);
  t.equal(rig.count('istio_tcp_received_bytes_total', { reporter: 'source' }), 'question'.length);
  t.match(labels('istio_tcp_received_bytes_total', 'source'), [{ cluster: /^outbound\|80\|\|web/, method: 'unknown' }]);
  client.end();
  rig.run();
});

t.test('nothing is made for workloads without changes', async (t) => {
  const { ask, labels } = podRig({});
  ask('/');
  t.equal(Object.keys(labels('istio_requests_total', 'source')[0] ?? {}).length, 25);
  t.equal(Object.keys(labels('istio_requests_total', 'destination')[0] ?? {}).length, 25);
});
