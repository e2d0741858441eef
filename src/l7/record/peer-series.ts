/**
 * The metric cells of one pair of peers as one of them reports it: resolved at their first request with a status, added to
 * ever after.
 */
import type { Identity, ServiceRef } from '../snapshot.ts';
import type { Stats } from './stats.ts';

export type Reporter = 'source' | 'destination';

export interface Peers {
  readonly reporter: Reporter;
  readonly source: Identity;
  readonly destination: Identity;
  /** Null: nobody knows a service for it. */
  readonly service: ServiceRef | null;
  /** The service's name where there is no service: `PassthroughCluster`, `BlackHoleCluster`, `InboundPassthroughCluster`, `unknown`. */
  readonly fallbackService: string;
}

export type Labels = Readonly<Record<string, string>>;

export class PeerSeries {
  readonly #stats: Stats;
  readonly #labels: Labels;
  readonly #cells = new Map<string, number>();
  // Nearly all requests of a pair end as the one before did.
  #lastStatus = -1;
  #lastFlag = '';
  #lastCount = 0;
  #lastDuration = 0;

  constructor(stats: Stats, peers: Peers) {
    this.#stats = stats;
    this.#labels = peerLabels(peers);
  }

  /** @param flag Envoy's response flags. @param durationMs from the first byte of the request to the last of the response. */
  request(status: number, flag: string, durationMs: number): void {
    if (status !== this.#lastStatus || flag !== this.#lastFlag) this.#resolve(status, flag);
    this.#stats.add(this.#lastCount, 1);
    this.#stats.observe(this.#lastDuration, durationMs);
  }

  /** Adds to one of the TCP counters. */
  tcp(name: 'opened_total' | 'closed_total', flag: string): void {
    this.#add(`istio_tcp_connections_${name}`, flag, 1);
  }

  tcpBytes(sent: number, received: number, flag: string): void {
    if (sent > 0) this.#add('istio_tcp_sent_bytes_total', flag, sent);
    if (received > 0) this.#add('istio_tcp_received_bytes_total', flag, received);
  }

  #resolve(status: number, flag: string): void {
    const labels = {
      ...this.#labels,
      request_protocol: 'http',
      response_code: String(status),
      grpc_response_status: '',
      response_flags: flag,
    };
    this.#lastStatus = status;
    this.#lastFlag = flag;
    this.#lastCount = this.#cell(`c|${status}|${flag}`, () => this.#stats.counter('istio_requests_total', labels));
    this.#lastDuration = this.#cell(`d|${status}|${flag}`, () => this.#stats.histogram('istio_request_duration_milliseconds', labels));
  }

  #add(name: string, flag: string, amount: number): void {
    const labels = { ...this.#labels, request_protocol: 'tcp', response_flags: flag };
    this.#stats.add(
      this.#cell(`${name}|${flag}`, () => this.#stats.counter(name, labels)),
      amount,
    );
  }

  #cell(key: string, define: () => number): number {
    let cell = this.#cells.get(key);
    if (cell === undefined) this.#cells.set(key, (cell = define()));
    return cell;
  }
}

/** Istio's labels of both peers; plain text has no principals. */
function peerLabels({ reporter, source, destination, service, fallbackService }: Peers): Labels {
  return {
    reporter,
    source_workload: source.workload,
    source_canonical_service: source.canonicalService,
    source_canonical_revision: source.canonicalRevision,
    source_workload_namespace: source.namespace,
    source_principal: 'unknown',
    source_app: source.app,
    source_version: source.version,
    source_cluster: source.workload === 'unknown' ? 'unknown' : 'Kubernetes',
    destination_workload: destination.workload,
    destination_workload_namespace: destination.namespace,
    destination_principal: 'unknown',
    destination_app: destination.app,
    destination_version: destination.version,
    destination_service: service?.host ?? fallbackService,
    destination_canonical_service: destination.canonicalService,
    destination_canonical_revision: destination.canonicalRevision,
    destination_service_name: service?.name ?? fallbackService,
    destination_service_namespace: service?.namespace ?? destination.namespace,
    destination_cluster: destination.workload === 'unknown' ? 'unknown' : 'Kubernetes',
    connection_security_policy: reporter === 'destination' ? 'none' : 'unknown',
  };
}
