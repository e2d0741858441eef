import t from 'tap';
import { renderSeries } from '../../../src/agent/telemetry/exposition.ts';
import { type CounterSource, WorkerCounters } from '../../../src/agent/telemetry/worker-counters.ts';
import { type SeriesDefinition, Stats } from '../../../src/l7/record/stats.ts';

/** Counters of a worker, filled as the engine fills them. */
function worker(fill: (stats: Stats) => void): CounterSource {
  const series: SeriesDefinition[] = [];
  const stats = new Stats((definition) => series.push(definition), 4096);
  fill(stats);
  return { series, stats: stats.cells };
}

t.test('sums by series, whatever their order in the workers', async (t) => {
  const counters = new WorkerCounters();
  const a = worker((stats) => {
    stats.add(stats.counter('requests_total', { code: '200' }), 2);
    stats.add(stats.counter('requests_total', { code: '500' }), 1);
    stats.add(stats.gauge('open', {}), 4);
  });
  const b = worker((stats) => {
    stats.add(stats.gauge('open', {}), 1);
    stats.add(stats.counter('requests_total', { code: '200' }), 3);
  });
  const sums = counters.sum([a, b]).map(({ name, labels, values }) => [name, labels, values]);
  t.strictSame(sums, [
    ['requests_total', { code: '200' }, [5]],
    ['requests_total', { code: '500' }, [1]],
    ['open', {}, [5]],
  ]);
});

t.test('what a worker counted outlives it, what it held does not', async (t) => {
  const counters = new WorkerCounters();
  const dead = worker((stats) => {
    stats.add(stats.counter('requests_total', {}), 7);
    stats.observe(stats.histogram('time', {}), 3);
    stats.add(stats.gauge('open', {}), 4);
  });
  counters.retire(dead);
  const successor = worker((stats) => stats.add(stats.counter('requests_total', {}), 1));
  for (let scrape = 0; scrape < 2; scrape++) {
    const byName = new Map(counters.sum([successor]).map((series) => [series.name, series.values]));
    t.strictSame(byName.get('requests_total'), [8], 'asking twice adds nothing');
    t.equal(byName.get('time')?.at(-1), 3);
    t.equal(byName.has('open'), false);
  }
});

t.test('a worker that has not started counts nothing', async (t) => {
  t.strictSame(new WorkerCounters().sum([{ series: [], stats: null }]), []);
});

t.test('the text that Prometheus reads', async (t) => {
  const source = worker((stats) => {
    stats.add(stats.counter('istio_requests_total', { path: 'a"b\\c\nd' }), 2);
    const time = stats.histogram('istio_request_duration_milliseconds', { code: '200' });
    for (const value of [0.2, 1, 7, 1e9]) stats.observe(time, value);
  });
  const text = renderSeries(new WorkerCounters().sum([source]));
  const lines = text.split('\n');
  t.match(text, /^# HELP istio_requests_total .+\n# TYPE istio_requests_total counter\n/);
  t.ok(lines.includes('istio_requests_total{path="a\\"b\\\\c\\nd"} 2'));
  t.ok(lines.includes('istio_request_duration_milliseconds_bucket{code="200",le="0.5"} 1'));
  t.ok(lines.includes('istio_request_duration_milliseconds_bucket{code="200",le="1"} 2'));
  t.ok(lines.includes('istio_request_duration_milliseconds_bucket{code="200",le="10"} 3'));
  t.ok(lines.includes('istio_request_duration_milliseconds_bucket{code="200",le="+Inf"} 4'));
  t.ok(lines.includes('istio_request_duration_milliseconds_sum{code="200"} 1000000008.2'));
  t.ok(lines.includes('istio_request_duration_milliseconds_count{code="200"} 4'));
  t.ok(text.endsWith('\n'));
});
