/** Clusters, their endpoints, and how one of them is chosen. */
import type { WireText } from '../message/wire-text.ts';
import type { Identity, ServiceRef } from './identity.ts';

export interface ClusterConfig {
  readonly id: string;
  /** Istio's name: `outbound|80|v1|reviews.default.svc.cluster.local`. */
  readonly name: string;
  readonly service: ServiceRef;
  readonly balancer: BalancerConfig;
  readonly connectTimeoutMs: number;
  /** The address family that the service prefers, where it has endpoints of both. */
  readonly family: 4 | 6;
  /** It has no endpoints of its own. Nothing comes to it from a gateway. */
  readonly original?: OriginalConfig;
  /**
   * Clients have chosen an endpoint before they connect: whoever is at the address that a captured connection was going to has its
   * requests, unless that is another service's.
   */
  readonly chosenBefore?: true;
  /**
   * What its endpoints are spoken to. `http2`: HTTP/2 with prior knowledge; `client`: what the client speaks; `undeclared`: likewise, but
   * HTTP/1 from a gateway. Absent: HTTP/1.
   */
  readonly wire?: 'http2' | 'client' | 'undeclared';
  readonly pool?: PoolConfig;
  readonly outliers?: OutlierConfig;
  /** Its endpoints are told who has connected, by a header of the PROXY protocol of that version. */
  readonly proxyProtocol?: 1 | 2;
  /** Its endpoints are forward proxies, which are asked for a connection to this `host:port`. For connections that are not HTTP. */
  readonly tunnel?: string;
}

/** A captured connection goes on to where it was going (Envoy's ORIGINAL_DST), but for what is given here. */
export interface OriginalConfig {
  readonly port: number | null;
  readonly address?: string;
}

/**
 * Istio's connectionPool. The first group is what one client may use of the cluster, from all workers together; a limit that is not there
 * does not exist. Times in milliseconds; an idle timeout of 0 is none.
 */
export interface PoolConfig {
  readonly maxConnections?: number;
  /** Requests without a connection. */
  readonly maxPending?: number;
  /** Requests that have one. */
  readonly maxRequests?: number;
  readonly maxRetries?: number;
  /**
   * In the place of `maxRetries`: retries at once are at most this share of the requests, or `minConcurrency`. Requests are those under
   * way, or those that began within `intervalMs`, if these are more.
   */
  readonly retryBudget?: { readonly percent: number; readonly minConcurrency: number; readonly intervalMs?: number };
  readonly maxRequestsPerConnection?: number;
  /** Of connections between requests, and of those that carry other bytes. */
  readonly idleTimeoutMs?: number;
  readonly tcpIdleTimeoutMs?: number;
  readonly maxConnectionMs?: number;
  /** Streams of a connection of HTTP/2 at a time. */
  readonly maxConcurrentStreams?: number;
  /** PINGs on such a connection. */
  readonly http2Keepalive?: { readonly intervalMs: number; readonly timeoutMs: number };
  readonly keepalive?: KeepaliveConfig;
}

/** Istio's outlierDetection. A number of errors of 0 does not count them. */
export interface OutlierConfig {
  readonly consecutive5xx: number;
  readonly consecutiveGateway: number;
  /** Statuses of responses that are errors; absent: those from 500 on. */
  readonly errorStatuses?: readonly number[];
  /** Failures of the client's own side are counted by themselves. */
  readonly split: boolean;
  readonly consecutiveLocal: number;
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionPercent: number;
  /** With fewer endpoints left than this, all are used. */
  readonly minHealthPercent: number;
}

/** TCP keepalive; 0: the system's own value. */
export interface KeepaliveConfig {
  readonly probes: number;
  readonly timeSeconds: number;
  readonly intervalSeconds: number;
}

export type BalancerConfig =
  | { readonly kind: 'round-robin' | 'least-request'; readonly warmup?: WarmupConfig }
  | { readonly kind: 'random' }
  | { readonly kind: 'ring-hash'; readonly minimumRingSize: number; readonly key: HashKey }
  | { readonly kind: 'maglev'; readonly tableSize: number; readonly key: HashKey };

/** For how long new endpoints get less than their share, and at first at least so much of it. */
export interface WarmupConfig {
  readonly durationMs: number;
  readonly minimumPercent: number;
  readonly aggression: number;
}

export type HashKey =
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'query'; readonly name: string }
  | { readonly kind: 'source-address' }
  /** `ttlSeconds` null: no cookie is made; 0: a session cookie is. `attributes` begin with a semicolon, if there are any. */
  | {
      readonly kind: 'cookie';
      readonly name: WireText;
      readonly path: WireText;
      readonly ttlSeconds: number | null;
      readonly attributes?: WireText;
    };

/** A ready endpoint. */
export interface EndpointConfig {
  /** An IP address in the form in which sockets show it (RFC 5952): the compiler lets nothing else pass. */
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  /** 0 or absent: the first choice. */
  readonly priority?: number;
  /** Its locality, where these have shares of their own. */
  readonly group?: { readonly name: string; readonly weight: number };
  readonly identity: Identity;
  /** Key into `workloads` when that pod is enrolled on this node: its server stage runs in the same pass. Null otherwise. */
  readonly local: string | null;
  /**
   * Key of such a pod, with `local` null: its application is elsewhere than where it is reached, so a connection from this node passes
   * the pod's own side, as one from another node does.
   */
  readonly twoSided?: string;
}
