/** Memory of the series of many pairs of workloads, in a process of its own: those of one worker, and the control thread's table of them. */
import { systemClock } from '../../src/base/clock.ts';
import { renderSeries } from '../../src/agent/telemetry/exposition.ts';
import { SeriesTable } from '../../src/agent/telemetry/series-table.ts';
import { UNKNOWN_IDENTITY, type Identity } from '../../src/l7/config/identity.ts';
import { ExchangeRecord } from '../../src/l7/record/exchange-record.ts';
import { Recorder } from '../../src/l7/record/recorder.ts';
import { type SeriesDefinition, Stats } from '../../src/l7/record/stats.ts';

export interface PairsRun {
  readonly workloads: number;
  readonly peers: number;
  /** In the agent's table. */
  readonly series: number;
  /** That had no series of their own. */
  readonly overflowed: number;
  readonly residentMb: number;
  readonly renderMs: number;
  readonly renderedMb: number;
}

/** Needs --expose-gc. */
export function measurePairs(workloads: number, peers: number): PairsRun {
  const before = residentMb();
  const source: { stats: Float64Array | null } = { stats: null };
  const table = new SeriesTable(systemClock(), 0);
  const told: SeriesDefinition[] = [];
  const stats = new Stats({ added: (definition) => void told.push(definition), ended: () => {} });
  source.stats = stats.cells;
  const recorder = new Recorder(stats);
  const identities = Array.from({ length: workloads }, (_, index) => identity(index));
  const record = new ExchangeRecord();
  record.status = 200;
  for (const [index, callee] of identities.entries()) {
    for (let peer = 1; peer <= peers; peer++) {
      record.caller = identities[(index + peer) % workloads] as Identity;
      record.callee = callee;
      record.service = { host: `${callee.workload}.bench.svc.cluster.local`, name: callee.workload, namespace: 'bench', port: 80 };
      recorder.exchange(record);
    }
  }
  table.add(source, told);
  told.length = 0;
  const resident = residentMb() - before;
  const started = performance.now();
  let bytes = 0;
  for (const chunk of renderSeries(table.families)) bytes += chunk.length;
  const renderMs = performance.now() - started;
  const overflowed = [...(table.families.get('nodeway_series_overflow_total')?.values() ?? [])].reduce(
    (sum, series) => sum + series.value(0),
    0,
  );
  return { workloads, peers, series: table.size, overflowed, residentMb: resident, renderMs, renderedMb: bytes / 1e6 };
}

function identity(index: number): Identity {
  const workload = `workload-${index}`;
  return {
    ...UNKNOWN_IDENTITY,
    workload,
    namespace: 'bench',
    app: workload,
    version: 'v1',
    canonicalService: workload,
    canonicalRevision: 'v1',
  };
}

function residentMb(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss() / 1048576;
}
