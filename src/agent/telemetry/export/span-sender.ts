/** A collector, in the protocol that it speaks. */
import type { SocketAddress } from '../../../base/socket-address.ts';
import type { Span } from '../../../l7/tracing/span.ts';
import type { ExporterConfig } from '../../model/compile/index.ts';
import { OtlpSender } from './otlp-sender.ts';
import { ZipkinSender } from './zipkin-sender.ts';

export interface SpanSender {
  /** Resolves when the collector has taken them. @throws what went wrong. */
  send(spans: readonly Span[]): Promise<void>;
  close(): void;
}

export function openSender(config: ExporterConfig, address: SocketAddress): Promise<SpanSender> {
  return config.protocol === 'zipkin' ? Promise.resolve(new ZipkinSender(config, address)) : OtlpSender.open(config, address);
}
