/** The endpoint for the node's monitoring: metrics, liveness and readiness. */
import type { Readiness } from '../readiness.ts';
import { HttpServer, type Routes, plain } from './http-server.ts';

export interface NodeEndpointSources {
  readonly readiness: Readiness;
  /** Prometheus text. */
  readonly metrics: () => Promise<string>;
}

export function nodeEndpoint(sources: NodeEndpointSources): HttpServer {
  const metrics = async () => ({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: await sources.metrics() });
  const routes: Routes = {
    'GET /metrics': metrics,
    // Istio's pod annotations send Prometheus here.
    'GET /stats/prometheus': metrics,
    'GET /healthz': () => plain('ok'),
    'GET /readyz': () => {
      const { readiness } = sources;
      const lines = readiness.report().map(({ gate, open, awaited }) => `${open ? '[+]' : '[-]'} ${gate}${open ? '' : `: ${awaited}`}`);
      return plain(lines.join('\n'), readiness.ready ? 200 : 503);
    },
  };
  return new HttpServer(routes, () => null);
}
