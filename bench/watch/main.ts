/**
 * What one agent asks of the API server, and what it costs the agent: a real etcd and API server, so many Services and endpoints, and
 * changes of them. docs/scale.md has the arithmetic for a cluster.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { agentRights, customResources } from '../../test/e2e/agent-rights.ts';
import { ApiServer } from '../../test/e2e/api-server.ts';
import type { KubeObject } from '../../test/e2e/kube-api.ts';
import { freePorts } from '../../test/base/free-ports.ts';

const quick = process.argv.includes('--quick');
const SERVICES = quick ? 50 : 1000;
const ENDPOINTS = 10;
const NAMESPACES = quick ? 5 : 50;
/** Services that a rule divides into subsets; only their pods are made. */
const DIVIDED = quick ? 2 : 10;
const LOCAL_PODS = 20;
const CHANGES = quick ? 100 : 5000;
const IDLE_S = quick ? 2 : 30;
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

class RunningAgent {
  readonly startedAt = performance.now();
  readonly #process: ChildProcess;
  readonly #node: string;
  readonly #admin: string;

  constructor(kubeconfig: string, [node, admin]: readonly number[]) {
    this.#node = `http://127.0.0.1:${node}`;
    this.#admin = `http://127.0.0.1:${admin}`;
    const flags = ['--kubeconfig', kubeconfig, '--node-name', 'n1', '--no-capture', '--workers', '1', '--gateway-address', '127.0.0.1'];
    const at = ['--metrics-address', `127.0.0.1:${node}`, '--admin-address', `127.0.0.1:${admin}`];
    this.#process = spawn(process.execPath, ['dist/src/main.js', 'agent', ...flags, ...at], { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  async ready(): Promise<number> {
    for (;;) {
      const answer = await fetch(`${this.#node}/readyz`).catch(() => null);
      await answer?.text();
      if (answer?.status === 200) return performance.now() - this.startedAt;
      if (this.#process.exitCode !== null) throw new Error(`the agent has ended with ${this.#process.exitCode}`);
      await delay(20);
    }
  }

  get rssMb(): number {
    const status = readFileSync(`/proc/${this.#process.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  }

  /** User and system, in seconds. */
  get cpu(): number {
    const fields = readFileSync(`/proc/${this.#process.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** By resource. */
  async sources(kind: 'bytes' | 'events'): Promise<Map<string, number>> {
    const text = await (await fetch(`${this.#node}/metrics`)).text();
    const found = text.matchAll(new RegExp(`^nodeway_source_${kind}_total\\{resource="([^"]+)"\\} (\\d+)`, 'gm'));
    return new Map([...found].map(([, resource, value]) => [resource as string, Number(value)]));
  }

  async eventsOf(resource: string): Promise<number> {
    return (await this.sources('events')).get(resource) ?? 0;
  }

  async heapMb(): Promise<number> {
    const text = await (await fetch(`${this.#node}/metrics`)).text();
    return Number(/^nodejs_heap_size_used_bytes (\S+)/m.exec(text)?.[1] ?? 0) / 2 ** 20;
  }

  async watches(): Promise<number> {
    const { sources } = (await (await fetch(`${this.#admin}/status`)).json()) as { readonly sources: readonly unknown[] };
    return sources.length;
  }

  async firstEndpoint(index: number): Promise<string> {
    const { endpoints } = (await (await fetch(`${this.#admin}/snapshot`)).json()) as {
      readonly endpoints: Readonly<Record<string, readonly { readonly address: string }[]>>;
    };
    const all = endpoints[`outbound|80||s${index}.${namespaceOf(index)}.svc.cluster.local`] ?? [];
    return all.map(({ address }) => address).find((address) => address.startsWith('10.100.')) ?? 'none';
  }

  async stop(): Promise<void> {
    const ended = new Promise((done) => this.#process.once('exit', done));
    this.#process.kill('SIGTERM');
    await ended;
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
  await inParallel(numbers(CHANGES), (version) => api.kube.apply(slice(version % SERVICES, version + 1)));
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
  row('  CPU of the agent an event', `${(((agent.cpu - cpu) * 1000) / Math.max(got, 1)).toFixed(2)} ms; RSS ${Math.round(agent.rssMb)} MB`);
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
  const agent = new RunningAgent(await api.agentKubeconfig(), await freePorts(2));
  try {
    row('start to ready', `${Math.round(await agent.ready())} ms`);
    await delay(2000);
    row('RSS, heap of the control thread', `${Math.round(agent.rssMb)} MB, ${Math.round(await agent.heapMb())} MB`);
    row('watches', String(await agent.watches()));
    for (const [resource, bytes] of await agent.sources('bytes')) if (bytes > 1000) row(`  bytes of ${resource}`, String(bytes));
    await idle(agent);
    await change(api, agent);
    await idle(agent);
  } finally {
    await agent.stop();
  }
} finally {
  await api.close();
}
row('machine', execFileSync('uname', ['-srm'], { encoding: 'utf8' }).trim());
