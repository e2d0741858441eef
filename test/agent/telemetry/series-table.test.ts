import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { type ExpositionFormat, renderSeries } from '../../../src/agent/telemetry/exposition.ts';
import { SeriesTable } from '../../../src/agent/telemetry/series-table.ts';
import { Stats } from '../../../src/l7/record/stats.ts';
import { ManualClock } from '../../base/manual-clock.ts';

const ORPHAN_MS = 1000;

/** Each as it was while it was there. */
function rendered(table: SeriesTable, format?: ExpositionFormat): Buffer[] {
  const chunks: Buffer[] = [];
  for (const chunk of renderSeries(table.families, format)) chunks.push(Buffer.from(chunk));
  return chunks;
}

function rig() {
  const clock = new ManualClock();
  const table = new SeriesTable(clock, ORPHAN_MS);
  /** Counters of a worker, announced as a worker announces them. */
  const worker = (fill: (stats: Stats) => void = () => {}) => {
    const source: { stats: Float64Array | null } = { stats: null };
    const stats = new Stats({ added: (series) => table.add(source, [series]), ended: (cells) => table.end(source, cells) }, 4096);
    fill(stats);
    source.stats = stats.cells;
    return { source, stats };
  };
  const values = (name: string) =>
    Object.fromEntries([...(table.families.get(name) ?? [])].map(([{ key }, series]) => [key, series.value(0)]));
  const text = (format?: ExpositionFormat) => Buffer.concat(rendered(table, format)).toString();
  return { clock, table, worker, values, text };
}

t.test('sums by series, whatever their order in the workers', async (t) => {
  const { worker, values } = rig();
  worker((stats) => {
    stats.add(stats.counter('requests_total', { code: '200' }), 2);
    stats.add(stats.counter('requests_total', { code: '500' }), 1);
    stats.add(stats.gauge('open', {}), 4);
  });
  worker((stats) => {
    stats.add(stats.gauge('open', {}), 1);
    stats.add(stats.counter('requests_total', { code: '200' }), 3);
  });
  t.strictSame(values('requests_total'), { 'code="200"': 5, 'code="500"': 1 });
  t.strictSame(values('open'), { '': 5 });
});

t.test('what a worker counted outlives it, what it held does not', async (t) => {
  const { table, worker, values } = rig();
  const dead = worker((stats) => {
    stats.add(stats.counter('requests_total', {}), 7);
    stats.observe(stats.histogram('time', {}), 3);
    stats.add(stats.gauge('open', {}), 4);
  });
  table.retire(dead.source);
  t.strictSame(values('requests_total'), { '': 7 });
  worker((stats) => stats.add(stats.counter('requests_total', {}), 1));
  t.strictSame(values('requests_total'), { '': 8 });
  t.equal([...(table.families.get('time')?.values() ?? [])][0]?.value(20), 3, 'the sum of the histogram');
  t.equal(table.families.has('open'), false);
});

t.test('what only workers had that ended goes after a while, unless another one counts it again', async (t) => {
  const { clock, table, worker, values } = rig();
  const dead = worker((stats) => {
    stats.add(stats.counter('requests_total', { peer: 'a' }), 1);
    stats.add(stats.counter('requests_total', { peer: 'b' }), 1);
  });
  table.retire(dead.source);
  clock.advance(ORPHAN_MS - 1);
  worker((stats) => stats.add(stats.counter('requests_total', { peer: 'b' }), 1));
  t.strictSame(values('requests_total'), { 'peer="a"': 1, 'peer="b"': 2 });
  clock.advance(1);
  t.strictSame(values('requests_total'), { 'peer="b"': 2 });
  t.equal(table.size, 1);
});

t.test('a series that one worker forgets never goes back while another one counts it, and goes with the last', async (t) => {
  const { worker, values, table } = rig();
  const cells: number[] = [];
  const [first, second] = [5, 2].map((count) =>
    worker((stats) => {
      cells.push(stats.counter('requests_total', { peer: 'a' }));
      stats.add(cells.at(-1) as number, count);
    }),
  );
  first?.stats.release([[cells[0] as number, 'counter']]);
  t.strictSame(values('requests_total'), { 'peer="a"': 7 });
  first?.stats.reuse();
  t.strictSame(values('requests_total'), { 'peer="a"': 7 }, 'the cell is empty, the sum is kept');
  second?.stats.release([[cells[1] as number, 'counter']]);
  t.strictSame(values('requests_total'), {});
  t.equal(table.size, 0);
});

t.test('a worker that has not started counts nothing', async (t) => {
  const { table, values } = rig();
  table.add({ stats: null }, [{ cell: 0, kind: 'counter', name: 'requests_total', labels: {} }]);
  t.strictSame(values('requests_total'), { '': 0 });
});

t.test('the text that Prometheus reads', async (t) => {
  const { worker, text } = rig();
  worker((stats) => {
    stats.add(stats.counter('istio_requests_total', { path: 'a"b\\c\nd' }), 2);
    const time = stats.histogram('istio_request_duration_milliseconds', { code: '200' });
    for (const value of [0.2, 1, 7, 1e9]) stats.observe(time, value);
    stats.add(stats.counter('istio_tcp_sent_bytes_total', {}), 2 ** 40);
  });
  const lines = text().split('\n');
  t.match(text(), /^# HELP istio_requests_total .+\n# TYPE istio_requests_total counter\n/);
  t.ok(lines.includes('istio_requests_total{path="a\\"b\\\\c\\nd"} 2'));
  t.ok(lines.includes('istio_request_duration_milliseconds_bucket{code="200",le="0.5"} 1'));
  t.ok(lines.includes('istio_request_duration_milliseconds_bucket{code="200",le="1"} 2'));
  t.ok(lines.includes('istio_request_duration_milliseconds_bucket{code="200",le="10"} 3'));
  t.ok(lines.includes('istio_request_duration_milliseconds_bucket{code="200",le="+Inf"} 4'));
  t.ok(lines.includes('istio_request_duration_milliseconds_sum{code="200"} 1000000008.2'));
  t.ok(lines.includes('istio_request_duration_milliseconds_count{code="200"} 4'));
  t.ok(lines.includes('istio_tcp_sent_bytes_total 1099511627776'));
  t.ok(text().endsWith('\n'));
});

t.test('numbers are written as JavaScript writes them', async (t) => {
  const { worker, text } = rig();
  const numbers = [0, 7, 10, 99, 100, 12_345, 999_999_999, 1e9, 1_234_567_890_123, 2 ** 53, 1e21, 0.5, 1e-7, -3, 1e9 - 0.25, NaN];
  worker((stats) => {
    for (const [index, number] of numbers.entries()) stats.add(stats.gauge('open', { index: String(index) }), number);
  });
  const values = text()
    .split('\n')
    .filter((line) => line.startsWith('open{'))
    .map((line) => line.split(' ')[1]);
  t.strictSame(values, numbers.map(String));
});

t.test('any value of a label is one value of one line', async () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 4 }), (values) => {
      const { worker, text } = rig();
      const labels = Object.fromEntries(values.map((value, index) => [`l${index}`, value]));
      worker((stats) => stats.add(stats.counter('requests_total', labels), 3));
      const [line = '', ...more] = text()
        .split('\n')
        .filter((one) => one !== '' && !one.startsWith('#'));
      return more.length === 0 && line.endsWith('} 3') && JSON.stringify(readLabels(line)) === JSON.stringify(labels);
    }),
    { numRuns: 1000 },
  );
});

/** As Prometheus reads them. */
function readLabels(line: string): Record<string, string> {
  const inside = line.slice(line.indexOf('{') + 1, line.lastIndexOf('}'));
  const pairs = [...inside.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"(?:,|$)/gsu)];
  return Object.fromEntries(
    pairs.map(([, name = '', value = '']) => [
      name,
      value.replaceAll(/\\(.)/gsu, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped)),
    ]),
  );
}

t.test('OpenMetrics names the family of a counter without its suffix', async (t) => {
  const { worker, text } = rig();
  worker((stats) => stats.add(stats.counter('istio_requests_total', { code: '200' }), 2));
  t.match(text('openmetrics'), /^# TYPE istio_requests counter$/m);
  t.match(text('openmetrics'), /^istio_requests_total\{code="200"\} 2$/m);
});

t.test('a hundred thousand lines come in chunks, none of them lost', async (t) => {
  const { worker, table } = rig();
  const long = 'x'.repeat(700);
  worker((stats) => {
    for (let i = 0; i < 190; i++) stats.observe(stats.histogram('time', { peer: `${long}-${i}` }), i);
  });
  const chunks = rendered(table);
  t.ok(chunks.length > 10);
  const lines = Buffer.concat(chunks).toString().split('\n');
  t.equal(lines.filter((line) => line.startsWith('time_count')).length, 190);
  t.equal(lines.filter((line) => line.startsWith('time_bucket')).length, 190 * 20);
});

t.test('exemplars stand at their buckets, for those who ask for OpenMetrics', async (t) => {
  const { table, worker, text } = rig();
  let cell = 0;
  const { source } = worker((stats) => {
    cell = stats.histogram('time', { a: 'b' });
    stats.observe(cell, 3);
    stats.observe(cell, 700);
  });
  table.exemplify(source, [
    { cell, value: 3, traceId: 'f00d', at: 1_700_000_000_500 },
    { cell: 4095, value: 3, traceId: 'beef', at: 1 },
  ]);
  t.notMatch(text(), /trace_id/);
  const lines = text('openmetrics').split('\n');
  t.ok(lines.includes('time_bucket{a="b",le="5"} 1 # {trace_id="f00d"} 3 1700000000.5'));
  t.equal(lines.filter((line) => line.includes('trace_id')).length, 1);
});
