/** Records of access logs in OTLP by gRPC, with the exporter of OpenTelemetry's SDK. It is loaded only where a provider asks for it. */
import type { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-grpc';
import type { SocketAddress } from '../../../base/socket-address.ts';
import type { ExporterConfig } from '../../model/compile/index.ts';
import type { LogRecord } from '../log-record.ts';
import { grpcSettings, hrTime, OtlpSender, SCOPE } from './otlp-sender.ts';

type ReadableLog = Parameters<OTLPLogExporter['export']>[0][number];

/** A record may know its trace and no span, and the SDK wants one: nobody's. */
const NO_SPAN = '0000000000000000';
/** As Envoy's logger (source/extensions/access_loggers/open_telemetry): the trace is told of sampled and other requests alike. */
const NO_FLAGS = 0;

export async function otlpLogs(config: ExporterConfig, address: SocketAddress): Promise<OtlpSender<LogRecord, ReadableLog>> {
  const { OTLPLogExporter: Exporter } = await import('@opentelemetry/exporter-logs-otlp-grpc');
  const { resourceFromAttributes } = await import('@opentelemetry/resources');
  const resource = resourceFromAttributes({ log_name: config.logName ?? '' });
  return new OtlpSender(new Exporter(await grpcSettings(config, address)), ({ atMs, traceId, spanId, body, attributes }) => ({
    hrTime: hrTime(atMs),
    hrTimeObserved: hrTime(atMs),
    ...(traceId !== '' && { spanContext: { traceId: traceId.padStart(32, '0'), spanId: spanId || NO_SPAN, traceFlags: NO_FLAGS } }),
    body,
    attributes,
    resource,
    instrumentationScope: SCOPE,
    droppedAttributesCount: 0,
  }));
}
