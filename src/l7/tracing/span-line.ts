/**
 * Spans on their way to the control thread: a line of Zipkin's JSON, version 2 (https://zipkin.io/zipkin-api/), for each. A collector of
 * Zipkin's gets it as it is; other protocols read it again.
 */
import type { Span } from './span.ts';

interface ZipkinSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly kind: 'CLIENT' | 'SERVER';
  readonly name: string;
  /** Microseconds since the epoch. */
  readonly timestamp: number;
  readonly duration: number;
  readonly localEndpoint: { readonly serviceName: string };
  readonly tags: Readonly<Record<string, string>>;
}

/** Without the end of the line. */
export function spanLine(span: Span): string {
  const zipkin: ZipkinSpan = {
    traceId: span.traceId,
    id: span.spanId,
    ...(span.parentId !== '' && { parentId: span.parentId }),
    kind: span.kind === 'client' ? 'CLIENT' : 'SERVER',
    name: span.name,
    timestamp: Math.round(span.startMs * 1000),
    duration: Math.max(1, Math.round(span.durationMs * 1000)),
    localEndpoint: { serviceName: span.service },
    tags: Object.fromEntries(span.tags),
  };
  return JSON.stringify(zipkin);
}

/** @param line as spanLine wrote it. */
export function spanOf(line: Buffer): Span {
  const { traceId, id, parentId = '', kind, name, timestamp, duration, localEndpoint, tags } = JSON.parse(line.toString()) as ZipkinSpan;
  return {
    traceId,
    spanId: id,
    parentId,
    kind: kind === 'CLIENT' ? 'client' : 'server',
    name,
    service: localEndpoint.serviceName,
    startMs: timestamp / 1000,
    durationMs: duration / 1000,
    tags: Object.entries(tags),
    failed: tags['error'] === 'true',
  };
}
