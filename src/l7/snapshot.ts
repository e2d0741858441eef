/**
 * What the engine runs on: an immutable description of routes, clusters, endpoints and workloads, compiled from the users'
 * objects by the control thread. It is plain data, so that it can be posted to workers; keyed records let a change travel
 * as a delta and let workers keep the run-time state (pools, balancers) of everything that did not change.
 *
 * Everything that depends only on the configuration is decided before it gets here (short names, source labels, ports,
 * gateways, merging, defaults). What is left for a request is matching and choosing.
 */

export interface Snapshot {
  readonly version: number;
  readonly mesh: MeshSettings;
  /** Local pods that the agent serves, by `namespace/name`. */
  readonly workloads: Readonly<Record<string, WorkloadConfig>>;
  /** What a client sees of the mesh; clients with the same view share one. */
  readonly scopes: Readonly<Record<string, ScopeConfig>>;
  /** Gateway listeners of this node, by port number in decimal. */
  readonly gateways: Readonly<Record<string, GatewayConfig>>;
  readonly clusters: Readonly<Record<string, ClusterConfig>>;
}

/** Keys that changed since the version before. A worker that has applied all deltas in order has the snapshot. */
export interface SnapshotDelta {
  readonly version: number;
  readonly mesh?: MeshSettings;
  readonly workloads: RecordDelta<WorkloadConfig>;
  readonly scopes: RecordDelta<ScopeConfig>;
  readonly gateways: RecordDelta<GatewayConfig>;
  readonly clusters: RecordDelta<ClusterConfig>;
}

export interface RecordDelta<T> {
  readonly set: Readonly<Record<string, T>>;
  readonly remove: readonly string[];
}

export interface MeshSettings {
  /** Istio's outboundTrafficPolicy. */
  readonly outboundTrafficPolicy: 'ALLOW_ANY' | 'REGISTRY_ONLY';
  readonly connectTimeoutMs: number;
}

/** Who a pod is to metrics and logs; `unknown` where Istio says so. */
export interface Identity {
  readonly workload: string;
  readonly namespace: string;
  readonly pod: string;
  readonly app: string;
  readonly version: string;
  readonly canonicalService: string;
  readonly canonicalRevision: string;
  readonly serviceAccount: string;
}

/** A peer that is no pod we know of. */
export const UNKNOWN_IDENTITY: Identity = {
  workload: 'unknown',
  namespace: 'unknown',
  pod: 'unknown',
  app: 'unknown',
  version: 'unknown',
  canonicalService: 'unknown',
  canonicalRevision: 'latest',
  serviceAccount: 'unknown',
};

export interface WorkloadConfig {
  /** `namespace/name` of the pod. */
  readonly key: string;
  readonly identity: Identity;
  readonly addresses: readonly string[];
  /** Key into `scopes`: what this pod sees as a client. */
  readonly scope: string;
  /** What it serves: by container port in decimal. A port that is not listed is `auto`. */
  readonly inbound: Readonly<Record<string, InboundPort>>;
}

export interface InboundPort {
  readonly protocol: Protocol;
  /** The service through which this port is usually reached, for labels and names; empty when there is none. */
  readonly service: ServiceRef | null;
}

/**
 * `http`: HTTP/1 is parsed, anything else refused. `tcp`: never looked into. `auto`: by the first bytes.
 * `http2` and `tls` are passed through as `tcp` is, balanced per connection.
 */
export type Protocol = 'http' | 'http2' | 'tls' | 'tcp' | 'auto';

export interface ServiceRef {
  /** Fully qualified host. */
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
  readonly port: number;
}

export interface ScopeConfig {
  readonly id: string;
  /** The client's namespace. */
  readonly namespace: string;
  /** Virtual hosts for plain HTTP by destination port in decimal. */
  readonly http: Readonly<Record<string, RouteTableConfig>>;
  /** Known destinations by `ip:port` (IPv6 as `[ip]:port`), and by `*:port` for any address at that port. */
  readonly addresses: Readonly<Record<string, DestinationConfig>>;
}

/** What stands behind an address that a client connects to. */
export interface DestinationConfig {
  readonly protocol: Protocol;
  /** Where bytes go that are not HTTP: a cluster id; null: to the original address. */
  readonly cluster: string | null;
}

export interface GatewayConfig {
  readonly port: number;
  readonly protocol: 'http';
  readonly routes: RouteTableConfig;
}

/** Virtual hosts: an exact domain beats the longest suffix wildcard, which beats `*`. Domains are lower-case and without port. */
export interface RouteTableConfig {
  readonly virtualHosts: readonly VirtualHostConfig[];
  /** What happens to a Host that no virtual host names. `not-found`: 404; `passthrough`: to the original destination; `block`: 502. */
  readonly unknownHost: 'not-found' | 'passthrough' | 'block';
}

export interface VirtualHostConfig {
  readonly name: string;
  /** `host`, `*.suffix` or `*`. */
  readonly domains: readonly string[];
  /** The first that matches wins; none: 404. */
  readonly routes: readonly RouteConfig[];
}

export interface RouteConfig {
  readonly name: string;
  readonly match: RouteMatch;
  readonly action: RouteAction | RedirectAction;
  /** Route-level header operations (those of a destination stand there, and come first). */
  readonly requestHeaders?: HeaderOperations;
  readonly responseHeaders?: HeaderOperations;
}

export type StringMatch =
  | { readonly kind: 'exact'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string }
  /** RE2, whole string. */
  | { readonly kind: 'regex'; readonly value: string }
  | { readonly kind: 'present' };

export interface RouteMatch {
  readonly path?: StringMatch;
  /** Exact and prefix matches of the path only. */
  readonly ignorePathCase?: boolean;
  readonly method?: StringMatch;
  readonly scheme?: StringMatch;
  /** As sent, port included, case-sensitive. */
  readonly authority?: StringMatch;
  readonly headers?: readonly HeaderMatch[];
  readonly query?: readonly NamedMatch[];
}

export interface NamedMatch {
  readonly name: string;
  readonly match: StringMatch;
}

export interface HeaderMatch extends NamedMatch {
  /** withoutHeaders: the condition must not hold, a missing header counting as an empty value. */
  readonly invert: boolean;
}

export interface RouteAction {
  readonly kind: 'route';
  /** Never empty. Weights are relative; with one destination its weight does not matter. */
  readonly destinations: readonly WeightedDestination[];
  readonly rewrite?: Rewrite;
  readonly mirrors: readonly MirrorConfig[];
  /** Whole request, retries included; 0: none. */
  readonly timeoutMs: number;
  readonly retry: RetryConfig | null;
}

export interface WeightedDestination {
  /** Key into `clusters`; a name that is not there answers 503 with flag NC. */
  readonly cluster: string;
  readonly weight: number;
  readonly requestHeaders?: HeaderOperations;
  readonly responseHeaders?: HeaderOperations;
}

export interface Rewrite {
  /** Replaces the matched prefix, or the whole path when the match was not a prefix. */
  readonly uri?: string;
  /** RE2 substitution on the path, every occurrence, `\1` for groups. */
  readonly regex?: { readonly match: string; readonly substitution: string };
  readonly authority?: string;
}

export interface MirrorConfig {
  readonly cluster: string;
  /** 0 to 100. */
  readonly percentage: number;
}

export type RetryCondition =
  | '5xx'
  | 'gateway-error'
  | 'reset'
  | 'reset-before-request'
  | 'connect-failure'
  | 'refused-stream'
  | 'retriable-4xx'
  | 'retriable-status-codes'
  | 'retriable-headers'
  | 'envoy-ratelimited'
  | 'http3-post-connect-failure'
  | 'cancelled'
  | 'deadline-exceeded'
  | 'internal'
  | 'resource-exhausted'
  | 'unavailable';

export interface RetryConfig {
  /** Retries after the first try; at least 1 (no retries: `retry` is null). */
  readonly attempts: number;
  /** 0: none. */
  readonly perTryTimeoutMs: number;
  readonly on: readonly RetryCondition[];
  readonly statusCodes: readonly number[];
  /** Base of the jittered exponential back-off; the cap is ten times that. */
  readonly backoffMs: number;
  /** Prefer endpoints that this request has not tried. */
  readonly avoidPreviousHosts: boolean;
}

export interface RedirectAction {
  readonly kind: 'redirect';
  readonly code: number;
  readonly scheme?: 'http' | 'https';
  /** Host, with or without a port. */
  readonly authority?: string;
  /** A number; `request`: the port on which the request came; `default`: none. */
  readonly port?: number | 'request' | 'default';
  /** Replaces the whole path. */
  readonly path?: string;
  /** Replaces the matched prefix. */
  readonly prefix?: string;
}

/** Within one level: remove, then set, then add. Values are literal (formatters have been refused or resolved). */
export interface HeaderOperations {
  readonly set?: Readonly<Record<string, string>>;
  /** Several values of one name become several lines. */
  readonly add?: Readonly<Record<string, string | readonly string[]>>;
  readonly remove?: readonly string[];
}

export interface ClusterConfig {
  readonly id: string;
  /** Istio's name: `outbound|80|v1|reviews.default.svc.cluster.local`. */
  readonly name: string;
  readonly service: ServiceRef;
  readonly subset: string;
  readonly balancer: BalancerConfig;
  readonly connectTimeoutMs: number;
  /** Ready ones only. */
  readonly endpoints: readonly EndpointConfig[];
}

export type BalancerConfig =
  | { readonly kind: 'round-robin' }
  | { readonly kind: 'least-request' }
  | { readonly kind: 'random' }
  | { readonly kind: 'ring-hash'; readonly minimumRingSize: number; readonly key: HashKey }
  | { readonly kind: 'maglev'; readonly tableSize: number; readonly key: HashKey };

export type HashKey =
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'query'; readonly name: string }
  | { readonly kind: 'source-address' }
  /** `ttlSeconds` null: no cookie is made; 0: a session cookie is. */
  | { readonly kind: 'cookie'; readonly name: string; readonly path: string; readonly ttlSeconds: number | null };

export interface EndpointConfig {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly identity: Identity;
  /** Key into `workloads` when that pod is enrolled on this node: its server stage runs in the same pass. Null otherwise. */
  readonly local: string | null;
}
