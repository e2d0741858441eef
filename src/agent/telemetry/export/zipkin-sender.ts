/** Zipkin's JSON, version 2 (https://zipkin.io/zipkin-api/), by HTTP on a connection that is kept. */
import type { Agent } from 'node:http';
import type { SocketAddress } from '../../../base/socket-address.ts';
import type { Span } from '../../../l7/tracing/span.ts';
import type { ExporterConfig } from '../../model/compile/index.ts';

// An import statement would load more of the module than this needs: see admin/http-server.ts.
const { Agent: HttpAgent, request } = process.getBuiltinModule('node:http');

export class ZipkinSender {
  readonly #config: ExporterConfig;
  readonly #address: SocketAddress;
  readonly #agent: Agent = new HttpAgent({ keepAlive: true, maxSockets: 1 });

  constructor(config: ExporterConfig, address: SocketAddress) {
    this.#config = config;
    this.#address = address;
  }

  send(spans: readonly Span[]): Promise<void> {
    const { host, port, path, timeoutMs } = this.#config;
    const body = Buffer.from(JSON.stringify(spans.map(zipkinSpan)));
    const headers = { 'content-type': 'application/json', 'content-length': body.length, host: `${host}:${port}` };
    return new Promise((done, failed) => {
      const sent = request(
        { host: this.#address.ip, port: this.#address.port, path, method: 'POST', headers, agent: this.#agent, timeout: timeoutMs },
        (response) => {
          response.resume();
          response.on('error', failed);
          response.on('end', () => {
            const { statusCode = 0 } = response;
            if (statusCode < 300) done();
            else failed(new Error(`the collector answered ${statusCode}`));
          });
        },
      );
      sent.on('timeout', () => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)));
      sent.on('error', failed);
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function zipkinSpan(span: Span): object {
  return {
    traceId: span.traceId,
    id: span.spanId,
    ...(span.parentId !== '' && { parentId: span.parentId }),
    kind: span.kind.toUpperCase(),
    name: span.name,
    timestamp: Math.round(span.startMs * 1000),
    duration: Math.max(1, Math.round(span.durationMs * 1000)),
    localEndpoint: { serviceName: span.service },
    tags: Object.fromEntries(span.tags),
  };
}
