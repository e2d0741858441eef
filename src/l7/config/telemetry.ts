/** What is told of the traffic of a workload or gateway, besides its metrics. */

export interface TelemetryConfig {
  /** Null: no span is made, and no header of a trace is read or written. */
  readonly tracing: TracingConfig | null;
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
