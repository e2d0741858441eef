/** A collector, in the protocol that it speaks. */
import type { SocketAddress } from '../../../base/socket-address.ts';
import type { ExporterConfig } from '../../model/compile/index.ts';
import type { LogRecord } from '../log-record.ts';
import { otlpLogs } from './otlp-logs.ts';
import { otlpSpans } from './otlp-spans.ts';
import { ZipkinSender } from './zipkin-sender.ts';

export interface Sender<T> {
  /** Resolves when the collector has taken them. @throws what went wrong. */
  send(items: readonly T[]): Promise<void>;
  close(): void;
}

/** Of spans as their lines (src/l7/tracing/span-line.ts). */
export function openSpanSender(config: ExporterConfig, address: SocketAddress): Promise<Sender<Buffer>> {
  return config.protocol === 'zipkin' ? Promise.resolve(new ZipkinSender(config, address)) : otlpSpans(config, address);
}

export function openLogSender(config: ExporterConfig, address: SocketAddress): Promise<Sender<LogRecord>> {
  return otlpLogs(config, address);
}
