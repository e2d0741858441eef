/** One request and its response as a person is told of it: by `nodeway tap`, `GET /requests` and the console. Plain data. */

export interface ToldPeer {
  /** `namespace/name`; `unknown` for whoever is no known pod. */
  readonly pod: string;
  readonly namespace: string;
  readonly workload: string;
  /** Canonical service and its revision. */
  readonly service: string;
  readonly version: string;
}

export interface ToldRequest {
  /** Of its head's arrival, in milliseconds since the epoch. */
  readonly at: number;
  /** Who accepted it: the listener of the pod that sent it, of the pod that it is for, or a gateway's port. */
  readonly side: 'outbound' | 'inbound' | 'gateway';
  readonly source: ToldPeer;
  /** Of the last attempt. */
  readonly destination: ToldPeer;
  /** IP address of the client, and `ip:port` where it was going. */
  readonly client: string;
  readonly target: string;
  readonly method: string;
  readonly authority: string;
  /** With its query, as Envoy's access log has it; at most 1024 characters. */
  readonly path: string;
  readonly protocol: string;
  /** Host of the service; `PassthroughCluster` and such where there is none. */
  readonly service: string;
  /** Empty: no rule matched, or none was asked. */
  readonly route: string;
  /** Istio's name of it. */
  readonly cluster: string;
  /** `ip:port` of the last attempt; empty: there was none. */
  readonly endpoint: string;
  readonly attempts: number;
  /** `ip:port` of endpoints that failed before, where the retry policy passes them over. */
  readonly tried: readonly string[];
  /** That the client saw; 0: none. */
  readonly status: number;
  /** Of gRPC; null: it is none. */
  readonly grpcStatus: number | null;
  /** Envoy's; `-`: none. */
  readonly flags: string;
  /** Envoy's %RESPONSE_CODE_DETAILS%. */
  readonly details: string;
  /** Content of the bodies. */
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Milliseconds from `at`: the last attempt began, the head of the response came, the whole of it was over. Null: that did not happen. */
  readonly sentAfterMs: number | null;
  readonly answeredAfterMs: number | null;
  readonly durationMs: number;
  readonly requestId: string;
  /** Empty: it is not traced. */
  readonly traceId: string;
}
