/**
 * What one exchange, or one mirrored copy, leaves behind: written once, when it is over, without strings and without allocation (one
 * object per worker is filled again and again), and read at once by whoever is configured. A callee of the same node has a record
 * of its own for every attempt that reached it.
 */
import type { Outcome } from '../message/outcome.ts';
import type { ClusterConfig } from '../config/cluster.ts';
import { type Identity, type ServiceRef, UNKNOWN_IDENTITY } from '../config/identity.ts';
import { OUTCOME } from '../message/outcome.ts';

export type Reporter = 'source' | 'destination';

/** What `destination_service` says when no service is known. */
export type FallbackService = 'PassthroughCluster' | 'BlackHoleCluster' | 'InboundPassthroughCluster' | 'unknown';

export interface Peers {
  readonly reporter: Reporter;
  readonly caller: Identity;
  readonly callee: Identity;
  /** Null: nobody knows a service for it. */
  readonly service: ServiceRef | null;
  readonly fallbackService: FallbackService;
}

/** Who writes lines about it. */
export interface RecordLog {
  write(record: ExchangeRecord): void;
}

export class ExchangeRecord implements Peers {
  /** Null: there is no access log of it. */
  log: RecordLog | null = null;
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
}
