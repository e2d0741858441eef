/** Prometheus text format, version 0.0.4, of the workers' series. */
import { BUCKETS } from '../../l7/record/stats.ts';
import type { SummedSeries } from './worker-counters.ts';

/** What the engine's metrics mean. */
export const HELP: Readonly<Record<string, string>> = {
  istio_requests_total: 'Requests, by who sent them, who served them and how they ended.',
  istio_request_duration_milliseconds: 'Time from the first byte of a request to the last byte of its response.',
  istio_tcp_connections_opened_total: 'Connections opened that were passed through as bytes.',
  istio_tcp_connections_closed_total: 'Connections closed that were passed through as bytes.',
  istio_tcp_sent_bytes_total: 'Bytes sent to clients of connections that were passed through.',
  istio_tcp_received_bytes_total: 'Bytes received from clients of connections that were passed through.',
  nodeway_downstream_connections: 'Open connections of clients.',
  nodeway_downstream_connections_total: 'Connections of clients.',
  nodeway_upstream_connections: 'Open connections to servers.',
  nodeway_upstream_connections_total: 'Connections to servers.',
  nodeway_tunnels: 'Connections that are passed through as bytes now.',
  nodeway_retries_total: "Further attempts by a route's retries.",
  nodeway_mirrored_requests_total: 'Copies of requests, sent by a mirror.',
  nodeway_stale_connection_retries_total: 'Requests that were sent again because a kept connection had been closed.',
  nodeway_worker_faults_total: 'Exceptions that ended one exchange or connection.',
  nodeway_refused_connections_total: 'Connections that the engine refused or gave up, by reason.',
};

export function renderSeries(all: readonly SummedSeries[]): string {
  const lines: string[] = [];
  for (const [name, group] of Map.groupBy(all, (series) => series.name)) {
    const help = HELP[name];
    if (help !== undefined) lines.push(`# HELP ${name} ${help}`);
    lines.push(`# TYPE ${name} ${(group[0] as SummedSeries).kind}`);
    for (const series of group) {
      if (series.kind === 'histogram') renderHistogram(series, lines);
      else lines.push(`${name}${braces(labelText(series.labels))} ${series.values[0]}`);
    }
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function renderHistogram(series: SummedSeries, lines: string[]): void {
  const { name, values } = series;
  const labels = labelText(series.labels);
  const prefix = labels === '' ? '' : `${labels},`;
  let count = 0;
  for (let i = 0; i <= BUCKETS.length; i++) {
    count += values[i] as number;
    lines.push(`${name}_bucket{${prefix}le="${BUCKETS[i] ?? '+Inf'}"} ${count}`);
  }
  lines.push(`${name}_sum${braces(labels)} ${values[BUCKETS.length + 1]}`, `${name}_count${braces(labels)} ${count}`);
}

function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([label, value]) => `${label}="${escape(value)}"`)
    .join(',');
}

function braces(labels: string): string {
  return labels === '' ? '' : `{${labels}}`;
}

function escape(value: string): string {
  return /[\\"\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value;
}
