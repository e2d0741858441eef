/** What the agent knows of an enrolled pod, and what that pod sees of the mesh as a client. */
import type { Identity, ServiceRef } from './identity.ts';
import type { TelemetryConfig } from './telemetry.ts';

export interface WorkloadConfig {
  readonly identity: Identity;
  readonly addresses: readonly string[];
  /** Key into `scopes`: what this pod sees as a client. */
  readonly scope: string;
  /** What it serves: by container port in decimal. A port that is not listed is `auto`. */
  readonly inbound: Readonly<Record<string, InboundPort>>;
  /** None: metrics, and nothing else. */
  readonly telemetry?: WorkloadTelemetry;
}

/** As a client, and as a server. */
export interface WorkloadTelemetry {
  readonly outbound: TelemetryConfig;
  readonly inbound: TelemetryConfig;
}

export interface InboundPort {
  readonly protocol: Protocol;
  /** `client`: its server gets HTTP/1 or HTTP/2 as the client speaks it, whatever the port declares. */
  readonly wire?: 'client';
  /** The service through which this port is usually reached, for labels and names; empty when there is none. */
  readonly service: ServiceRef | null;
  /**
   * Id of the cluster `inbound|PORT||` with what its own rules say of connections to the application (`pool`), and where it is (`original`).
   * Absent: they say nothing.
   */
  readonly cluster?: string;
}

/**
 * `http` and `http2`: clients speak HTTP/1 or HTTP/2, anything else is refused; the name says what the server speaks. `auto`: by the first
 * bytes. `tcp`: never looked into. `tls` is passed through as `tcp` is, balanced per connection.
 */
export type Protocol = 'http' | 'http2' | 'tls' | 'tcp' | 'auto';

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
  /**
   * By `ip:port` (IPv6 as `[ip]:port`), `range/bits:port` (the narrowest range that has the address counts), or `*:port` for any address
   * at that port. In one layer no two records have the same key.
   */
  readonly entries: readonly (readonly [address: string, destination: DestinationConfig])[];
}

/**
 * Where a connection to a known address goes. `cluster`: HTTP goes by its Host, other bytes to that cluster. `host`: HTTP goes by its
 * Host, TLS by the name that it asks for, the rest to `opaque`, or without one to its original destination, as for an unknown address.
 * Where there are rules, they take the place of the cluster, and what none of them fits is refused.
 */
export type DestinationConfig = { readonly protocol: Protocol; readonly rules?: readonly ConnectionRule[] } & (
  { readonly to: 'cluster'; readonly cluster: string } | { readonly to: 'host'; readonly opaque?: string }
);

/** Where connections go that fit it. */
export interface ConnectionRule {
  /** That TLS clients ask for: exact, or `*.suffix`, in lower case. Without any: whether or not they ask for one. */
  readonly names?: readonly string[];
  /** `10.0.0.0/8`; without any: wherever they were going. */
  readonly ranges?: readonly string[];
  readonly destinations: readonly WeightedCluster[];
}

export interface WeightedCluster {
  readonly cluster: string;
  readonly weight: number;
}

/** Where the names that TLS clients ask for (SNI) are looked up, beside the layer of the names that HTTP clients ask for. */
export function sniLayer(layer: string): string {
  return `${layer} sni`;
}

export interface GatewayConfig {
  readonly port: number;
  /** `tls` is passed on by the names in the layer's SNI table, `tcp` by the rules; without one HTTP is served. */
  readonly protocol?: 'tls' | 'tcp';
  readonly rules?: readonly ConnectionRule[];
  /** The layer in which its virtual hosts are, at its port. A Host that none of them names is answered 404. */
  readonly layer: string;
  /** None: metrics, and nothing else. */
  readonly telemetry?: TelemetryConfig;
}
