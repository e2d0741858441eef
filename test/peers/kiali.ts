/** What Kiali asks Prometheus for its graph of a namespace, and what it needs of each series (graph/telemetry/istio). */

/** A series without a value of one of these is left out of the graph. */
const NEEDED = [
  'source_cluster source_workload_namespace source_workload source_canonical_service source_canonical_revision',
  'destination_cluster destination_service_namespace destination_service destination_service_name destination_workload_namespace',
  'destination_workload destination_canonical_service destination_canonical_revision request_protocol response_code response_flags',
].flatMap((line) => line.split(' '));
const GROUPS = [...NEEDED, 'grpc_response_status'].join(', ');

export function lackingLabels(metric: Readonly<Record<string, string>>): string[] {
  return NEEDED.filter((label) => (metric[label] ?? '') === '');
}

/** By whose traffic it is. @param window as `60s`. */
export function graphQueries(namespace: string, window: string): Readonly<Record<'unserved' | 'incoming' | 'outgoing', string>> {
  const rate = (matchers: readonly string[]): string =>
    `sum(rate(istio_requests_total{${matchers.join(',')}}[${window}])) by (${GROUPS}) > 0`;
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
