/**
 * The metric cells of one pair of peers as one of them reports it: resolved at their first request with a status, added to
 * ever after, and given back when the pair has been silent for long.
 */
import { flagText } from '../message/outcome.ts';
import type { Labels, MetricRules, Peers } from './exchange-record.ts';
import { METRICS, type MetricName } from '../config/telemetry.ts';
import type { SeriesDefinition, Stats } from './stats.ts';

/** As the status of gRPC of an exchange that is none of gRPC. */
export const NOT_GRPC = -2;

type Kind = SeriesDefinition['kind'];

/** Cells of all requests of a pair that ended in the same way. */
interface RequestCells {
  readonly count: number;
  readonly duration: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

export class PeerSeries {
  /** Sweeps since it was last used. */
  silent = 0;
  readonly #list: Set<PeerSeries>;
  readonly #stats: Stats;
  readonly #labels: Labels;
  readonly #rules: MetricRules | null;
  readonly #tags: readonly string[];
  readonly #requests = new Map<number, RequestCells>();
  readonly #tcp = new Map<string, number>();
  // Nearly all requests of a pair end as the one before did.
  #lastStatus = -1;
  #lastFlags = 0;
  #lastGrpc = NOT_GRPC;
  #last: RequestCells | null = null;

  /** @param list those that have cells, kept by this object. */
  constructor(stats: Stats, labels: Labels, list: Set<PeerSeries>, { rules, tags }: Pick<Peers, 'rules' | 'tags'>) {
    this.#list = list;
    this.#stats = stats;
    this.#labels = labels;
    this.#rules = rules;
    this.#tags = tags;
  }

  /**
   * @param grpcStatus NOT_GRPC where it was none.
   * @param durationMs from the first byte of the request to the last of the response.
   * @param requestBytes, responseBytes on the client's wire, heads included.
   */
  request(status: number, flags: number, grpcStatus: number, durationMs: number, requestBytes: number, responseBytes: number): void {
    this.silent = 0;
    let cells = this.#last;
    const same = status === this.#lastStatus && flags === this.#lastFlags && grpcStatus === this.#lastGrpc;
    if (cells === null || !same) cells = this.#resolve(status, flags, grpcStatus);
    const stats = this.#stats;
    stats.add(cells.count, 1);
    stats.observe(cells.duration, durationMs);
    stats.observe(cells.requestBytes, requestBytes);
    stats.observe(cells.responseBytes, responseBytes);
  }

  /** The request that was counted last is one of this trace. */
  exemplar(traceId: string, durationMs: number): void {
    if (this.#last !== null) this.#stats.exemplar({ cell: this.#last.duration, value: durationMs, traceId });
  }

  /** Of a call of gRPC. Which labels they have is known when it begins: none of how it ends. */
  messages(sent: number, received: number): void {
    this.silent = 0;
    if (sent > 0) this.#addMessages('istio_request_messages_total', sent);
    if (received > 0) this.#addMessages('istio_response_messages_total', received);
  }

  /** Adds to one of the TCP counters. */
  tcp(name: 'opened_total' | 'closed_total', flags: number): void {
    this.#add(`istio_tcp_connections_${name}`, flags, 1);
  }

  tcpBytes(sent: number, received: number, flags: number): void {
    if (sent > 0) this.#add('istio_tcp_sent_bytes_total', flags, sent);
    if (received > 0) this.#add('istio_tcp_received_bytes_total', flags, received);
  }

  /** Gives all cells back. Whoever still holds it may use it again: it gets others then. */
  release(): void {
    this.#list.delete(this);
    this.#stats.release(this.#cells());
    this.#requests.clear();
    this.#tcp.clear();
    this.#last = null;
  }

  *#cells(): Generator<readonly [cell: number, kind: Kind]> {
    for (const cells of this.#requests.values()) {
      yield [cells.count, 'counter'];
      yield [cells.duration, 'histogram'];
      yield [cells.requestBytes, 'histogram'];
      yield [cells.responseBytes, 'histogram'];
    }
    for (const cell of this.#tcp.values()) yield [cell, 'counter'];
  }

  #resolve(status: number, flags: number, grpcStatus: number): RequestCells {
    // Flags are 28 bits, a status 10 and one of gRPC 5: together they are an exact key.
    const key = (flags * 1024 + status) * 32 + grpcStatus + 2;
    let cells = this.#requests.get(key);
    if (cells === undefined) this.#requests.set(key, (cells = this.#define(status, flags, grpcStatus)));
    this.#lastStatus = status;
    this.#lastFlags = flags;
    this.#lastGrpc = grpcStatus;
    this.#last = cells;
    return cells;
  }

  #define(status: number, flags: number, grpcStatus: number): RequestCells {
    this.#list.add(this);
    const labels = {
      ...this.#labels,
      request_protocol: grpcStatus === NOT_GRPC ? 'http' : 'grpc',
      response_code: String(status),
      grpc_response_status: grpcStatus === NOT_GRPC ? '' : String(grpcStatus),
      response_flags: flagText(flags),
    };
    return {
      count: this.#cell('counter', METRICS.REQUEST_COUNT, labels),
      duration: this.#cell('histogram', METRICS.REQUEST_DURATION, labels),
      requestBytes: this.#cell('histogram', METRICS.REQUEST_SIZE, labels),
      responseBytes: this.#cell('histogram', METRICS.RESPONSE_SIZE, labels),
    };
  }

  /** One that is disabled is counted where nobody looks: requests need not ask. */
  #cell(kind: 'counter' | 'histogram', name: MetricName, labels: Labels): number {
    const changed = this.#rules === null ? labels : this.#rules.labels(name, labels, this.#tags);
    return changed === null ? this.#stats.nowhere : this.#stats[kind](name, changed);
  }

  #addMessages(name: MetricName, amount: number): void {
    let cell = this.#tcp.get(name);
    if (cell === undefined) {
      this.#list.add(this);
      const { connection_security_policy: _, ...labels } = this.#labels;
      this.#tcp.set(name, (cell = this.#cell('counter', name, { ...labels, request_protocol: 'grpc' })));
    }
    this.#stats.add(cell, amount);
  }

  #add(name: MetricName, flags: number, amount: number): void {
    this.silent = 0;
    const key = `${name}|${flags}`;
    let cell = this.#tcp.get(key);
    if (cell === undefined) {
      this.#list.add(this);
      const labels = { ...this.#labels, request_protocol: 'tcp', response_flags: flagText(flags) };
      this.#tcp.set(key, (cell = this.#cell('counter', name, labels)));
    }
    this.#stats.add(cell, amount);
  }
}

/** Istio's labels of both peers; plain text has no principals. */
export function peerLabels({ reporter, caller: source, callee: destination, service, fallbackService }: Peers): Labels {
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
