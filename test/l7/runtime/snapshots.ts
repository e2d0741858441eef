/** Records for tests of the runtime. */
import { checkedText, fieldName, fieldValue } from '../../../src/l7/message/wire-text.ts';
import type { ClusterConfig, EndpointConfig } from '../../../src/l7/config/cluster.ts';
import type { HeaderLine } from '../../../src/l7/config/header-operations.ts';
import { UNKNOWN_IDENTITY } from '../../../src/l7/config/identity.ts';
import type { RouteConfig, VirtualHostConfig } from '../../../src/l7/config/route.ts';
import type { AddressesConfig, ScopeConfig, WorkloadConfig } from '../../../src/l7/config/workload.ts';
import { RECORD_KINDS, type EndpointsDelta, type RecordKind, type SnapshotDelta, type SnapshotRecords } from '../../../src/l7/snapshot.ts';

export interface Change {
  readonly set?: { readonly [K in RecordKind]?: Readonly<Record<string, SnapshotRecords[K]>> };
  readonly remove?: { readonly [K in RecordKind]?: readonly string[] };
  readonly endpoints?: readonly EndpointsDelta[];
  readonly connectTimeoutMs?: number;
}

export function delta(version: number, { set = {}, remove = {}, endpoints = [], connectTimeoutMs }: Change): SnapshotDelta {
  const records = RECORD_KINDS.map((kind) => [
    kind,
    { set: new Map<string, unknown>(Object.entries(set[kind] ?? {})), remove: remove[kind] ?? [] },
  ]);
  return {
    version,
    records: Object.fromEntries(records) as SnapshotDelta['records'],
    endpoints,
    ...(connectTimeoutMs === undefined
      ? {}
      : { mesh: { connectTimeoutMs, rootNamespace: 'istio-system', gatewayName: 'istio-ingressgateway', pathNormalization: 'base' } }),
  };
}

export function route(name: string, cluster = 'c', more: Partial<RouteConfig> = {}): RouteConfig {
  const action = { kind: 'route', destinations: [{ cluster, weight: 1 }], mirrors: [], timeoutMs: 0, retry: null } as const;
  return { name, match: {}, action, ...more };
}

export function host(domains: readonly string[], routes: readonly RouteConfig[], more: Partial<VirtualHostConfig> = {}): VirtualHostConfig {
  return { layer: 'all', port: 80, name: domains[0] ?? '', domains, local: null, routes, ...more };
}

export function clusterConfig(id: string, more: Partial<ClusterConfig> = {}): ClusterConfig {
  const service = { host: id, name: id, namespace: 'default', port: 80 };
  return { id, name: id, service, balancer: { kind: 'round-robin' }, connectTimeoutMs: 1000, family: 4, ...more };
}

export function endpointConfig(address: string, more: Partial<EndpointConfig> = {}): EndpointConfig {
  return { address, port: 80, weight: 1, identity: UNKNOWN_IDENTITY, local: null, ...more };
}

export function scopeConfig(layers: readonly string[], more: Partial<ScopeConfig> = {}): ScopeConfig {
  return { namespace: 'default', outboundTrafficPolicy: 'ALLOW_ANY', layers, ...more };
}

export function workloadConfig(scope: string, addresses: readonly string[]): WorkloadConfig {
  return { identity: UNKNOWN_IDENTITY, addresses, scope, inbound: {} };
}

export function addressesConfig(layer: string, cluster: string, ...keys: readonly string[]): AddressesConfig {
  return { layer, entries: keys.map((key) => [key, { to: 'cluster', protocol: 'http', cluster }] as const) };
}

export function line(name: string, value: string): HeaderLine {
  return [checkedText(fieldName(name)), checkedText(fieldValue(value))];
}
