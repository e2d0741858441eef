/** The endpoint for the node's monitoring: metrics, liveness and readiness. */
import type { Readiness } from '../readiness.ts';
import type { Exposition } from '../telemetry/agent-metrics.ts';
import { gzipped, takesGzip } from './compressed.ts';
import { type Handler, HttpServer, type Routes, plain } from './http-server.ts';

const TYPES = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
} as const;

const VARY = { vary: 'accept, accept-encoding' };

export interface NodeEndpointSources {
  readonly readiness: Readiness;
  readonly metrics: Exposition;
}

export function nodeEndpoint(sources: NodeEndpointSources): HttpServer {
  const metrics: Handler = ({ headers }) => {
    const format = /application\/openmetrics-text/.test(headers.accept ?? '') ? 'openmetrics' : 'prometheus';
    const body = sources.metrics(format);
    const shared = { status: 200, type: TYPES[format] };
    if (!takesGzip(headers['accept-encoding'])) return { ...shared, headers: VARY, body };
    return { ...shared, headers: { ...VARY, 'content-encoding': 'gzip' }, body: gzipped(body) };
  };
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
