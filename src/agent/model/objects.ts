/**
 * Objects in the API's own JSON shape, as the schemas let them through: checked, without the fields that nobody reads, and without
 * what is as good as not written (`schema/unset.ts`). The schemas are the only list of the fields.
 */
import type { z } from 'zod';
import { internal } from '../../base/internal.ts';
import type { KindName, KINDS } from './schema/kinds.ts';
import type { metadata } from './schema/kubernetes.ts';

/** Without the fields that a schema takes out. */
type Immutable<T> = T extends readonly (infer Item)[]
  ? readonly Immutable<Item>[]
  : T extends string | number | boolean | null | undefined
    ? T
    : T extends object
      ? { readonly [K in keyof T as [T[K]] extends [undefined] ? never : K]: Immutable<T[K]> }
      : T;

/** Every kind that is read, by name. */
export type Kinds = { readonly [K in KindName]: Immutable<z.output<(typeof KINDS)[K]>> };
/** Told apart by `kind`. */
export type AnyObject = Kinds[KindName];

export type Metadata = Immutable<z.output<typeof metadata>>;
export type StringMap = Readonly<Record<string, string>>;

export interface ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
}

type Item<T> = NonNullable<T> extends readonly (infer Element)[] ? Element : never;

export type ConfigMap = Kinds['ConfigMap'];

export type Node = Kinds['Node'];
export type Pod = Kinds['Pod'];

export type Service = Kinds['Service'];
export type ServicePort = Item<NonNullable<Service['spec']>['ports']>;
export type EndpointSlice = Kinds['EndpointSlice'];
export type SliceEndpoint = Item<EndpointSlice['endpoints']>;
export type Endpoints = Kinds['Endpoints'];

export type Gateway = Kinds['Gateway'];
export type GatewaySpec = Gateway['spec'];
export type GatewayServer = Item<GatewaySpec['servers']>;

export type VirtualService = Kinds['VirtualService'];
export type TcpRoute = Item<VirtualService['spec']['tcp']>;
export type TlsRoute = Item<VirtualService['spec']['tls']>;
export type HttpRoute = Item<VirtualService['spec']['http']>;
export type HttpMatchRequest = Item<HttpRoute['match']>;
export type ConditionMap = NonNullable<HttpMatchRequest['headers']>;
/** One of the three at most; none (or null): present. */
export type StringCondition = NonNullable<HttpMatchRequest['uri']>;
export type HttpRouteDestination = Item<HttpRoute['route']>;
export type Destination = HttpRouteDestination['destination'];
export type HeadersSpec = NonNullable<HttpRoute['headers']>;
export type HeaderOperationsSpec = NonNullable<HeadersSpec['request']>;
export type HttpRetry = NonNullable<HttpRoute['retries']>;
export type CorsPolicy = NonNullable<HttpRoute['corsPolicy']>;
export type HttpFaultInjection = NonNullable<HttpRoute['fault']>;
export type HttpRedirect = NonNullable<HttpRoute['redirect']>;

export type DestinationRule = Kinds['DestinationRule'];
export type TrafficPolicy = NonNullable<DestinationRule['spec']['trafficPolicy']>;
export type PolicyBlocks = Pick<TrafficPolicy, 'loadBalancer' | 'connectionPool' | 'outlierDetection' | 'retryBudget' | 'proxyProtocol'>;
export type LocalitySetting = NonNullable<LoadBalancer['localityLbSetting']>;
export type ZoneAwareSetting = NonNullable<LoadBalancer['zoneAwareLbSetting']>;
export type OutlierDetection = NonNullable<TrafficPolicy['outlierDetection']>;
export type ConnectionPool = NonNullable<TrafficPolicy['connectionPool']>;
export type LoadBalancer = NonNullable<TrafficPolicy['loadBalancer']>;
export type ConsistentHash = NonNullable<LoadBalancer['consistentHash']>;
export type Subset = Item<DestinationRule['spec']['subsets']>;

export type Telemetry = Kinds['Telemetry'];
export type TelemetryLogging = Item<NonNullable<Telemetry['spec']>['accessLogging']>;
export type TelemetryMetrics = Item<NonNullable<Telemetry['spec']>['metrics']>;
export type TelemetryTracing = Item<NonNullable<Telemetry['spec']>['tracing']>;

export type ServiceEntry = Kinds['ServiceEntry'];
export type WorkloadEntry = Kinds['WorkloadEntry'];
export type Sidecar = Kinds['Sidecar'];
/** A WorkloadEntry's, or an endpoint of a ServiceEntry. */
export type WorkloadFields = WorkloadEntry['spec'];

/** `namespace/name`, or the name alone of what lives in no namespace. */
export const objectKey = ({ namespace, name }: Pick<Metadata, 'namespace' | 'name'>): string =>
  namespace === undefined || namespace === '' ? name : internal(`${namespace}/${name}`);
