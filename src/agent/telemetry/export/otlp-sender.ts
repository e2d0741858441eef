/** OTLP by gRPC or HTTP, with the exporters of OpenTelemetry's SDK. They are loaded only where a provider asks for them. */
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { type SocketAddress, socketText } from '../../../base/socket-address.ts';
import type { Span } from '../../../l7/tracing/span.ts';
import type { ExporterConfig } from '../../model/compile/index.ts';

/** Of @opentelemetry/api: SpanKind, SpanStatusCode and TraceFlags, which are numbers of the protocol. */
const SPAN_KIND = { server: 1, client: 2 } as const;
const STATUS = { unset: 0, error: 2 } as const;
const SAMPLED = 1;
/** Of @opentelemetry/core's ExportResultCode. */
const SUCCESS = 0;

interface Exporter {
  export(spans: ReadableSpan[], done: (result: { readonly code: number; readonly error?: Error }) => void): void;
  shutdown(): Promise<void>;
}

type ResourceMaker = (typeof import('@opentelemetry/resources'))['resourceFromAttributes'];

export class OtlpSender {
  readonly #exporter: Exporter;
  readonly #resourceOf: ResourceMaker;
  /** By name of the service. */
  readonly #resources = new Map<string, ReturnType<ResourceMaker>>();

  private constructor(exporter: Exporter, resourceOf: ResourceMaker) {
    this.#exporter = exporter;
    this.#resourceOf = resourceOf;
  }

  static async open(config: ExporterConfig, address: SocketAddress): Promise<OtlpSender> {
    const { resourceFromAttributes } = await import('@opentelemetry/resources');
    return new OtlpSender(
      config.protocol === 'otlp-grpc' ? await grpc(config, address) : await http(config, address),
      resourceFromAttributes,
    );
  }

  send(spans: readonly Span[]): Promise<void> {
    return new Promise((done, failed) => {
      this.#exporter.export(
        spans.map((span) => this.#readable(span)),
        ({ code, error }) => {
          if (code === SUCCESS) done();
          else failed(error ?? new Error('the exporter says no reason'));
        },
      );
    });
  }

  close(): void {
    void this.#exporter.shutdown();
  }

  #readable(span: Span): ReadableSpan {
    // OTLP knows ids of 128 bits only.
    const traceId = span.traceId.padStart(32, '0');
    const context = (spanId: string) => ({ traceId, spanId, traceFlags: SAMPLED });
    const start = hrTime(span.startMs);
    return {
      name: span.name,
      kind: SPAN_KIND[span.kind],
      spanContext: () => context(span.spanId),
      ...(span.parentId !== '' && { parentSpanContext: context(span.parentId) }),
      startTime: start,
      endTime: hrTime(span.startMs + span.durationMs),
      duration: hrTime(span.durationMs),
      status: { code: span.failed ? STATUS.error : STATUS.unset },
      attributes: Object.fromEntries(span.tags),
      links: [],
      events: [],
      ended: true,
      resource: this.#resourceOfService(span.service),
      instrumentationScope: { name: 'nodeway' },
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
    };
  }

  #resourceOfService(service: string): ReturnType<ResourceMaker> {
    let resource = this.#resources.get(service);
    if (resource === undefined) this.#resources.set(service, (resource = this.#resourceOf({ 'service.name': service })));
    return resource;
  }
}

async function grpc({ headers, timeoutMs }: ExporterConfig, address: SocketAddress): Promise<Exporter> {
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-grpc');
  const { Metadata } = await import('@grpc/grpc-js');
  const metadata = new Metadata();
  for (const [name, value] of headers) metadata.add(name, value);
  return new OTLPTraceExporter({ url: urlOf(address), timeoutMillis: timeoutMs, metadata });
}

async function http({ path, headers, timeoutMs }: ExporterConfig, address: SocketAddress): Promise<Exporter> {
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
  const slash = path.startsWith('/') ? '' : '/';
  return new OTLPTraceExporter({ url: `${urlOf(address)}${slash}${path}`, timeoutMillis: timeoutMs, headers: Object.fromEntries(headers) });
}

function urlOf({ ip, port }: SocketAddress): string {
  return `http://${socketText(ip, port)}`;
}

/** Seconds and nanoseconds. */
function hrTime(milliseconds: number): [number, number] {
  const seconds = Math.trunc(milliseconds / 1000);
  return [seconds, Math.round((milliseconds - seconds * 1000) * 1e6)];
}
