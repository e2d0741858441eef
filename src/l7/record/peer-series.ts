/**
 * The metric cells of one pair of peers as one of them reports it: resolved at their first request with a status, added to
 * ever after.
 */
import { flagText } from '../message/outcome.ts';
import type { Peers } from './exchange-record.ts';
import type { Stats } from './stats.ts';

export type Labels = Readonly<Record<string, string>>;

export class PeerSeries {
  readonly #stats: Stats;
  readonly #labels: Labels;
  readonly #cells = new Map<string, number>();
  // Nearly all requests of a pair end as the one before did.
  #lastStatus = -1;
  #lastFlags = 0;
  #lastCount = 0;
  #lastDuration = 0;

  constructor(stats: Stats, peers: Peers) {
    this.#stats = stats;
    this.#labels = peerLabels(peers);
  }

  /** @param durationMs from the first byte of the request to the last of the response. */
  request(status: number, flags: number, durationMs: number): void {
    if (status !== this.#lastStatus || flags !== this.#lastFlags) this.#resolve(status, flags);
    this.#stats.add(this.#lastCount, 1);
    this.#stats.observe(this.#lastDuration, durationMs);
  }

  /** Adds to one of the TCP counters. */
  tcp(name: 'opened_total' | 'closed_total', flags: number): void {
    this.#add(`istio_tcp_connections_${name}`, flags, 1);
  }

  tcpBytes(sent: number, received: number, flags: number): void {
    if (sent > 0) this.#add('istio_tcp_sent_bytes_total', flags, sent);
    if (received > 0) this.#add('istio_tcp_received_bytes_total', flags, received);
  }

  #resolve(status: number, flags: number): void {
    const labels = {
      ...this.#labels,
      request_protocol: 'http',
      response_code: String(status),
      grpc_response_status: '',
      response_flags: flagText(flags),
    };
    this.#lastStatus = status;
    this.#lastFlags = flags;
    this.#lastCount = this.#cell(`c|${status}|${flags}`, () => this.#stats.counter('istio_requests_total', labels));
    this.#lastDuration = this.#cell(`d|${status}|${flags}`, () => this.#stats.histogram('istio_request_duration_milliseconds', labels));
  }

  #add(name: string, flags: number, amount: number): void {
    const labels = { ...this.#labels, request_protocol: 'tcp', response_flags: flagText(flags) };
    this.#stats.add(
      this.#cell(`${name}|${flags}`, () => this.#stats.counter(name, labels)),
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
function peerLabels({ reporter, caller: source, callee: destination, service, fallbackService }: Peers): Labels {
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
