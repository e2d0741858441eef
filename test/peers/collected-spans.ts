/** Spans as collectors have them, in one shape, and whether those of a request through the demonstration's application are whole. */

export interface CollectedSpan {
  readonly traceId: string;
  readonly id: string;
  /** Empty: none. */
  readonly parentId: string;
  readonly kind: string;
  readonly service: string;
  readonly url: string;
}

/** Who reports what, in order: each is the child of the one before. */
export const COMPLETE = [
  'SERVER istio-ingressgateway',
  'CLIENT istio-ingressgateway',
  'SERVER sa-web-app',
  'CLIENT sa-web-app',
  'SERVER sa-logic',
];

interface ZipkinSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly kind: string;
  readonly localEndpoint: { readonly serviceName: string };
  readonly tags: Readonly<Record<string, string>>;
}

/** Of Zipkin's answer to /api/v2/traces. */
export function zipkinSpans(traces: unknown): CollectedSpan[] {
  return (traces as readonly (readonly ZipkinSpan[])[]).flat().map(({ traceId, id, parentId = '', kind, localEndpoint, tags }) => {
    return { traceId, id, parentId, kind, service: localEndpoint.serviceName, url: tags['http.url'] ?? '' };
  });
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string };
}

interface OtlpTraces {
  readonly resourceSpans?: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly traceId: string;
        readonly spanId: string;
        readonly parentSpanId?: string;
        readonly kind: string;
        readonly attributes: readonly Attribute[];
      }[];
    }[];
  }[];
}

/** Of a message of OTLP as JSON of protobuf: bytes are base64. */
export function otlpSpans(message: unknown): CollectedSpan[] {
  const { resourceSpans = [] } = message as OtlpTraces;
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = attribute(resource.attributes, 'service.name');
    return scopeSpans.flatMap(({ spans }) =>
      spans.map(({ traceId, spanId, parentSpanId = '', kind, attributes }) => ({
        traceId: hex(traceId),
        id: hex(spanId),
        parentId: hex(parentSpanId),
        kind: kind.replace('SPAN_KIND_', ''),
        service,
        url: attribute(attributes, 'http.url'),
      })),
    );
  });
}

interface OtlpLogs {
  readonly resourceLogs?: readonly {
    readonly scopeLogs: readonly {
      readonly logRecords: readonly {
        readonly traceId?: string;
        readonly spanId?: string;
        readonly body: { readonly stringValue?: string };
        readonly attributes?: readonly Attribute[];
      }[];
    }[];
  }[];
}

export interface CollectedLog {
  readonly traceId: string;
  readonly spanId: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string | undefined>>;
}

export function otlpLogs(message: unknown): CollectedLog[] {
  const { resourceLogs = [] } = message as OtlpLogs;
  const records = resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords));
  return records.map(({ traceId = '', spanId = '', body, attributes = [] }) => ({
    traceId: hex(traceId),
    spanId: hex(spanId),
    body: body.stringValue ?? '',
    attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue])),
  }));
}

/** The spans of the trace that has a span of this URL, from the one that began it to the last. */
export function traceOf(spans: readonly CollectedSpan[], url: string): CollectedSpan[] {
  const traceId = spans.find((span) => span.url.endsWith(url))?.traceId;
  const own = spans.filter((span) => span.traceId === traceId);
  const chain = own.filter(({ parentId }) => !own.some(({ id }) => id === parentId)).slice(0, 1);
  for (let next = chain[0]; next !== undefined; next = own.find(({ parentId }) => parentId === chain.at(-1)?.id)) {
    if (next !== chain[0]) chain.push(next);
  }
  return chain;
}

/** As in COMPLETE. */
export function placesOf(chain: readonly CollectedSpan[]): string[] {
  return chain.map(({ kind, service }) => `${kind} ${service.replace(/\..*/, '')}`);
}

function attribute(attributes: readonly Attribute[], name: string): string {
  return attributes.find(({ key }) => key === name)?.value.stringValue ?? '';
}

function hex(base64: string): string {
  return Buffer.from(base64, 'base64').toString('hex');
}
