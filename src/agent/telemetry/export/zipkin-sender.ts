/** Zipkin's JSON, version 2 (https://zipkin.io/zipkin-api/), by HTTP on a connection that is kept. */
import type { Agent } from 'node:http';
import type { SocketAddress } from '../../../base/socket-address.ts';
import type { ExporterConfig } from '../../model/compile/index.ts';

// An import statement would load more of the module than this needs: see admin/http-server.ts.
const { Agent: HttpAgent, request } = process.getBuiltinModule('node:http');

const [OPEN, COMMA, CLOSE] = ['[', ',', ']'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];

export class ZipkinSender {
  readonly #config: ExporterConfig;
  readonly #address: SocketAddress;
  readonly #agent: Agent = new HttpAgent({ keepAlive: true, maxSockets: 1 });

  constructor(config: ExporterConfig, address: SocketAddress) {
    this.#config = config;
    this.#address = address;
  }

  /** @param spans as they are sent. */
  send(spans: readonly Buffer[]): Promise<void> {
    const { host, port, path, timeoutMs } = this.#config;
    const body = Buffer.concat([OPEN, ...spans.flatMap((span, index) => (index === 0 ? [span] : [COMMA, span])), CLOSE]);
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
