/** The agent's own metrics by prom-client, beside the workers' series. Each scrape asks for the values; nobody pushes them. */
import type { AgentStatus } from '../admin/status.ts';
import type { AccessLogReport } from './access-logs.ts';
import type { RequestLogReport } from '../requests/request-log.ts';
import type { ExporterReport } from './export/exporters.ts';
import { type ExpositionFormat, renderSeries } from './exposition.ts';
import { processMetrics } from './process-metrics.ts';
import { Counter, Gauge, Histogram, Registry, type RegistryContentType } from './prometheus-client.ts';
import type { SeriesTable } from './series-table.ts';

export interface MetricSources {
  /** Since the epoch. */
  readonly startedAtSeconds: number;
  readonly status: () => AgentStatus;
  readonly series: SeriesTable;
  readonly accessLogs: () => AccessLogReport;
  readonly spans: () => readonly ExporterReport[];
  readonly logRecords: () => readonly ExporterReport[];
  readonly requests: { report(): RequestLogReport };
  readonly propagation: { listen(listener: (seconds: number) => void): void };
  /** Verdicts of the kernel programs by reason; null without a datapath. */
  readonly verdicts: () => Readonly<Record<string, number>> | null;
}

/** A scrape, in chunks. */
export type Exposition = (format: ExpositionFormat) => AsyncIterable<Buffer>;

export function agentMetrics(sources: MetricSources): Exposition {
  const registry = new Registry();
  for (const { kind, name, help, value } of processMetrics(sources.startedAtSeconds)) {
    (kind === 'counter' ? counter : gauge)(registry, name, help, [], (set) => set({}, value()));
  }
  // One report for all metrics of a scrape.
  let report = sources.status();
  const status = (): AgentStatus => report;
  buildInfo(registry, report.version);
  gauge(registry, 'nodeway_ready', '1 while the agent is ready.', [], (set) => set({}, status().ready ? 1 : 0));
  gauge(registry, 'nodeway_snapshot_version', 'Version of the configuration that was handed to the workers.', [], (set) =>
    set({}, status().snapshot),
  );
  gauge(registry, 'nodeway_workers', 'Worker threads by phase.', ['phase'], (set) => {
    for (const [phase, workers] of Map.groupBy(status().workers, (worker) => worker.phase)) set({ phase }, workers.length);
  });
  gauge(registry, 'nodeway_pods', 'Pods of this node that are enrolled, by phase of their capture.', ['phase'], (set) => {
    const enrolled = status().pods.filter((pod) => pod.enrolled || pod.phase !== 'absent');
    for (const [phase, pods] of Map.groupBy(enrolled, (pod) => pod.phase)) set({ phase }, pods.length);
  });
  gauge(registry, 'nodeway_config_problems', 'Problems of the objects that are there now.', ['severity'], (set) => {
    for (const severity of ['error', 'unsupported', 'warning']) set({ severity }, 0);
    for (const [severity, problems] of Map.groupBy(status().problems, (problem) => problem.severity)) set({ severity }, problems.length);
  });
  propagationMetrics(registry, { ...sources, status });
  sourceMetrics(registry, status);
  gauge(
    registry,
    'nodeway_gateway_listening',
    '1 for a gateway port that is open, 0 for one that cannot be.',
    ['address', 'port'],
    (set) => {
      for (const { address, port, listening } of status().gateways) set({ address, port: String(port) }, listening ? 1 : 0);
    },
  );
  workerMetrics(registry, status);
  counter(registry, 'nodeway_datapath_verdicts_total', 'Decisions of the kernel programs, by reason.', ['reason'], (set) => {
    for (const [reason, count] of Object.entries(sources.verdicts() ?? {})) set({ reason }, count);
  });
  telemetryMetrics(registry, sources);
  return async function* (format) {
    yield* renderSeries(sources.series.families, format);
    // Its type knows only one of the two formats that it writes.
    (registry as Registry<RegistryContentType>).setContentType(
      format === 'openmetrics' ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE,
    );
    report = sources.status();
    yield Buffer.from(await registry.metrics());
  };
}

function workerMetrics(registry: Registry, status: () => AgentStatus): void {
  counter(registry, 'nodeway_worker_restarts_total', 'Workers that ended unexpectedly and were replaced.', [], (set) =>
    set({}, status().workerRestarts),
  );
  gauge(
    registry,
    'nodeway_worker_longest_pause_seconds',
    'Longest time in the last 10 to 20 s for which a worker attended to nothing else: one message, one slice of configuration, or the collector.',
    ['worker'],
    (set) => {
      for (const { index, longestPauseSeconds } of status().workers) set({ worker: String(index) }, longestPauseSeconds);
    },
  );
  gauge(
    registry,
    'nodeway_worker_longest_work_seconds',
    'Most processor time in the last 10 to 20 s that a worker spent at once on a message or a slice of configuration. A pause that is longer was spent waiting for a processor.',
    ['worker'],
    (set) => {
      for (const { index, longestWorkSeconds } of status().workers) set({ worker: String(index) }, longestWorkSeconds);
    },
  );
}

function propagationMetrics(registry: Registry, { status, propagation }: MetricSources): void {
  const time = new Histogram({
    name: 'nodeway_config_propagation_seconds',
    help: 'Time from the receipt of a change to its being in effect in all workers.',
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30],
    registers: [registry],
  });
  propagation.listen((seconds) => time.observe(seconds));
  counter(registry, 'nodeway_config_changes_total', 'Changes of objects, and of what DNS says of names.', [], (set) =>
    set({}, status().propagation.total),
  );
  gauge(registry, 'nodeway_config_changes_pending', 'Changes that are not in effect in all workers yet.', [], (set) =>
    set({}, status().propagation.pending),
  );
  gauge(registry, 'nodeway_config_oldest_pending_seconds', 'For how long the oldest pending change has been on its way.', [], (set) =>
    set({}, status().propagation.oldestSeconds),
  );
  gauge(
    registry,
    'nodeway_config_last_error_timestamp_seconds',
    'When the last error of the configuration was found; 0: never.',
    [],
    (set) => set({}, (status().lastError?.at ?? 0) / 1000),
  );
}

/** By resource, whatever the number of watches that it is read by. */
function sourceMetrics(registry: Registry, status: () => AgentStatus): void {
  const byResource = (): [string, AgentStatus['sources']][] => [...Map.groupBy(status().sources, ({ resource }) => resource)];
  const sum = (kind: 'events' | 'lists' | 'bytes', help: string): void =>
    counter(registry, `nodeway_source_${kind}_total`, help, ['resource'], (set) => {
      for (const [resource, parts] of byResource())
        set(
          { resource },
          parts.reduce((total, part) => total + part[kind], 0),
        );
    });
  gauge(registry, 'nodeway_source_stale_seconds', 'For how long changes may have been missed; 0: none can be.', ['resource'], (set) => {
    for (const [resource, parts] of byResource()) set({ resource }, Math.max(...parts.map(({ staleSeconds }) => staleSeconds)));
  });
  gauge(registry, 'nodeway_source_watches', 'Watches of the API server, by resource and state.', ['resource', 'state'], (set) => {
    for (const [resource, parts] of byResource()) {
      for (const [state, same] of Map.groupBy(parts, (part) => part.state)) set({ resource, state }, same.length);
    }
  });
  sum('events', 'Events of watches of the API server.');
  sum('lists', 'Lists that were read from the API server: one at the start, others after it forgot a version.');
  sum('bytes', 'Bytes of lists and watches of the API server.');
}

function telemetryMetrics(registry: Registry, { spans, logRecords, series, accessLogs, requests }: MetricSources): void {
  counter(registry, 'nodeway_requests_untold_total', 'Requests that were to be shown and were not, by who had no room.', ['by'], (set) => {
    const { droppedByWorkers, droppedByTaps } = requests.report();
    set({ by: 'worker' }, droppedByWorkers);
    set({ by: 'tap' }, droppedByTaps);
  });
  counter(registry, 'nodeway_access_log_lines_total', 'Lines of access logs that were written.', [], (set) => set({}, accessLogs().lines));
  counter(
    registry,
    'nodeway_access_log_dropped_total',
    'Lines of access logs that were not written, by who had no room for them.',
    ['by'],
    (set) => {
      const { droppedByWorkers, droppedByFiles } = accessLogs();
      set({ by: 'worker' }, droppedByWorkers);
      set({ by: 'file' }, droppedByFiles);
    },
  );
  exported(registry, 'nodeway_exporter_spans_total', 'Spans of traced requests, by provider and what became of them.', spans);
  exported(registry, 'nodeway_exporter_log_records_total', 'Records of access logs, by provider and what became of them.', logRecords);
  gauge(registry, 'nodeway_series', 'Series of the workers; a histogram is one.', [], (set) => set({}, series.size));
}

function exported(registry: Registry, name: string, help: string, reports: () => readonly ExporterReport[]): void {
  counter(registry, name, help, ['provider', 'result'], (set) => {
    for (const { provider, sent, dropped, failed } of reports()) {
      for (const [result, count] of Object.entries({ sent, dropped, failed })) set({ provider, result }, count);
    }
  });
}

type Setter = (labels: Record<string, string>, value: number) => void;

function buildInfo(registry: Registry, version: string): void {
  new Gauge({ name: 'nodeway_build_info', help: 'Version of this agent.', labelNames: ['version', 'node'], registers: [registry] }).set(
    { version, node: process.version },
    1,
  );
  // Dashboards for Istio count the proxies of a version by this one.
  new Gauge({ name: 'istio_build', help: 'Istio component build info', labelNames: ['component', 'tag'], registers: [registry] }).set(
    { component: 'proxy', tag: `nodeway-${version}` },
    1,
  );
}

function gauge(registry: Registry, name: string, help: string, labelNames: string[], fill: (set: Setter) => void): void {
  new Gauge({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      fill((labels, value) => this.set(labels, value));
    },
  });
}

/** For counts that somebody else keeps: the counter is reset and then set to the count. */
function counter(registry: Registry, name: string, help: string, labelNames: string[], fill: (set: Setter) => void): void {
  new Counter({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      fill((labels, value) => this.inc(labels, value));
    },
  });
}
