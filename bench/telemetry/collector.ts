/** Takes spans as Zipkin does, and counts them. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const SPAN = '"traceId"';
/** Of a request that is sampled: the gateway's, that of its way to the upstream, and the callee's. */
const SPANS = 3;
const SAMPLED = 0.01;
/** Requests are drawn. */
const LEAST_SHARE = 0.8;

export class Collector {
  spans = 0;
  readonly #server = createServer((request, response) => {
    let text = '';
    request.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      this.spans += text.split(SPAN).length - 1;
      response.writeHead(202).end();
    });
  });

  /** @returns its port. */
  async open(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** @param requests of which spans should have come. @returns what is missing, or null. */
  missing(requests: number): string | null {
    const wanted = Math.floor(requests * SAMPLED * SPANS * LEAST_SHARE);
    return this.spans >= wanted ? null : `${this.spans} spans came, at least ${wanted} should have`;
  }

  close(): void {
    this.#server.close();
  }
}
