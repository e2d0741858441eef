import t from 'tap';
import { graphView, podsView } from '../../../src/agent/admin/mesh-view.ts';
import type { PodStatus } from '../../../src/agent/admin/status.ts';
import { SeriesTable } from '../../../src/agent/telemetry/series-table.ts';
import { quantile } from '../../../src/agent/traffic/edge.ts';
import { seriesLabels } from '../../../src/agent/traffic/series-labels.ts';
import { TrafficWindow } from '../../../src/agent/traffic/traffic-window.ts';
import { UNKNOWN_IDENTITY } from '../../../src/l7/config/identity.ts';
import { OUTCOME } from '../../../src/l7/message/outcome.ts';
import { ExchangeRecord } from '../../../src/l7/record/exchange-record.ts';
import { Recorder } from '../../../src/l7/record/recorder.ts';
import { Stats } from '../../../src/l7/record/stats.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { identityOf } from '../../l7/engine/rig.ts';

const APP = identityOf('app');
const WEB = identityOf('web');
const SERVICE = { host: 'web.default.svc.cluster.local', name: 'web', namespace: 'default', port: 80 };

/** A worker's recorder, the table that it announces its series to, and the window over it. */
function bench() {
  const clock = new ManualClock();
  const series = new SeriesTable(clock, 3_600_000);
  const worker = { stats: null as Float64Array | null };
  const stats = new Stats({ added: (one) => series.add(worker, [one]), ended: (cells) => series.end(worker, cells) }, 1 << 14);
  worker.stats = stats.cells;
  const recorder = new Recorder(stats);
  let cpu = 0;
  const window = new TrafficWindow({ clock, series, cpu: () => cpu, turn: async () => {} });
  window.start();
  const record = (change: Partial<ExchangeRecord>, times = 1): void => {
    const one = Object.assign(new ExchangeRecord(), { caller: APP, callee: WEB, service: SERVICE, status: 200, endedAt: 20, ...change });
    for (let i = 0; i < times; i++) recorder.exchange(one);
  };
  /** Samples are read in slices: others get their turn. */
  const advance = async (seconds: number): Promise<void> => {
    for (let i = 0; i < seconds; i++) {
      clock.advance(1000);
      await new Promise<void>((done) => setImmediate(done));
    }
  };
  return { window, record, advance, use: (ms: number) => (cpu += ms) };
}

t.test('an edge has the rate, the share of errors and the times of the last minute', async (t) => {
  const { window, record, advance } = bench();
  record({}, 1000);
  await advance(70);
  record({}, 90);
  record({ status: 503, outcome: OUTCOME.overflow }, 30);
  await advance(50);
  const { windowSeconds, edges, truncated } = graphView(await window.report());
  t.equal(windowSeconds, 60);
  t.equal(truncated, false);
  t.equal(edges.length, 1);
  t.match(edges[0], {
    source: { workload: 'app', namespace: 'default' },
    destination: { workload: 'web', namespace: 'default' },
    service: { host: SERVICE.host },
    protocol: 'http',
    requestsPerSecond: 2,
    errorShare: 0.25,
    p50Ms: 17.5,
    p99Ms: 24.85,
  });
  await advance(70);
  t.match(graphView(await window.report()).edges[0], { requestsPerSecond: 0, errorShare: null, p50Ms: null }, 'what is silent stays');
});

t.test('a request is an edge once, by whoever knows both ends', async (t) => {
  const { window, record } = bench();
  record({});
  record({ reporter: 'destination' });
  record({ reporter: 'destination', caller: UNKNOWN_IDENTITY });
  record({ reporter: 'destination', caller: UNKNOWN_IDENTITY, grpcStatus: 14 });
  const edges = graphView(await window.report()).edges.map(
    ({ source, destination, protocol, requestsPerSecond, errorShare }) =>
      `${source.workload} -${protocol}-> ${destination.workload} ${requestsPerSecond} ${errorShare}`,
  );
  t.strictSame(edges, ['app -http-> web 1 0', 'unknown -http-> web 1 0', 'unknown -grpc-> web 1 1']);
});

t.test('pods have what they sent and received, and share the time of the agent by the passes that were theirs', async (t) => {
  const { window, record, advance, use } = bench();
  await advance(60);
  record({}, 30);
  record({ reporter: 'destination' }, 30);
  record({ reporter: 'destination', caller: UNKNOWN_IDENTITY }, 10);
  use(12_000);
  await advance(60);
  const pod = (name: string): PodStatus => ({
    ...{ pod: name, enrolled: true, reason: '', phase: 'captured', capturedAt: 0, error: '', addresses: [] },
  });
  const view = podsView(['default/app', 'default/web', 'default/idle'].map(pod), await window.report(), () => null);
  t.equal(view.cpuCores, 0.2);
  t.match(view.pods, [
    { sent: 30, received: 0, sentPerSecond: 0.5, cpuShare: 0.75 },
    { sent: 0, received: 40, receivedPerSecond: 0.667, cpuShare: 0.25 },
    { sent: 0, received: 0, cpuShare: 0 },
  ]);
});

t.test('labels come back as they were', (t) => {
  t.strictSame(seriesLabels(String.raw`a="x",b="q\"uo\\te\nnext",c=""`), { a: 'x', b: 'q"uo\\te\nnext', c: '' });
  t.end();
});

t.test('quantiles are those of histogram_quantile', (t) => {
  t.equal(quantile([], 0.5), null);
  t.equal(quantile([0, 0, 4], 0.5), 3, 'within the bucket from 1 to 5');
  t.equal(quantile([...Array.from({ length: 19 }, () => 0), 3], 0.99), 3_600_000, 'beyond the last bound');
  t.end();
});
