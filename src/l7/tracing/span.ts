/** A finished span: plain data, made only for requests that are sampled. */

export interface Span {
  /** 32 digits, or 16 where the trace came with so many. */
  readonly traceId: string;
  /** 16 digits. */
  readonly spanId: string;
  /** Empty: the trace begins here. */
  readonly parentId: string;
  readonly kind: 'client' | 'server';
  readonly name: string;
  /** Zipkin's and Jaeger's name of whoever reports it. */
  readonly service: string;
  /** Wall clock, in milliseconds with fractions. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly tags: readonly (readonly [key: string, value: string])[];
  readonly failed: boolean;
}
