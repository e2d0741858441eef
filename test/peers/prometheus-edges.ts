/**
 * HTTP, gRPC and bytes between pods and through a gateway, as Kiali asks Prometheus for them: each edge is there from the reporters that
 * it has, with all labels that Kiali needs, and with response times, throughput and security.
 */
import { fileURLToPath } from 'node:url';
import { freePorts } from '../base/free-ports.ts';
import { AgentProcess, type KubeObject, podObject, serviceObject } from '../node/agent/agent-process.ts';
import { type Outcome, outcomeOf, type Pod, PodNetwork, until } from '../node/pod-network.ts';
import { type Direction, EDGE_METRICS, edgeQueries, graphQueries, lackingLabels } from './kiali.ts';
import { type Query, startPrometheus } from './prometheus-server.ts';

const WINDOW = '60s';
const ECHO = fileURLToPath(new URL('echo-grpc-js.ts', import.meta.url));
const NODE = [process.execPath, '--disable-warning=ExperimentalWarning'] as const;
const SERVICES = {
  web: { ip: '10.96.0.11', port: 80, name: 'http', serve: ['-e', `require('http').createServer((q, s) => s.end('web')).listen(80)`] },
  calls: { ip: '10.96.0.12', port: 5000, name: 'grpc', serve: [ECHO, 'server', '5000'] },
  bytes: { ip: '10.96.0.13', port: 9000, name: 'tcp', serve: ['-e', `require('net').createServer((s) => s.pipe(s)).listen(9000)`] },
} as const;
/** A service without pods. */
const GONE = '10.96.0.14';

const getAll = (...urls: readonly string[]): string =>
  `(async () => { for (const url of ${JSON.stringify(urls)}) await (await fetch(url)).text() })()`;
const exchange = (host: string, port: number): string =>
  `const s = require('net').connect(${port}, '${host}', () => s.write('bytes')); s.on('data', () => s.end())`;

/** Who calls whom, by whom it is reported. */
const EDGES: Readonly<Record<string, readonly string[]>> = {
  istio_requests_total: [
    'incoming: client to calls',
    'incoming: client to web',
    'incoming: istio-ingressgateway to calls',
    'incoming: istio-ingressgateway to web',
    'outgoing: client to calls',
    'outgoing: client to gone (nobody)',
    'outgoing: client to web',
    'outgoing: istio-ingressgateway to calls',
    'outgoing: istio-ingressgateway to gone (nobody)',
    'outgoing: istio-ingressgateway to web',
    'unserved: istio-ingressgateway to gone (nobody)',
  ],
  ...grpc('istio_request_messages_total'),
  ...grpc('istio_response_messages_total'),
  ...tcp('istio_tcp_sent_bytes_total'),
  ...tcp('istio_tcp_received_bytes_total'),
};

function grpc(metric: string): Record<string, readonly string[]> {
  return { [metric]: both('calls') };
}

function tcp(metric: string): Record<string, readonly string[]> {
  return { [metric]: both('bytes') };
}

function both(service: string): string[] {
  return ['incoming', 'outgoing'].flatMap((direction) => [
    `${direction}: client to ${service}`,
    `${direction}: istio-ingressgateway to ${service}`,
  ]);
}

type Check = (holds: boolean, fault: string) => void;

/** Needs root. @param directory for Prometheus. */
export async function watchEdges(directory: string, check: Check): Promise<void> {
  const network = await PodNetwork.create('edges');
  const agent = await AgentProcess.create(network);
  try {
    const client = await startPods(network, agent);
    const [port = 0, http = 0, grpcPort = 0, tcpPort = 0] = await freePorts(4);
    await agent.apply('gateway.json', ...gateway(http, grpcPort, tcpPort));
    await agent.start();
    const query = await startPrometheus(directory, port, agent.metricsPort);
    // Twice: what Prometheus has not seen before has no rate.
    for (let round = 0; round < 2; round++) {
      await fromPod(client);
      await fromOutside(network, http, grpcPort, tcpPort);
      await scraped(query, agent);
    }
    await tryEdges(query, check);
  } finally {
    await agent.close();
    await network.close();
  }
}

async function startPods(network: PodNetwork, agent: AgentProcess): Promise<Pod> {
  const client = network.addPod('client');
  const objects: KubeObject[] = [podObject(client, 'client'), serviceObject('gone', GONE, { http: 80 })];
  for (const [name, { ip, port, name: portName, serve }] of Object.entries(SERVICES)) {
    const pod = network.addPod(name);
    pod.start([...NODE, ...serve], { stdio: ['ignore', 'ignore', 'inherit'] });
    await pod.listens(port);
    objects.push(podObject(pod, name), serviceObject(name, ip, { [portName]: port }));
  }
  await agent.apply('pods.json', ...objects);
  return client;
}

async function fromPod(client: Pod): Promise<void> {
  const { web, calls, bytes } = SERVICES;
  await good(client.run([...NODE, '-e', getAll(`http://${web.ip}/`, `http://${GONE}/`)]));
  await good(client.run([...NODE, ECHO, 'client', calls.ip, String(calls.port)]));
  await good(client.run([...NODE, '-e', exchange(bytes.ip, bytes.port)]));
}

async function fromOutside(network: PodNetwork, http: number, grpcPort: number, tcpPort: number): Promise<void> {
  const run = (words: readonly string[]): Promise<void> => good(outcomeOf(network.start(null, [...NODE, ...words])));
  await run(['-e', getAll(`http://127.0.0.1:${http}/`, `http://127.0.0.1:${http}/gone`)]);
  await run([ECHO, 'client', '127.0.0.1', String(grpcPort)]);
  await run(['-e', exchange('127.0.0.1', tcpPort)]);
}

async function good(outcome: Promise<Outcome>): Promise<void> {
  const { code, stderr } = await outcome;
  if (code !== 0) throw new Error(`a client failed: ${stderr}`);
}

/** Whatever has been counted. */
async function scraped(query: Query, agent: AgentProcess): Promise<void> {
  for (const metric of ['istio_requests_total', 'istio_tcp_connections_closed_total']) {
    const total = await agent.metric(metric);
    await until(async () => Number((await query(`sum(${metric})`))[0]?.value[1] ?? 0) >= total, `${metric} is scraped`);
  }
}

async function tryEdges(query: Query, check: Check): Promise<void> {
  for (const [metric, expected] of Object.entries(EDGES)) {
    const edges = new Set<string>();
    for (const namespace of ['shop', 'istio-system']) {
      const queries = graphQueries(namespace, WINDOW, metric);
      for (const direction of Object.keys(queries) as Direction[]) {
        for (const sample of await query(queries[direction])) {
          const lacking = lackingLabels(sample.metric, EDGE_METRICS[metric]?.traffic);
          check(lacking.length === 0, `${metric}: Kiali needs ${lacking.join(', ')} of ${JSON.stringify(sample.metric)}`);
          edges.add(edgeText(direction, sample.metric));
        }
      }
    }
    const seen = [...edges].toSorted();
    check(
      JSON.stringify(seen) === JSON.stringify(expected),
      `${metric}: Kiali's edges are ${seen.join(', ')}; expected: ${expected.join(', ')}`,
    );
    console.log(`${metric}: ${seen.length} edges for Kiali`);
  }
  for (const expression of edgeQueries('shop', WINDOW)) check((await query(expression)).length > 0, `no answer to ${expression}`);
}

function edgeText(direction: Direction, metric: Readonly<Record<string, string>>): string {
  const nobody = metric['destination_workload'] === 'unknown' ? ' (nobody)' : '';
  return `${direction}: ${metric['source_workload']} to ${metric['destination_service_name']}${nobody}`;
}

/** A port for each protocol, before the services of that protocol. */
function gateway(http: number, grpcPort: number, tcpPort: number): KubeObject[] {
  const named = (kind: string, name: string, spec: unknown): KubeObject => {
    return { apiVersion: 'networking.istio.io/v1', kind, metadata: { name, namespace: 'shop' }, spec };
  };
  const server = (number: number, name: string, protocol: string) => ({ hosts: ['*'], port: { number, name, protocol } });
  const to = (host: string) => [{ destination: { host } }];
  const servers = [server(http, 'http', 'HTTP'), server(grpcPort, 'grpc', 'GRPC'), server(tcpPort, 'tcp', 'TCP')];
  return [
    named('Gateway', 'entry', { selector: { istio: 'ingressgateway' }, servers }),
    named('VirtualService', 'entry', {
      ...{ hosts: ['*'], gateways: ['entry'] },
      http: [
        { match: [{ port: grpcPort }], route: to('calls') },
        { match: [{ uri: { prefix: '/gone' } }], route: to('gone') },
        { route: to('web') },
      ],
      tcp: [{ match: [{ port: tcpPort }], route: to('bytes') }],
    }),
  ];
}
