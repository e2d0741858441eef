/** What a worker would do with a request. Plain data, from the routing that requests themselves go through. */

/** In the place of a pod: the request comes from outside, to a port of this node's Gateways. */
export const GATEWAY_CLIENT = 'gateway';

export interface ExplainQuestion {
  /** Key of the enrolled pod that would send it, or `GATEWAY_CLIENT`. */
  readonly pod: string;
  /** Where its connection would go; at a gateway only the port counts. */
  readonly ip: string;
  readonly port: number;
  /** The request's head as on the wire of HTTP/1. */
  readonly head: string;
}

export type Explanation = ExplainRefusal | ExplainedRequest;

/** It cannot be said. */
export interface ExplainRefusal {
  readonly verdict: 'unknown-pod' | 'unknown-port' | 'bad-request';
  readonly why: string;
}

export interface ExplainedRequest {
  /**
   * `route`: a rule matches. `no-route`: its host has no rule for it. `no-host`: no Gateway has its host. `pass-through`: to its original
   * destination. `blocked`: its host is unknown, and that is not allowed. `opaque`: the connection is not looked into.
   */
  readonly verdict: 'route' | 'no-route' | 'no-host' | 'pass-through' | 'blocked' | 'opaque';
  /** Of the configuration that the worker serves. */
  readonly version: number;
  /** As the address's port declares it. */
  readonly protocol: string;
  /** It is a call of gRPC, which is refused with a status of gRPC. */
  readonly grpc: boolean;
  /** Key of its record; null: no virtual host has the name. */
  readonly host: string | null;
  /** All of that host, in order. */
  readonly routes: readonly ExplainedRoute[];
  /** Index of the one that matches; −1: none does. */
  readonly matched: number;
  /** A browser asks whether it may send another request: the rule's CORS policy answers, and nothing is forwarded. */
  readonly preflight: boolean;
  /** Of the whole request, grpc-timeout included; 0: none. */
  readonly timeoutMs: number;
  readonly destinations: readonly ExplainedDestination[];
  readonly mirrors: readonly ExplainedDestination[];
}

export interface ExplainedRoute {
  readonly name: string;
  /** Whether each of its conditions holds, in the order of `RouteMatch`. */
  readonly conditions: readonly boolean[];
}

export interface ExplainedDestination {
  /** Id of the cluster; empty: the original destination. */
  readonly cluster: string;
  /** Of the requests that match, from 0 to 1. */
  readonly share: number;
  /** There is no such cluster: 503 with NC. */
  readonly missing: boolean;
  /** What decides among the endpoints: the balancer, or the request's key by consistent hashing. */
  readonly by: 'balancer' | 'key' | 'original destination';
  readonly endpoints: readonly ExplainedEndpoint[];
}

export interface ExplainedEndpoint {
  readonly address: string;
  readonly port: number;
  readonly pod: string;
  /** That it is picked first, from 0 to 1, given the destination. */
  readonly chance: number;
  /** Under way, in this worker. */
  readonly active: number;
}
