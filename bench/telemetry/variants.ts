/** Agents that tell more or less of the same traffic, whose callee is a pod of this node: one pass reports for both sides. */
import { join } from 'node:path';
import { nodewayWith } from '../proxies/nodeway.ts';
import type { Place, Proxy } from '../proxies/proxy.ts';

/** The endpoints' address, as an enrolled pod's. */
const POD = `---
apiVersion: v1
kind: Pod
metadata: { name: first, namespace: bench, labels: { app: first, version: v1 }, annotations: { nodeway.io/enroll: 'true' } }
spec: { nodeName: bench, containers: [{ name: first, image: example }] }
status: { phase: Running, podIP: 127.0.0.1, podIPs: [{ ip: 127.0.0.1 }], conditions: [{ type: Ready, status: 'True' }] }
`;

function mesh(fields: unknown): string {
  const data = { mesh: JSON.stringify(fields) };
  return `---\n${JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'istio', namespace: 'istio-system' }, data })}\n`;
}

function telemetry(spec: unknown): string {
  const metadata = { name: 'mesh', namespace: 'istio-system' };
  return `---\n${JSON.stringify({ apiVersion: 'telemetry.istio.io/v1', kind: 'Telemetry', metadata, spec })}\n`;
}

export const OFF = 'off';
export const FULL = 'full';
export const TRACED: readonly string[] = ['traces', FULL];

/** @param collector port of this machine that takes spans as Zipkin does. @param logs gets the file of each that has a log, by its name. */
export function variants(collector: number, logs: Map<string, string>): readonly Proxy[] {
  const zipkin = { name: 'zipkin', zipkin: { service: '127.0.0.1', port: collector } };
  const traced = telemetry({ tracing: [{ providers: [{ name: 'zipkin' }], randomSamplingPercentage: 1 }] });
  const log = (name: string, { directory }: Place): object => {
    const accessLogFile = join(directory, 'access.log');
    logs.set(name, accessLogFile);
    return { accessLogFile, accessLogEncoding: 'JSON' };
  };
  return [
    nodewayWith({ name: OFF, describes: 'no metrics', documents: () => POD + mesh({ defaultProviders: { metrics: [] } }) }),
    nodewayWith({ name: 'metrics', describes: 'metrics of both reporters', documents: () => POD }),
    nodewayWith({ name: 'traces', describes: 'and 1 % of traces', documents: () => POD + mesh({ extensionProviders: [zipkin] }) + traced }),
    nodewayWith({ name: 'log', describes: 'metrics and a log of JSON', documents: (place) => POD + mesh(log('log', place)) }),
    nodewayWith({
      name: FULL,
      describes: 'metrics, 1 % of traces and a log of JSON',
      documents: (place) => POD + mesh({ ...log(FULL, place), extensionProviders: [zipkin] }) + traced,
    }),
  ];
}

/** One whose series differ by a header, so that a few requests make as many as anybody wants. @param metrics its port. */
export function manySeries(metrics: number): Proxy {
  const tags = { series: { value: "request.headers['x-series']" } };
  const overrides = ['REQUEST_COUNT', 'REQUEST_DURATION', 'REQUEST_SIZE', 'RESPONSE_SIZE'].map((metric) => ({
    match: { metric },
    tagOverrides: tags,
  }));
  return nodewayWith({
    name: 'series',
    describes: 'a hundred thousand series',
    documents: () => POD + telemetry({ metrics: [{ overrides }] }),
    metricsAddress: `127.0.0.1:${metrics}`,
  });
}
