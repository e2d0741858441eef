/**
 * gRPC and bytes from pod to pod and through a gateway, and requests that no pod served, as Kiali asks Prometheus for them: each edge is
 * there from the reporters that it has, with all labels that Kiali needs, and with response times, throughput and security.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { KubeObject } from '../../examples/sentiment/demo/manifests.ts';
import { outcomeOf, until } from '../node/pod-network.ts';
import { type Direction, EDGE_METRICS, edgeQueries, graphQueries, lackingLabels } from './kiali.ts';
import type { Query } from './prometheus-server.ts';
import type { Sentiment } from './sentiment.ts';

const WINDOW = '60s';
const ECHO = fileURLToPath(new URL('echo-grpc-js.ts', import.meta.url));
const CALLS = { service: 'calls', port: 5000, name: 'grpc', gateway: 'GRPC', serve: [ECHO, 'server', '5000'] } as const;
const SERVE_BYTES = `require('net').createServer((s) => s.pipe(s)).listen(9000)`;
const BYTES = { service: 'bytes', port: 9000, name: 'tcp', gateway: 'TCP', serve: ['-e', SERVE_BYTES] } as const;
const CLIENT = 'client';
const GATEWAY = 'istio-ingressgateway';
const LISTENS_MS = 1000;

type Check = (holds: boolean, fault: string) => void;
type Run = (words: readonly string[]) => Promise<void>;

export async function tryProtocols(sentiment: Sentiment, query: Query, check: Check): Promise<void> {
  const servers: ChildProcess[] = [];
  try {
    for (const { service, serve } of [CALLS, BYTES]) {
      const { netns } = await sentiment.addPod(service);
      servers.push(spawn('ip', inside(netns, serve), { stdio: ['ignore', 'ignore', 'inherit'] }));
    }
    const { netns } = await sentiment.addPod(CLIENT);
    await sentiment.apply(...objects());
    await delay(LISTENS_MS);
    const fromPod: Run = (words) => succeeds('ip', inside(netns, words));
    const fromOutside: Run = (words) => succeeds(process.execPath, node(words));
    // Twice: what Prometheus has not seen before has no rate.
    for (let round = 0; round < 2; round++) {
      await askAll(fromPod, (service) => `${service}.default.svc.cluster.local`, 80);
      await askAll(fromOutside, () => new URL(sentiment.url).hostname, 81);
      await scraped(sentiment, query);
    }
    await tryEdges(query, check);
    for (const expression of edgeQueries('default', WINDOW)) check((await query(expression)).length > 0, `no answer to ${expression}`);
  } finally {
    for (const server of servers) server.kill('SIGKILL');
  }
}

const node = (words: readonly string[]): string[] => ['--disable-warning=ExperimentalWarning', ...words];
const inside = (netns: string, words: readonly string[]): string[] => ['netns', 'exec', netns, process.execPath, ...node(words)];

async function succeeds(command: string, words: readonly string[]): Promise<void> {
  const { code, stderr } = await outcomeOf(spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'] }));
  if (code !== 0) throw new Error(`${command} ${words.join(' ')} failed: ${stderr}`);
}

/** @param hostOf a service. @param gone port of the service without pods. */
async function askAll(run: Run, hostOf: (service: string) => string, gone: number): Promise<void> {
  await run(['-e', `fetch('http://${hostOf('gone')}:${gone}/').then((response) => process.exit(response.status === 503 ? 0 : 1))`]);
  await run(['-e', callOf(`${hostOf(CALLS.service)}:${CALLS.port}`)]);
  const bytes = `const s = require('net').connect(${BYTES.port}, '${hostOf(BYTES.service)}', () => s.write('bytes'))`;
  await run(['-e', `${bytes}; s.on('data', () => s.end())`]);
}

function callOf(address: string): string {
  const client = `new grpc.Client('${address}', grpc.credentials.createInsecure())`;
  const call = `makeUnaryRequest('/nodeway.peers.Echo/Unary', asIs, asIs, Buffer.from('x'), (error) => process.exit(error ? 1 : 0))`;
  return `const grpc = require('@grpc/grpc-js'); const asIs = (bytes) => bytes; ${client}.${call}`;
}

/** Everything that has been counted. */
async function scraped({ agent }: Sentiment, query: Query): Promise<void> {
  const metrics = await agent.metrics();
  for (const metric of ['istio_requests_total', 'istio_tcp_connections_closed_total']) {
    const lines = metrics.split('\n').filter((line) => line.startsWith(`${metric}{`));
    const total = lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    await until(async () => Number((await query(`sum(${metric})`))[0]?.value[1] ?? 0) >= total, `${metric} is scraped`);
  }
}

/** Those that this adds to the demonstration's, by metric. */
const EDGES: Readonly<Record<string, readonly string[]>> = {
  istio_requests_total: [
    ...both(CALLS.service),
    `outgoing: ${CLIENT} to gone (nobody)`,
    `outgoing: ${GATEWAY} to gone (nobody)`,
    `unserved: ${GATEWAY} to gone (nobody)`,
  ].toSorted(),
  istio_request_messages_total: both(CALLS.service),
  istio_response_messages_total: both(CALLS.service),
  istio_tcp_sent_bytes_total: both(BYTES.service),
  istio_tcp_received_bytes_total: both(BYTES.service),
};

function both(service: string): string[] {
  return ['incoming', 'outgoing'].flatMap((direction) => [CLIENT, GATEWAY].map((peer) => `${direction}: ${peer} to ${service}`));
}

async function tryEdges(query: Query, check: Check): Promise<void> {
  for (const [metric, expected] of Object.entries(EDGES)) {
    const edges = new Set<string>();
    for (const namespace of ['default', 'istio-system']) {
      for (const [direction, expression] of Object.entries(graphQueries(namespace, WINDOW, metric)) as [Direction, string][]) {
        for (const sample of await query(expression)) {
          const lacking = lackingLabels(sample.metric, EDGE_METRICS[metric]?.traffic);
          check(lacking.length === 0, `${metric}: Kiali needs ${lacking.join(', ')} of ${JSON.stringify(sample.metric)}`);
          edges.add(edgeText(direction, sample.metric));
        }
      }
    }
    const seen = [...edges].filter((edge) => !edge.includes('sa-')).toSorted();
    check(
      JSON.stringify(seen) === JSON.stringify(expected),
      `${metric}: Kiali's edges are ${seen.join(', ')}; true: ${expected.join(', ')}`,
    );
    console.log(`${metric}: ${seen.length} edges for Kiali`);
  }
}

function edgeText(direction: Direction, metric: Readonly<Record<string, string>>): string {
  const nobody = metric['destination_workload'] === 'unknown' ? ' (nobody)' : '';
  return `${direction}: ${metric['source_workload']} to ${metric['destination_service_name']}${nobody}`;
}

/** Services, and a Gateway with a port for each protocol. */
function objects(): KubeObject[] {
  const named = (name: string) => ({ name, namespace: 'default' });
  const service = (name: string, port: number, portName: string): KubeObject => {
    const ports = [{ name: portName, port, targetPort: port }];
    return { apiVersion: 'v1', kind: 'Service', metadata: named(name), spec: { selector: { app: name }, ports } };
  };
  const istio = (kind: string, spec: unknown): KubeObject => {
    return { apiVersion: 'networking.istio.io/v1', kind, metadata: named('protocols'), spec };
  };
  const server = (number: number, name: string, protocol: string) => ({ hosts: ['*'], port: { number, name, protocol } });
  const to = (host: string) => [{ destination: { host } }];
  const servers = [CALLS, BYTES].map(({ port, name, gateway }) => server(port, name, gateway));
  return [
    ...[CALLS, BYTES].map(({ service: name, port, name: portName }) => service(name, port, portName)),
    service('gone', 80, 'http'),
    istio('Gateway', { selector: { istio: 'ingressgateway' }, servers: [...servers, server(81, 'http', 'HTTP')] }),
    istio('VirtualService', {
      ...{ hosts: ['*'], gateways: ['protocols'] },
      http: [
        { match: [{ port: CALLS.port }], route: to(CALLS.service) },
        { match: [{ port: 81 }], route: to('gone') },
      ],
      tcp: [{ match: [{ port: BYTES.port }], route: to(BYTES.service) }],
    }),
  ];
}
