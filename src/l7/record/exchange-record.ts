/**
 * What one exchange, or one mirrored copy, leaves behind: written once, when it is over, without strings and without allocation (one
 * object per worker is filled again and again), and read at once by whoever is configured. A callee of the same node has a record
 * of its own for every attempt that reached it.
 */
import type { Outcome } from '../message/outcome.ts';
import type { ClusterConfig } from '../config/cluster.ts';
import type { MetricName } from '../config/telemetry.ts';
import { type Identity, type ServiceRef, UNKNOWN_IDENTITY } from '../config/identity.ts';
import { OUTCOME } from '../message/outcome.ts';

export type Reporter = 'source' | 'destination';

/** What `destination_service` says when no service is known. */
export type FallbackService = 'PassthroughCluster' | 'BlackHoleCluster' | 'InboundPassthroughCluster' | 'unknown';

export type Labels = Readonly<Record<string, string>>;

/** How the metrics of one side of a workload's traffic differ from Istio's. */
export interface MetricRules {
  /** @param tags what `Peers.tags` says. @returns null: that metric is not counted. */
  labels(name: MetricName, labels: Labels, tags: readonly string[]): Labels | null;
}

export interface Peers {
  readonly reporter: Reporter;
  readonly caller: Identity;
  readonly callee: Identity;
  /** Null: nobody knows a service for it. */
  readonly service: ServiceRef | null;
  readonly fallbackService: FallbackService;
  /** Null: the metrics are Istio's. */
  readonly rules: MetricRules | null;
  /** Values of tags that the rules take from the request. */
  readonly tags: readonly string[];
}

export const NO_TAGS: readonly string[] = [];

/** Who writes lines about it. */
export interface RecordLog {
  write(record: ExchangeRecord): void;
}

export class ExchangeRecord implements Peers {
  /** Null: there is no access log of it. */
  log: RecordLog | null = null;
  rules: MetricRules | null = null;
  tags: readonly string[] = NO_TAGS;
  /** Of a request that is sampled; empty: it is not. */
  traceId = '';
  reporter: Reporter = 'source';
  caller: Identity = UNKNOWN_IDENTITY;
  callee: Identity = UNKNOWN_IDENTITY;
  service: ServiceRef | null = null;
  fallbackService: FallbackService = 'unknown';
  /** Null: no rule matched, or none was asked. */
  route: { readonly name: string } | null = null;
  cluster: ClusterConfig | null = null;
  /** Of the last attempt; empty and 0: there was none. */
  endpointAddress = '';
  endpointPort = 0;
  attempts = 0;
  outcome: Outcome = OUTCOME.completed;
  /** That the client saw; 0: none. */
  status = 0;
  /** Flags of the outcome and of the retries. */
  flags = 0;
  /** The code of a call of gRPC; −1: it ended without one, −2: the exchange is none of gRPC. */
  grpcStatus = -2;
  /** Messages of such a call. */
  requestMessages = 0;
  responseMessages = 0;
  /** Content of the bodies. */
  requestBytes = 0;
  responseBytes = 0;
  /** Of the heads on the client's wire. */
  requestHeadBytes = 0;
  responseHeadBytes = 0;
  /** Milliseconds on the transport's clock: head of the request, last attempt, head of the response (0: none came), end. */
  startedAt = 0;
  sentAt = 0;
  answeredAt = 0;
  endedAt = 0;

  /** As of a connection of which nothing is known yet. */
  clear(): void {
    this.route = this.cluster = null;
    this.outcome = OUTCOME.completed;
    this.status = this.flags = this.attempts = 0;
    this.requestBytes = this.responseBytes = this.requestHeadBytes = this.responseHeadBytes = 0;
    this.startedAt = this.sentAt = this.answeredAt = this.endedAt = 0;
  }
}
