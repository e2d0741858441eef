/**
 * Objects in the API's own JSON shape: the fields that are read, as their authors wrote them. What Kubernetes writes as `null`
 * or leaves out is optional here; the schemas have checked the types of what is there.
 */

export interface OwnerReference {
  readonly kind: string;
  readonly name: string;
  readonly uid?: string;
  readonly controller?: boolean;
}

export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: StringMap | null;
  readonly annotations?: StringMap | null;
  readonly creationTimestamp?: string | null;
  readonly deletionTimestamp?: string | null;
  readonly ownerReferences?: readonly OwnerReference[] | null;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
}

export type StringMap = Readonly<Record<string, string>>;

export interface ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
}

export type Namespace = ApiObject;
export type Node = ApiObject;
export type ServiceAccount = ApiObject;

export interface ConfigMap extends ApiObject {
  readonly data?: StringMap | null;
}

export interface Secret extends ApiObject {
  readonly type?: string;
  /** Base64. */
  readonly data?: StringMap | null;
  readonly stringData?: StringMap | null;
}

export interface ContainerPort {
  readonly name?: string;
  readonly containerPort: number;
  readonly protocol?: string;
}

export interface Container {
  readonly name: string;
  readonly ports?: readonly ContainerPort[] | null;
  /** `Always` on an init container makes it a sidecar. */
  readonly restartPolicy?: string;
}

export interface PodSpec {
  readonly nodeName?: string;
  readonly hostNetwork?: boolean;
  readonly hostname?: string;
  readonly subdomain?: string;
  readonly serviceAccountName?: string;
  readonly containers?: readonly Container[] | null;
  readonly initContainers?: readonly Container[] | null;
}

export interface Condition {
  readonly type: string;
  readonly status: string;
}

export interface Pod extends ApiObject {
  readonly spec?: PodSpec;
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly podIPs?: readonly { readonly ip: string }[] | null;
    readonly conditions?: readonly Condition[] | null;
  };
}

export interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: string;
  readonly appProtocol?: string;
  /** A number, or the name of a container port. */
  readonly targetPort?: number | string;
}

export interface Service extends ApiObject {
  readonly spec?: {
    readonly type?: string;
    /** `None`: headless. */
    readonly clusterIP?: string;
    readonly clusterIPs?: readonly string[] | null;
    readonly ipFamilies?: readonly string[] | null;
    readonly externalName?: string;
    readonly selector?: StringMap | null;
    readonly publishNotReadyAddresses?: boolean;
    readonly ports?: readonly ServicePort[] | null;
  };
}

export interface SliceEndpoint {
  readonly addresses: readonly string[];
  readonly hostname?: string | null;
  readonly nodeName?: string | null;
  readonly conditions?: {
    readonly ready?: boolean | null;
    readonly serving?: boolean | null;
    readonly terminating?: boolean | null;
  } | null;
  readonly targetRef?: { readonly kind?: string; readonly name?: string; readonly namespace?: string } | null;
}

export interface EndpointSlice extends ApiObject {
  readonly addressType?: string;
  readonly endpoints?: readonly SliceEndpoint[] | null;
  readonly ports?: readonly { readonly name?: string | null; readonly port?: number | null; readonly protocol?: string | null }[] | null;
}

export interface EndpointAddress {
  readonly ip: string;
  readonly hostname?: string | null;
  readonly nodeName?: string | null;
  readonly targetRef?: { readonly kind?: string; readonly name?: string; readonly namespace?: string } | null;
}

/** Each subset has all of its addresses at all of its ports. */
export interface EndpointSubset {
  readonly addresses?: readonly EndpointAddress[] | null;
  readonly notReadyAddresses?: readonly EndpointAddress[] | null;
  readonly ports?: readonly { readonly name?: string | null; readonly port: number; readonly protocol?: string | null }[] | null;
}

export interface Endpoints extends ApiObject {
  readonly subsets?: readonly EndpointSubset[] | null;
}

interface Workload extends ApiObject {
  readonly spec?: { readonly template?: { readonly metadata?: Partial<Metadata> } };
}

export type Deployment = Workload;
export type ReplicaSet = Workload;
export type StatefulSet = Workload;
export type DaemonSet = Workload;
export type Job = Workload;
export type CronJob = ApiObject;

export interface Gateway extends ApiObject {
  readonly spec: GatewaySpec;
}

export interface GatewaySpec {
  readonly selector?: StringMap;
  readonly servers: readonly GatewayServer[];
}

export interface GatewayServer {
  readonly name?: string;
  readonly port: { readonly number: number; readonly protocol: string; readonly name?: string };
  readonly hosts: readonly string[];
  readonly tls?: unknown;
}

/** One of the three at most; none (or null): present. */
export interface StringCondition {
  readonly exact?: string;
  readonly prefix?: string;
  readonly regex?: string;
}

export type ConditionMap = Readonly<Record<string, StringCondition | null>>;

export interface HttpMatchRequest {
  readonly name?: string;
  readonly uri?: StringCondition;
  readonly scheme?: StringCondition;
  readonly method?: StringCondition;
  readonly authority?: StringCondition;
  readonly headers?: ConditionMap;
  readonly withoutHeaders?: ConditionMap;
  readonly queryParams?: ConditionMap;
  readonly port?: number;
  readonly sourceLabels?: StringMap;
  readonly sourceNamespace?: string;
  readonly gateways?: readonly string[];
  readonly ignoreUriCase?: boolean;
}

export interface Destination {
  readonly host: string;
  readonly subset?: string;
  readonly port?: { readonly number: number };
}

export interface HeaderOperationsSpec {
  readonly set?: StringMap;
  readonly add?: StringMap;
  readonly remove?: readonly string[];
}

export interface HeadersSpec {
  readonly request?: HeaderOperationsSpec;
  readonly response?: HeaderOperationsSpec;
}

export interface HttpRouteDestination {
  readonly destination: Destination;
  readonly weight?: number;
  readonly headers?: HeadersSpec;
}

export interface HttpRetry {
  readonly attempts?: number;
  readonly perTryTimeout?: string;
  readonly retryOn?: string;
  readonly retryIgnorePreviousHosts?: boolean;
  readonly backoff?: string;
}

export interface HttpRedirect {
  readonly uri?: string;
  readonly prefixRewrite?: string;
  readonly authority?: string;
  readonly port?: number;
  readonly derivePort?: 'FROM_PROTOCOL_DEFAULT' | 'FROM_REQUEST_PORT';
  readonly scheme?: 'http' | 'https';
  readonly redirectCode?: number;
}

export interface Percent {
  readonly value?: number;
}

export interface HttpRewrite {
  readonly uri?: string;
  readonly authority?: string;
  readonly uriRegexRewrite?: { readonly match: string; readonly rewrite: string };
}

export interface HttpRoute {
  readonly name?: string;
  readonly match?: readonly HttpMatchRequest[];
  readonly route?: readonly HttpRouteDestination[];
  readonly redirect?: HttpRedirect;
  readonly directResponse?: unknown;
  readonly delegate?: unknown;
  readonly rewrite?: HttpRewrite;
  readonly timeout?: string;
  readonly retries?: HttpRetry;
  readonly fault?: unknown;
  readonly mirror?: Destination;
  readonly mirrors?: readonly { readonly destination: Destination; readonly percentage?: Percent }[];
  readonly mirrorPercentage?: Percent;
  readonly mirrorPercent?: number;
  readonly headers?: HeadersSpec;
}

export interface VirtualService extends ApiObject {
  readonly spec: {
    readonly hosts?: readonly string[];
    readonly gateways?: readonly string[];
    readonly http?: readonly HttpRoute[];
  };
}

export interface ConsistentHash {
  readonly httpHeaderName?: string;
  readonly httpCookie?: { readonly name: string; readonly path?: string; readonly ttl?: string };
  readonly useSourceIp?: boolean;
  readonly httpQueryParameterName?: string;
  readonly ringHash?: { readonly minimumRingSize?: number };
  readonly maglev?: { readonly tableSize?: number };
  /** Deprecated form of `ringHash.minimumRingSize`. */
  readonly minimumRingSize?: number;
}

export interface LoadBalancer {
  readonly simple?: string;
  readonly consistentHash?: ConsistentHash;
}

export interface PolicyBlocks {
  readonly loadBalancer?: LoadBalancer;
  readonly connectionPool?: unknown;
  readonly outlierDetection?: unknown;
  readonly tls?: unknown;
}

export interface TrafficPolicy extends PolicyBlocks {
  readonly portLevelSettings?: readonly (PolicyBlocks & { readonly port: { readonly number: number } })[];
}

export interface Subset {
  readonly name: string;
  readonly labels?: StringMap;
  readonly trafficPolicy?: TrafficPolicy;
}

export interface DestinationRule extends ApiObject {
  readonly spec: { readonly host: string; readonly trafficPolicy?: TrafficPolicy; readonly subsets?: readonly Subset[] };
}

/** Every kind that is read, by name. */
export interface Kinds {
  readonly Namespace: Namespace;
  readonly Node: Node;
  readonly Pod: Pod;
  readonly Service: Service;
  readonly EndpointSlice: EndpointSlice;
  readonly Endpoints: Endpoints;
  readonly ServiceAccount: ServiceAccount;
  readonly Secret: Secret;
  readonly ConfigMap: ConfigMap;
  readonly Deployment: Deployment;
  readonly ReplicaSet: ReplicaSet;
  readonly StatefulSet: StatefulSet;
  readonly DaemonSet: DaemonSet;
  readonly Job: Job;
  readonly CronJob: CronJob;
  readonly Gateway: Gateway;
  readonly VirtualService: VirtualService;
  readonly DestinationRule: DestinationRule;
}

/** `namespace/name`, or the name alone of what lives in no namespace. */
export const objectKey = ({ namespace, name }: Metadata): string =>
  namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
