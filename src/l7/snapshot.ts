/**
 * What the engine runs on: a description of routes, clusters, endpoints and workloads, compiled from the users'
 * objects by the control thread. Records are immutable plain data, so that they can be posted to workers; keyed records let a change
 * travel as a delta, and let workers keep the run-time state (pools, balancers) of everything that did not change.
 *
 * Everything that depends only on the configuration is decided before it gets here (short names, source labels, ports,
 * gateways, merging, defaults). What is left for a request is matching and choosing.
 */
import type { ClusterConfig, EndpointConfig } from './config/cluster.ts';
import type { VirtualHostConfig } from './config/route.ts';
import type { PathNormalization } from './message/normalize-path.ts';
import type { AddressesConfig, GatewayConfig, ScopeConfig, WorkloadConfig } from './config/workload.ts';

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
  readonly records: { readonly [K in RecordKind]: ReadonlyMap<string, SnapshotRecords[K]> };
  /** By cluster id, in the order of `addressKey`. */
  readonly endpoints: ReadonlyMap<string, readonly EndpointConfig[]>;
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
  /** Of gateways as a workload. */
  readonly gatewayName: string;
  readonly pathNormalization: PathNormalization;
}
