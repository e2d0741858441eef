/** What Kiali asks Prometheus for its graph of a namespace, and what it needs of each series (graph/telemetry/istio). */

/** A series without a value of one of these is left out of the graph. */
const PEERS = [
  'source_cluster source_workload_namespace source_workload source_canonical_service source_canonical_revision',
  'destination_cluster destination_service_namespace destination_service destination_service_name destination_workload_namespace',
  'destination_workload destination_canonical_service destination_canonical_revision',
].flatMap((line) => line.split(' '));
const BY_TRAFFIC = {
  requests: [...PEERS, 'request_protocol', 'response_code', 'response_flags'],
  messages: PEERS,
  bytes: [...PEERS, 'response_flags'],
} as const;

export type Traffic = keyof typeof BY_TRAFFIC;

export function lackingLabels(metric: Readonly<Record<string, string>>, traffic: Traffic = 'requests'): string[] {
  return BY_TRAFFIC[traffic].filter((label) => (metric[label] ?? '') === '');
}

/** In the order in which Kiali asks: without a workload that served it, by who was called, by who called. */
export type Direction = 'unserved' | 'incoming' | 'outgoing';

/** Metrics of the graph's edges, and what is asked of them besides. */
export const EDGE_METRICS: Readonly<Record<string, { readonly traffic: Traffic; readonly also: readonly string[] }>> = {
  istio_requests_total: { traffic: 'requests', also: [] },
  istio_request_messages_total: { traffic: 'messages', also: [] },
  istio_response_messages_total: { traffic: 'messages', also: [] },
  istio_tcp_sent_bytes_total: { traffic: 'bytes', also: ['app!="ztunnel"'] },
  istio_tcp_received_bytes_total: { traffic: 'bytes', also: ['app!="ztunnel"'] },
};

/** @param window as `60s`. */
export function graphQueries(namespace: string, window: string, metric = 'istio_requests_total'): Readonly<Record<Direction, string>> {
  const { traffic, also } = EDGE_METRICS[metric] as (typeof EDGE_METRICS)[string];
  const groups = [
    ...(traffic === 'bytes' ? ['app'] : []),
    ...BY_TRAFFIC[traffic],
    ...(traffic === 'requests' ? ['grpc_response_status'] : []),
  ];
  const rate = (matchers: readonly string[]): string =>
    `sum(rate(${metric}{${[...matchers, ...also].join(',')}}[${window}])) by (${groups.join(', ')}) > 0`;
  return {
    unserved: rate([
      'reporter="source"',
      `source_workload_namespace!="${namespace}"`,
      'destination_workload_namespace="unknown"',
      'destination_workload="unknown"',
      `destination_service=~"^.+\\\\.${namespace}\\\\..+$"`,
    ]),
    incoming: rate(['reporter="destination"', `destination_workload_namespace="${namespace}"`]),
    outgoing: rate(['reporter="source"', `source_workload_namespace="${namespace}"`]),
  };
}

/** What is written at an edge: response times, throughput, and whether it is encrypted. */
export function edgeQueries(namespace: string, window: string): readonly string[] {
  const of = `reporter="destination",destination_service_namespace="${namespace}"`;
  const peers = PEERS.join(', ');
  const rate = (metric: string, by = peers): string => `sum(rate(${metric}{${of}}[${window}])) by (${by})`;
  return [
    `${rate('istio_request_duration_milliseconds_sum')} / ${rate('istio_request_duration_milliseconds_count')} > 0`,
    `histogram_quantile(0.95, ${rate('istio_request_duration_milliseconds_bucket', `le, ${peers}`)}) > 0`,
    `${rate('istio_request_bytes_sum')} > 0`,
    `${rate('istio_response_bytes_sum')} > 0`,
    ...['istio_requests_total', 'istio_tcp_sent_bytes_total'].map(
      (metric) => `${rate(metric, `${peers}, source_principal, destination_principal, connection_security_policy`)} > 0`,
    ),
  ];
}
