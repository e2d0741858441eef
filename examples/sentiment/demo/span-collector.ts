/** Takes spans as a Zipkin server does, and says who is whose child. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { text } from 'node:stream/consumers';

/** As istio/telemetry.yaml has it. */
const PORT = 29_411;

/** Of Zipkin's v2 JSON, what is shown. */
export interface Span {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly kind: string;
  readonly name: string;
  /** Microseconds. */
  readonly duration: number;
  readonly localEndpoint: { readonly serviceName: string };
  readonly tags: Readonly<Record<string, string>>;
}

export class SpanCollector {
  readonly spans: Span[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      void text(request).then((body) => {
        this.spans.push(...(JSON.parse(body) as Span[]));
        response.writeHead(202).end();
      });
    });
  }

  static async open(): Promise<SpanCollector> {
    const collector = new SpanCollector();
    collector.#server.listen(PORT, '127.0.0.1');
    await once(collector.#server, 'listening');
    return collector;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** The trace that has a span of this request, from its root down, each with the number of spans above it. */
  trace(requestId: string): { readonly span: Span; readonly depth: number }[] {
    const traceId = this.spans.find(({ tags }) => tags['guid:x-request-id'] === requestId)?.traceId;
    const own = this.spans.filter((span) => span.traceId === traceId);
    const below = (parent: Span | null, depth: number): { span: Span; depth: number }[] =>
      own.filter((span) => isChild(span, parent, own)).flatMap((span) => [{ span, depth }, ...below(span, depth + 1)]);
    return below(null, 0);
  }
}

function isChild({ parentId }: Span, parent: Span | null, all: readonly Span[]): boolean {
  return parent === null ? !all.some(({ id }) => id === parentId) : parentId === parent.id;
}
