/**
 * What one agent asks of the API server, and what it costs the agent: a real etcd and API server, so many Services and endpoints, and
 * changes of them. docs/scale.md has the arithmetic for a cluster.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AGENT_ACCOUNT, AGENT_NAMESPACE, agentRights, customResources } from '../../test/e2e/agent-rights.ts';
import { ApiServer } from '../../test/e2e/api-server.ts';
import type { KubeObject } from '../../test/e2e/kube-api.ts';
import { LocalAgent } from '../../test/e2e/local-agent.ts';
import { crowd } from './crowd.ts';
import { anonymousMb, cpuSeconds, residentMb } from './process-cost.ts';

const quick = process.argv.includes('--quick');
const SERVICES = quick ? 50 : 1000;
const ENDPOINTS = 10;
const NAMESPACES = quick ? 5 : 50;
/** Services that a rule divides into subsets; only their pods are made. */
const DIVIDED = quick ? 2 : 10;
const LOCAL_PODS = 20;
const CHANGES = quick ? 100 : 5000;
const IDLE_S = quick ? 2 : 30;
/** Watches of further agents. */
const CROWD = quick ? 5 : 200;
const CROWD_CHANGES = quick ? 20 : 500;
const PARALLEL = 32;

const namespaceOf = (index: number): string => `n${index % NAMESPACES}`;

function service(index: number): KubeObject {
  const spec = { selector: { app: `s${index}` }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name: `s${index}`, namespace: namespaceOf(index) }, spec };
}

/** @param version the first endpoint's address has it. */
function slice(index: number, version = 0): KubeObject {
  const endpoints = Array.from({ length: ENDPOINTS }, (_, position) => ({
    addresses: [position === 0 ? `10.100.${version >> 8}.${version & 255}` : `10.${position}.${index >> 8}.${index & 255}`],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: `node-${(index * 7 + position) % 5000}`,
    targetRef: { kind: 'Pod', namespace: namespaceOf(index), name: `s${index}-7d9f8c6b5d-${'x2z9k'.slice(1)}${position}` },
    zone: 'zone-a',
  }));
  const labels = { 'kubernetes.io/service-name': `s${index}`, 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' };
  return {
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
    metadata: { name: `s${index}-abcde`, namespace: namespaceOf(index), labels },
    ...{ ports: [{ name: 'http', port: 8080, protocol: 'TCP' }], endpoints },
  };
}

function pod(index: number, position: number, nodeName: string): KubeObject {
  const labels = { app: `s${index}`, version: `v${position % 2}`, 'pod-template-hash': '7d9f8c6b5d' };
  return {
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: { name: `s${index}-7d9f8c6b5d-p${position}`, namespace: namespaceOf(index), labels },
    spec: { nodeName, containers: [{ name: 'app', image: 'app:1' }] },
  };
}

function rule(index: number): KubeObject {
  const subsets = ['v0', 'v1'].map((name) => ({ name, labels: { version: name } }));
  const metadata = { name: `s${index}`, namespace: namespaceOf(index) };
  return { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata, spec: { host: `s${index}`, subsets } };
}

const GATEWAY: KubeObject = {
  ...{ apiVersion: 'networking.istio.io/v1', kind: 'Gateway', metadata: { name: 'web', namespace: 'n0' } },
  spec: { selector: { istio: 'ingressgateway' }, servers: [{ port: { number: 18080, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }] },
};

async function inParallel<T>(items: readonly T[], each: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      for (const item of left) await each(item);
    }),
  );
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Gives the agent a service account's files where pods have them, in a mount namespace of its own. */
const AS_POD = [
  ...['unshare', '--map-root-user', '--mount', 'sh', '-c'],
  'mount -t tmpfs tmpfs /run && mkdir -p /run/secrets/kubernetes.io && cp -r "$0" /run/secrets/kubernetes.io/serviceaccount && exec "$@"',
] as const;

class RunningAgent {
  readonly #agent: LocalAgent;
  readonly readyMs: number;

  private constructor(agent: LocalAgent, readyMs: number) {
    this.#agent = agent;
    this.readyMs = readyMs;
  }

  /** With the access that a pod has. */
  static async start(api: ApiServer): Promise<RunningAgent> {
    const account = mkdtempSync(join(api.directory, 'account-'));
    await api.kube.apply(...agentRights());
    writeFileSync(join(account, 'token'), await api.kube.token(AGENT_NAMESPACE, AGENT_ACCOUNT));
    writeFileSync(join(account, 'ca.crt'), Buffer.from(api.kube.authority, 'base64'));
    const { hostname, port } = new URL(api.kube.server);
    const env = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
    const began = performance.now();
    const agent = await LocalAgent.start({ nodeName: 'n1', directory: api.directory, env, through: [...AS_POD, account] });
    return new RunningAgent(agent, performance.now() - began);
  }

  memory(): string {
    const { pid } = this.#agent.daemon;
    return `RSS ${Math.round(residentMb(pid))} MB, ${Math.round(anonymousMb(pid))} of it anonymous`;
  }

  /** In seconds. */
  get cpu(): number {
    return cpuSeconds(this.#agent.daemon.pid);
  }

  /** By resource. */
  async sources(kind: 'bytes' | 'events'): Promise<Map<string, number>> {
    const pattern = new RegExp(`^nodeway_source_${kind}_total\\{resource="([^"]+)"\\} (\\d+)`, 'gm');
    const found = (await this.#agent.metrics()).matchAll(pattern);
    return new Map([...found].map(([, resource, value]) => [resource as string, Number(value)]));
  }

  async eventsOf(resource: string): Promise<number> {
    return (await this.sources('events')).get(resource) ?? 0;
  }

  async heapMb(): Promise<number> {
    return Number(/^nodejs_heap_size_used_bytes (\S+)/m.exec(await this.#agent.metrics())?.[1] ?? 0) / 2 ** 20;
  }

  async watches(): Promise<number> {
    return (await this.#agent.status()).sources.length;
  }

  async firstEndpoint(index: number): Promise<string> {
    const all = await this.#agent.endpoints(`outbound|80||s${index}.${namespaceOf(index)}.svc.cluster.local`);
    return all.find((address) => address.startsWith('10.100.'))?.split(':')[0] ?? 'none';
  }

  stop(): Promise<void> {
    return this.#agent.stop();
  }
}

function row(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(64)} ${value}\n`);
}

const sum = (map: ReadonlyMap<string, number>): number => [...map.values()].reduce((total, value) => total + value, 0);

async function fill(api: ApiServer): Promise<void> {
  const { kube } = api;
  await kube.apply(...customResources(), ...agentRights());
  await kube.kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s');
  await inParallel(numbers(NAMESPACES), (index) => kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: `n${index}` } }));
  await inParallel(numbers(SERVICES), (index) => kube.apply(service(index), slice(index)));
  const pods = numbers(DIVIDED).flatMap((index) => numbers(ENDPOINTS).map((position) => pod(index, position, 'elsewhere')));
  const local = numbers(LOCAL_PODS).map((index) => pod(index, 99, 'n1'));
  await inParallel([...pods, ...local], (object) => kube.apply(object));
  await kube.apply(GATEWAY, ...numbers(DIVIDED).map(rule));
}

async function change(api: ApiServer, agent: RunningAgent): Promise<void> {
  const [bytes, events, cpu] = [sum(await agent.sources('bytes')), await agent.eventsOf('endpointslices.discovery.k8s.io'), agent.cpu];
  const began = performance.now();
  // Whole objects, as the controller writes them.
  await inParallel(numbers(CHANGES), (version) => api.kube.replace(slice(version % SERVICES, version + 1)));
  const seconds = (performance.now() - began) / 1000;
  const last = CHANGES - 1;
  const final = slice(last % SERVICES, CHANGES) as unknown as { readonly endpoints: readonly [{ readonly addresses: readonly [string] }] };
  const wanted = final.endpoints[0].addresses[0];
  const waited = performance.now();
  while ((await agent.eventsOf('endpointslices.discovery.k8s.io')) - events < CHANGES) {
    if (performance.now() - waited > 30_000) throw new Error('events are missing');
    await delay(10);
  }
  const lag = Math.round(performance.now() - waited);
  row(`${CHANGES} changes of EndpointSlices`, `${Math.round(CHANGES / seconds)}/s, the last known after ${lag} ms`);
  const got = (await agent.eventsOf('endpointslices.discovery.k8s.io')) - events;
  row('  events, bytes an event', `${got}, ${Math.round((sum(await agent.sources('bytes')) - bytes) / Math.max(got, 1))}`);
  row('  CPU of the agent an event', `${(((agent.cpu - cpu) * 1000) / Math.max(got, 1)).toFixed(2)} ms; ${agent.memory()}`);
  // One that is asked for once: it is as large as the cluster.
  const inEffect = await agent.firstEndpoint(last % SERVICES);
  if (inEffect !== wanted) throw new Error(`the last change is not in effect: ${inEffect}, not ${wanted}`);
}

async function idle(agent: RunningAgent): Promise<void> {
  const [bytes, cpu] = [sum(await agent.sources('bytes')), agent.cpu];
  await delay(IDLE_S * 1000);
  row(
    `idle for ${IDLE_S} s`,
    `${(((agent.cpu - cpu) / IDLE_S) * 100).toFixed(1)} % of a core, ${sum(await agent.sources('bytes')) - bytes} bytes`,
  );
}

const api = await ApiServer.start();
try {
  const began = performance.now();
  await fill(api);
  row(
    `${SERVICES} Services, ${SERVICES * ENDPOINTS} endpoints, ${DIVIDED} rules with subsets`,
    `${Math.round((performance.now() - began) / 1000)} s to make`,
  );
  const agent = await RunningAgent.start(api);
  try {
    row('start to ready', `${Math.round(agent.readyMs)} ms`);
    await delay(2000);
    row('memory', `${agent.memory()}; heap of the control thread ${Math.round(await agent.heapMb())} MB`);
    row('watches', String(await agent.watches()));
    for (const [resource, bytes] of await agent.sources('bytes')) if (bytes > 1000) row(`  bytes of ${resource}`, String(bytes));
    await idle(agent);
    await change(api, agent);
    await idle(agent);
  } finally {
    await agent.stop();
  }
  // With one, most is what the changes themselves cost.
  for (const watches of [1, CROWD]) {
    const changes = numbers(CROWD_CHANGES).map((version) => slice(version % SERVICES, CHANGES + version + watches));
    const { cpuMs, megabytes, events, bytes } = await crowd(api, watches, changes);
    row(
      `${watches} watches of EndpointSlices, ${changes.length} changes`,
      `${events} events, ${Math.round(bytes / Math.max(events, 1))} bytes each`,
    );
    row('  the API server, an event; a watch', `${cpuMs.toFixed(3)} ms of CPU; ${megabytes.toFixed(1)} MB`);
  }
} finally {
  await api.close();
}
row('machine', execFileSync('uname', ['-srm'], { encoding: 'utf8' }).trim());
