import t from 'tap';
import { UNKNOWN_IDENTITY, type Identity } from '../../../src/l7/config/identity.ts';
import { ExchangeMetrics } from '../../../src/l7/record/exchange-metrics.ts';
import { ExchangeRecord, type MetricRules } from '../../../src/l7/record/exchange-record.ts';
import { type SeriesDefinition, Stats } from '../../../src/l7/record/stats.ts';

const peer = (workload: string): Identity => ({ ...UNKNOWN_IDENTITY, workload, namespace: 'default' });

function rig(silentSweeps: number) {
  const living = new Map<number, SeriesDefinition>();
  const stats = new Stats(
    {
      added: (series) => living.set(series.cell, series),
      ended: (cells) => {
        for (const cell of cells) living.delete(cell);
      },
    },
    1 << 12,
  );
  const metrics = new ExchangeMetrics(stats, silentSweeps);
  const record = new ExchangeRecord();
  const request = (caller: Identity, status = 200): void => {
    Object.assign(record, {
      caller,
      status,
      startedAt: 0,
      endedAt: 2,
      requestHeadBytes: 70,
      requestBytes: 30,
      responseHeadBytes: 90,
      responseBytes: 910,
    });
    metrics.record(record);
  };
  const named = (name: string) => [...living.values()].filter((series) => series.name === name);
  const value = (name: string, index: number): number => {
    const [first] = named(name);
    return stats.cells[(first?.cell ?? 0) + index] as number;
  };
  return { metrics, request, named, value, record };
}

t.test('a request counts in four metrics, with the bytes of its heads', async (t) => {
  const { request, value, named } = rig(0);
  request(peer('a'));
  t.equal(value('istio_requests_total', 0), 1);
  t.equal(value('istio_request_duration_milliseconds', 20), 2);
  t.equal(value('istio_request_bytes', 20), 100);
  t.equal(value('istio_response_bytes', 20), 1000);
  request(peer('a'), 503);
  t.equal(named('istio_requests_total').length, 2);
});

t.test('peers with the same labels share their cells, whatever objects they are', async (t) => {
  const { request, named, value } = rig(0);
  request(peer('a'));
  request(peer('b'));
  request(peer('a'));
  t.equal(named('istio_requests_total').length, 2);
  t.equal(value('istio_requests_total', 0), 2);
});

t.test('a pair that is silent for so many sweeps goes, one that is used stays, and what comes back counts again', async (t) => {
  const { metrics, request, named } = rig(3);
  const [kept, gone] = [peer('kept'), peer('gone')];
  request(gone);
  for (let sweep = 0; sweep < 4; sweep++) {
    request(kept);
    metrics.sweep();
  }
  t.same(
    named('istio_requests_total').map(({ labels }) => labels['source_workload']),
    ['kept'],
  );
  t.equal(named('istio_response_bytes').length, 1);
  request(gone);
  t.equal(named('istio_requests_total').length, 2);
});

t.test('an open connection whose series were forgotten counts its end', async (t) => {
  const { metrics, named, record, value } = rig(1);
  record.caller = peer('client');
  const series = metrics.of(record);
  series.tcp('opened_total', 0);
  metrics.sweep();
  metrics.sweep();
  t.equal(named('istio_tcp_connections_opened_total').length, 0);
  series.tcp('closed_total', 0);
  t.equal(value('istio_tcp_connections_closed_total', 0), 1);
  metrics.sweep();
  metrics.sweep();
  t.equal(named('istio_tcp_connections_closed_total').length, 0, 'and is forgotten again');
});

t.test('tags of requests get no more than their share of the memory; what is beyond says so and is counted', async (t) => {
  const series: SeriesDefinition[] = [];
  const stats = new Stats({ added: (one) => series.push(one), ended: () => {} });
  let overflows = 0;
  const metrics = new ExchangeMetrics(stats, 1, () => overflows++);
  const rules: MetricRules = { labels: (_name, labels, [who = '']) => ({ ...labels, who }) };
  const [caller, callee] = [peer('a'), peer('b')];
  const request = (who: string): void => {
    metrics.record(Object.assign(new ExchangeRecord(), { caller, callee, status: 200, rules, tags: [who] }));
  };
  const counted = (who: string): number => {
    const found = series.filter(({ name, labels }) => name === 'istio_requests_total' && labels['who'] === who);
    return found.reduce((sum, { cell }) => sum + (stats.cells[cell] as number), 0);
  };
  for (let i = 0; i < 5000; i++) request(`who-${i}`);
  t.equal(series.filter(({ name }) => name === 'istio_requests_total').length, 4097);
  t.equal(counted('overflow'), 5000 - 4096);
  t.equal(overflows, 5000 - 4096);
  request('who-7');
  t.equal(counted('who-7'), 2, 'those that have their own keep it');
  for (let i = 0; i < 3; i++) metrics.sweep();
  request('late');
  t.equal(counted('late'), 1, 'there is room again when the others were silent');
});

t.test('what has no room in the memory is counted', async (t) => {
  const stats = new Stats({ added: () => {}, ended: () => {} }, 64);
  const counter = stats.counter('overflows', {});
  stats.countOverflows(counter);
  for (let i = 0; i < 100; i++) stats.counter('requests', { i: String(i) });
  t.ok((stats.cells[counter] as number) > 50);
});
