/** What is told of the traffic of a workload or gateway. */

export interface TelemetryConfig {
  /** Null: no span is made, and no header of a trace is read or written. */
  readonly tracing: TracingConfig | null;
  /** Each writes its own line. */
  readonly accessLogs: readonly AccessLogConfig[];
  /** None: Istio's metrics with Istio's labels. */
  readonly metrics?: MetricsConfig;
}

/** Whether something has to be kept of a request, beside what its record says, to tell of it so. */
export function asksOfRequests({ accessLogs, metrics }: Pick<TelemetryConfig, 'accessLogs' | 'metrics'>): boolean {
  const changes = Object.values(metrics?.changes ?? {});
  return accessLogs.length > 0 || changes.some(({ tags }) => tags.some(({ value }) => value !== null && value.kind !== 'literal'));
}

/** The metrics of Istio's Telemetry API, by the name that it has for each. */
export const METRICS = {
  REQUEST_COUNT: 'istio_requests_total',
  REQUEST_DURATION: 'istio_request_duration_milliseconds',
  REQUEST_SIZE: 'istio_request_bytes',
  RESPONSE_SIZE: 'istio_response_bytes',
  TCP_OPENED_CONNECTIONS: 'istio_tcp_connections_opened_total',
  TCP_CLOSED_CONNECTIONS: 'istio_tcp_connections_closed_total',
  TCP_SENT_BYTES: 'istio_tcp_sent_bytes_total',
  TCP_RECEIVED_BYTES: 'istio_tcp_received_bytes_total',
  GRPC_REQUEST_MESSAGES: 'istio_request_messages_total',
  GRPC_RESPONSE_MESSAGES: 'istio_response_messages_total',
} as const;
export type MetricName = (typeof METRICS)[keyof typeof METRICS];

/** How the metrics of one side of a workload's traffic differ from Istio's. */
export interface MetricsConfig {
  /** Metrics that are not here are as Istio has them. */
  readonly changes: Readonly<Partial<Record<MetricName, MetricChange>>>;
  /** Milliseconds between the reports of a connection that is passed through; absent: Istio's five seconds. */
  readonly reportMs?: number;
}

export interface MetricChange {
  readonly disabled: boolean;
  readonly tags: readonly TagChange[];
}

export interface TagChange {
  readonly name: string;
  /** Null: the tag is removed. */
  readonly value: TagValue | null;
}

/** The value of a tag in the part of CEL that is served. An attribute that is not there is `unknown`. */
export type TagValue =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'attribute'; readonly of: LogAttribute }
  | { readonly kind: 'choice'; readonly condition: LogFilter; readonly whenTrue: TagValue; readonly otherwise: TagValue };

export interface AccessLogConfig {
  /** Path of the file; `/dev/stdout` is the agent's own. */
  readonly sink: string;
  readonly line: LogLine;
  /** Null: every exchange and connection has a line. */
  readonly filter: LogFilter | null;
}

export type LogLine =
  | { readonly kind: 'text'; readonly parts: readonly LogPart[] }
  /** One object a line. A part that is one command alone keeps its type: numbers are numbers, and what is missing is null. */
  | { readonly kind: 'json'; readonly fields: readonly LogField[] };

export type LogField = readonly [key: string, parts: readonly LogPart[]];

/** Literal text, or a command operator of Envoy's access log. */
export type LogPart = string | LogCommand;

export interface LogCommand {
  /** Of `LOG_COMMANDS`. */
  readonly command: LogCommandName;
  /** Names of headers in lower case, of which the first that is there counts; or the format of a time. */
  readonly names: readonly string[];
  /** Characters that are kept; 0: all. */
  readonly most: number;
}

/** Envoy's command operators that are written; the others that Envoy has write `-`. */
export const LOG_COMMANDS = [
  'REQ',
  'RESP',
  'START_TIME',
  'PROTOCOL',
  'RESPONSE_CODE',
  'RESPONSE_CODE_DETAILS',
  'RESPONSE_FLAGS',
  'CONNECTION_TERMINATION_DETAILS',
  'UPSTREAM_TRANSPORT_FAILURE_REASON',
  'BYTES_RECEIVED',
  'BYTES_SENT',
  'DURATION',
  'REQUEST_DURATION',
  'RESPONSE_DURATION',
  'RESPONSE_TX_DURATION',
  'UPSTREAM_HOST',
  'UPSTREAM_CLUSTER',
  'UPSTREAM_LOCAL_ADDRESS',
  'DOWNSTREAM_LOCAL_ADDRESS',
  'DOWNSTREAM_REMOTE_ADDRESS',
  'DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT',
  'REQUESTED_SERVER_NAME',
  'ROUTE_NAME',
  'UPSTREAM_REQUEST_ATTEMPT_COUNT',
  'REQUEST_HEADERS_BYTES',
  'RESPONSE_HEADERS_BYTES',
  'TRACE_ID',
  'SPAN_ID',
  'HOSTNAME',
  'NOTHING',
] as const;
export type LogCommandName = (typeof LOG_COMMANDS)[number];

/** A condition in the part of CEL that access logs use, as a tree. */
export type LogFilter =
  | { readonly op: 'and' | 'or'; readonly terms: readonly LogFilter[] }
  | { readonly op: 'not'; readonly term: LogFilter }
  | { readonly op: 'has'; readonly of: LogAttribute }
  | { readonly op: '==' | '!=' | '<' | '<=' | '>' | '>='; readonly left: LogAttribute; readonly right: number | string | boolean }
  | { readonly op: 'startsWith' | 'endsWith' | 'contains'; readonly left: LogAttribute; readonly right: string }
  | { readonly op: 'in'; readonly left: LogAttribute; readonly right: readonly (number | string)[] };

export interface LogAttribute {
  readonly name:
    | 'response.code'
    | 'response.code_details'
    | 'response.flags'
    | 'response.total_size'
    | 'request.method'
    | 'request.path'
    | 'request.url_path'
    | 'request.host'
    | 'request.protocol'
    | 'request.size'
    | 'request.duration'
    | 'request.headers'
    | 'destination.address'
    | 'destination.port'
    | 'xds.cluster_name'
    | 'xds.route_name';
  /** Of `request.headers`, in lower case. */
  readonly header: string;
}

/** How trace contexts travel in headers: Zipkin's B3 (https://github.com/openzipkin/b3-propagation) or W3C Trace Context. */
export type Propagation = 'b3' | 'w3c';

export interface TracingConfig {
  /** Where spans go: key of an exporter of the agent. */
  readonly provider: string;
  readonly propagation: Propagation;
  /** Of requests whose context has no decision: hundredths of a percent, 0 to 10 000 (Istio's randomSamplingPercentage). */
  readonly sampling: number;
  /** Draw by x-request-id, and write the decision there (Istio's useRequestIdForTraceSampling). */
  readonly useRequestId: boolean;
  /** False: contexts are passed on, and no span is reported (disableSpanReporting). */
  readonly report: boolean;
  /** False: requests leave without the context (disableContextPropagation). */
  readonly propagate: boolean;
  /** Characters of a path in a tag (max_path_tag_length). */
  readonly maxPathLength: number;
  /** Tags that say where the proxy is: Istio's canonical service, mesh and so on. */
  readonly fixedTags: readonly SpanTag[];
  readonly headerTags: readonly HeaderTag[];
}

export type SpanTag = readonly [key: string, value: string];

/** The value of a request header, or the default; neither: no tag. */
export interface HeaderTag {
  readonly key: string;
  /** In lower case. */
  readonly header: string;
  readonly byDefault: string;
}
