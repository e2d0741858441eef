/**
 * What the engine runs on: a description of routes, clusters, endpoints and workloads, compiled from the users'
 * objects by the control thread. Records are immutable plain data, so that they can be posted to workers; keyed records let a change
 * travel as a delta, and let workers keep the run-time state (pools, balancers) of everything that did not change.
 *
 * Everything that depends only on the configuration is decided before it gets here (short names, source labels, ports,
 * gateways, merging, defaults). What is left for a request is matching and choosing.
 */
import type { WireText } from './message/wire-text.ts';

/** The kinds of records and what each holds. One table for the compiler, the delta, the hand-over and the worker. */
export interface SnapshotRecords {
  /** Local pods that the agent serves, by `namespace/name`. */
  readonly workloads: WorkloadConfig;
  /** What a client sees of the mesh, by scope id; clients with the same view share one. */
  readonly scopes: ScopeConfig;
  /** Gateway listeners of this node, by port number in decimal. */
  readonly gateways: GatewayConfig;
  /** By any id that is unique: the record says to which layer and port it belongs. */
  readonly virtualHosts: VirtualHostConfig;
  /** Likewise, one record per service (or an instance of a headless one) and layer. */
  readonly addresses: AddressesConfig;
  readonly clusters: ClusterConfig;
}
export type RecordKind = keyof SnapshotRecords;
/** In the order in which a worker prepares them: what others refer to comes first. */
export const RECORD_KINDS = [
  'clusters',
  'virtualHosts',
  'addresses',
  'gateways',
  'scopes',
  'workloads',
] as const satisfies readonly RecordKind[];

/** Everything, as the compiler holds it. Whoever keeps one applies deltas to it. */
export interface Snapshot {
  version: number;
  mesh: MeshSettings;
  readonly records: { readonly [K in RecordKind]: Map<string, SnapshotRecords[K]> };
  /** By cluster id, in the order of `addressKey`. */
  readonly endpoints: Map<string, readonly EndpointConfig[]>;
}

/** What changed since the version before. A worker that has applied all deltas in order has the snapshot. */
export interface SnapshotDelta {
  readonly version: number;
  readonly mesh?: MeshSettings;
  readonly records: { readonly [K in RecordKind]?: RecordDelta<SnapshotRecords[K]> };
  /** Endpoints travel by themselves (as in Envoy's EDS): one that comes or goes costs neither its cluster nor the others. */
  readonly endpoints: readonly EndpointsDelta[];
}

export interface RecordDelta<T> {
  readonly set: ReadonlyMap<string, T>;
  readonly remove: readonly string[];
}

export interface EndpointsDelta {
  /** Id of a cluster, which may come in the same delta. */
  readonly cluster: string;
  /** New ones, and known ones of which something but the address has changed. */
  readonly set: readonly EndpointConfig[];
  /** `addressKey`s. */
  readonly remove: readonly string[];
}

export const addressKey = ({ address, port }: { readonly address: string; readonly port: number }): string => `${address}|${port}`;

export interface MeshSettings {
  readonly connectTimeoutMs: number;
  /** Istio's root namespace. */
  readonly rootNamespace: string;
}

/** The names of a pod in metrics and logs; `unknown` where Istio says so. */
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

/** A peer that is not a known pod. */
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
  /** The client's namespace. */
  readonly namespace: string;
  /** Istio's outboundTrafficPolicy: whether names and addresses that no layer has are passed through or refused. */
  readonly outboundTrafficPolicy: 'ALLOW_ANY' | 'REGISTRY_ONLY';
  /**
   * Where names and addresses are looked up, the most specific first: usually one that all clients share, before it one of the
   * client's own where rules exist for it alone. An exact domain in any layer beats a wildcard in any; of equals the first layer wins.
   */
  readonly layers: readonly string[];
}

/** What stands behind addresses that clients connect to. */
export interface AddressesConfig {
  readonly layer: string;
  /** By `ip:port` (IPv6 as `[ip]:port`), or `*:port` for any address at that port. In one layer no two records have the same key. */
  readonly entries: readonly (readonly [address: string, destination: DestinationConfig])[];
}

/**
 * Where a connection to a known address goes. `cluster`: HTTP goes by its Host, other bytes to that cluster. `host`: HTTP goes by its
 * Host, the rest to its original destination, as for an unknown address.
 */
export type DestinationConfig =
  { readonly to: 'cluster'; readonly protocol: Protocol; readonly cluster: string } | { readonly to: 'host'; readonly protocol: Protocol };

export interface GatewayConfig {
  readonly port: number;
  /** The layer in which its virtual hosts are, at its port. A Host that none of them names is answered 404. */
  readonly layer: string;
}

/**
 * Virtual hosts: an exact domain beats the longest suffix wildcard, which beats `*`. Domains are lower-case and without port. In one
 * layer and port no two virtual hosts have the same domain (nor the same local name in one namespace).
 */
export interface VirtualHostConfig {
  readonly layer: string;
  /** Of the destination, or of the gateway. */
  readonly port: number;
  readonly name: string;
  /** `host`, `*.suffix` or `*`. */
  readonly domains: readonly string[];
  /** Names by which only clients of that namespace call it: its short ones. */
  readonly local: { readonly namespace: string; readonly domains: readonly string[] } | null;
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
  readonly uri?: WireText;
  /** RE2 substitution on the path, every occurrence, `\1` for groups. Its result is checked as a request target by the worker. */
  readonly regex?: { readonly match: string; readonly substitution: string };
  readonly authority?: WireText;
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
  /** Retries after the first attempt; at least 1 (no retries: `retry` is null). */
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
  readonly authority?: WireText;
  /** A number; `request`: the port on which the request came; `default`: none. */
  readonly port?: number | 'request' | 'default';
  /** Replaces the whole path. */
  readonly path?: WireText;
  /** Replaces the matched prefix. */
  readonly prefix?: WireText;
}

/** Within one level: remove, then set, then add. Values are literal (formatters have been refused or resolved). */
export interface HeaderOperations {
  readonly set?: readonly HeaderLine[];
  /** Several values of one name become several lines. */
  readonly add?: readonly HeaderLine[];
  /** In lower case. */
  readonly remove?: readonly string[];
}

export type HeaderLine = readonly [name: WireText, value: WireText];

export interface ClusterConfig {
  readonly id: string;
  /** Istio's name: `outbound|80|v1|reviews.default.svc.cluster.local`. */
  readonly name: string;
  readonly service: ServiceRef;
  readonly balancer: BalancerConfig;
  readonly connectTimeoutMs: number;
  /** The address family that the service prefers, where it has endpoints of both. */
  readonly family: 4 | 6;
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
  | { readonly kind: 'cookie'; readonly name: WireText; readonly path: WireText; readonly ttlSeconds: number | null };

/** A ready endpoint. */
export interface EndpointConfig {
  /** An IP address in the form in which sockets show it (RFC 5952): the compiler lets nothing else pass. */
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly identity: Identity;
  /** Key into `workloads` when that pod is enrolled on this node: its server stage runs in the same pass. Null otherwise. */
  readonly local: string | null;
}
