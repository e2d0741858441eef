/** An edge of the graph of services: who talks to whom, through which service, in which protocol. */
import { BUCKETS } from '../../l7/record/stats.ts';

export interface GraphNode {
  readonly namespace: string;
  readonly workload: string;
  readonly app: string;
  readonly version: string;
}

export interface EdgeKey {
  readonly source: GraphNode;
  readonly destination: GraphNode;
  /** Host, name and namespace of the service that was asked for. */
  readonly service: { readonly host: string; readonly name: string; readonly namespace: string };
  readonly protocol: 'http' | 'grpc' | 'tcp';
  /** Istio's connection_security_policy. */
  readonly security: string;
}

/** What is counted of an edge, in one array: two counts of requests, the buckets of their duration, and three of connections. */
export const Count = {
  Requests: 0,
  Errors: 1,
  Buckets: 2,
  Opened: 2 + BUCKETS.length + 1,
  Sent: 4 + BUCKETS.length,
  Received: 5 + BUCKETS.length,
} as const;
export const COUNTS = Count.Received + 1;

/** What a series adds to: which edge, and which of its counts. */
export interface EdgeShare {
  readonly id: string;
  readonly key: EdgeKey;
  readonly isError: boolean;
}

/**
 * The edge of a series by its labels. A request is counted by the source where that is known, and by the destination where it came from
 * somebody whom no agent reports; null: the other reporter counts it.
 */
export function edgeOf(labels: Readonly<Record<string, string>>): EdgeShare | null {
  const of = (name: string): string => labels[name] ?? 'unknown';
  if (of('reporter') !== 'source' && of('source_workload') !== 'unknown') return null;
  const node = (side: 'source' | 'destination'): GraphNode => ({
    namespace: of(`${side}_workload_namespace`),
    workload: of(`${side}_workload`),
    app: of(`${side}_app`),
    version: of(`${side}_version`),
  });
  const protocol = of('request_protocol');
  const key: EdgeKey = {
    source: node('source'),
    destination: node('destination'),
    service: { host: of('destination_service'), name: of('destination_service_name'), namespace: of('destination_service_namespace') },
    protocol: protocol === 'grpc' || protocol === 'tcp' ? protocol : 'http',
    security: of('connection_security_policy'),
  };
  const { source, destination, service } = key;
  const id = [source, destination, service, [key.protocol, key.security]].flatMap((part) => Object.values(part)).join('\n');
  return { id, key, isError: isError(labels) };
}

/** No response, a status of 500 and above, or one of gRPC that is not OK. */
function isError(labels: Readonly<Record<string, string>>): boolean {
  const { response_code: status = '200', grpc_response_status: grpc = '' } = labels;
  return Number(status) === 0 || Number(status) >= 500 || (grpc !== '' && grpc !== '0');
}

/** As Prometheus' histogram_quantile has it. @param counts of each bucket, not cumulative. @returns null without any. */
export function quantile(counts: readonly number[], share: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total <= 0) return null;
  let rank = share * total;
  for (const [index, count] of counts.entries()) {
    if (rank > count) {
      rank -= count;
      continue;
    }
    const low = BUCKETS[index - 1] ?? 0;
    const high = BUCKETS[index];
    return high === undefined ? low : low + ((high - low) * rank) / count;
  }
  return BUCKETS.at(-1) ?? null;
}
