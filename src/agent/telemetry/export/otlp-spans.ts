/** Spans in OTLP by gRPC or HTTP, with the exporters of OpenTelemetry's SDK. They are loaded only where a provider asks for them. */
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { SocketAddress } from '../../../base/socket-address.ts';
import type { Span } from '../../../l7/tracing/span.ts';
import { spanOf } from '../../../l7/tracing/span-line.ts';
import type { ExporterConfig } from '../../model/compile/index.ts';
import { grpcSettings, hrTime, OtlpSender, SCOPE, type SdkExporter, urlOf } from './otlp-sender.ts';

/** Of @opentelemetry/api's TraceFlags. */
const SAMPLED = 1;

/** Of @opentelemetry/api: SpanKind and SpanStatusCode, which are numbers of the protocol. */
const SPAN_KIND = { server: 1, client: 2 } as const;
const STATUS = { unset: 0, error: 2 } as const;

type Resource = ReadableSpan['resource'];

export async function otlpSpans(config: ExporterConfig, address: SocketAddress): Promise<OtlpSender<Buffer, ReadableSpan>> {
  const { resourceFromAttributes } = await import('@opentelemetry/resources');
  const exporter = config.protocol === 'otlp-grpc' ? await grpc(config, address) : await http(config, address);
  /** By name of the service. */
  const resources = new Map<string, Resource>();
  return new OtlpSender(exporter, (line) => {
    const span = spanOf(line);
    let resource = resources.get(span.service);
    if (resource === undefined) resources.set(span.service, (resource = resourceFromAttributes({ 'service.name': span.service })));
    return readable(span, resource);
  });
}

function readable(span: Span, resource: Resource): ReadableSpan {
  // OTLP knows ids of 128 bits only.
  const traceId = span.traceId.padStart(32, '0');
  const context = (spanId: string) => ({ traceId, spanId, traceFlags: SAMPLED });
  return {
    name: span.name,
    kind: SPAN_KIND[span.kind],
    spanContext: () => context(span.spanId),
    ...(span.parentId !== '' && { parentSpanContext: context(span.parentId) }),
    startTime: hrTime(span.startMs),
    endTime: hrTime(span.startMs + span.durationMs),
    duration: hrTime(span.durationMs),
    status: { code: span.failed ? STATUS.error : STATUS.unset },
    attributes: Object.fromEntries(span.tags),
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: SCOPE,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

async function grpc(config: ExporterConfig, address: SocketAddress): Promise<SdkExporter<ReadableSpan>> {
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-grpc');
  return new OTLPTraceExporter(await grpcSettings(config, address));
}

async function http({ path, headers, timeoutMs }: ExporterConfig, address: SocketAddress): Promise<SdkExporter<ReadableSpan>> {
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
  const slash = path.startsWith('/') ? '' : '/';
  return new OTLPTraceExporter({ url: `${urlOf(address)}${slash}${path}`, timeoutMillis: timeoutMs, headers: Object.fromEntries(headers) });
}
