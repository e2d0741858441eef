/** Sends the requests of a set through the agent of this checkout, on pods in network namespaces, and says what happened. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Pod, PodNetwork } from '../node/pod-network.ts';
import { Agent } from './agent.ts';
import { Cluster, type Doc, type SetPod } from './cluster.ts';
import type { Arrival, RequestGroup, Result, Seen, Try } from './exchange.ts';
import { Application, Client } from './processes.ts';

/** Copies and what was given up arrive after the answer. */
const LATE_MS = 400;
/** Of groups with more requests, only the first ones are kept whole. */
const KEPT = 5;

interface Answered {
  readonly group: RequestGroup;
  readonly seen: readonly Seen[];
}

/** @param name of the network, one for each replay that is under way. */
export async function replay(directory: string, name: string): Promise<Result[]> {
  const cluster = Cluster.read(join(directory, 'manifests'));
  const groups = JSON.parse(readFileSync(join(directory, 'requests.json'), 'utf8')) as RequestGroup[];
  const network = await PodNetwork.create(name);
  try {
    return await new Replay(network, cluster, meshConfig(directory)).run(groups);
  } finally {
    await network.close();
  }
}

/** As a cluster has it. */
function meshConfig(directory: string): Doc[] {
  const file = join(directory, 'mesh.yaml');
  if (!existsSync(file)) return [];
  const metadata = { name: 'istio', namespace: 'istio-system' };
  return [{ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { mesh: readFileSync(file, 'utf8') } }];
}

class Replay {
  readonly #cluster: Cluster;
  readonly #mesh: readonly Doc[];
  readonly #network: PodNetwork;
  readonly #pods: readonly SetPod[];
  readonly #places = new Map<string, Pod>();
  readonly #clients = new Map<string, Client>();

  constructor(network: PodNetwork, cluster: Cluster, mesh: readonly Doc[]) {
    this.#network = network;
    this.#cluster = cluster;
    this.#mesh = mesh;
    this.#pods = cluster.pods;
  }

  async run(groups: readonly RequestGroup[]): Promise<Result[]> {
    const gateways = this.#pods.filter(({ isGateway }) => isGateway);
    const node = this.#network.addPod(
      'node',
      gateways.map(({ ip }) => `${ip}/24`),
    );
    const applications = this.#startApplications();
    const agent = new Agent(this.#network, node);
    try {
      await Promise.all(applications.map((one) => one.ready()));
      const docs = this.#cluster.manifests((key) => this.#places.get(key)?.path ?? null);
      await agent.start([...docs, ...this.#mesh], gateways);
      const answered: Answered[] = [];
      for (const group of groups) answered.push({ group, seen: await this.#ask(group) });
      await delay(LATE_MS);
      const arrivals = Map.groupBy(
        applications.flatMap((one) => one.arrivals),
        ({ id }) => id,
      );
      return answered.map((one) => resultOf(one, arrivals));
    } finally {
      await agent.close();
    }
  }

  #startApplications(): Application[] {
    return this.#pods.flatMap((pod, index) => {
      if (pod.isGateway) return [];
      const place = this.#network.addPod(`p${index}`, [`${pod.ip}/24`]);
      this.#places.set(`${pod.namespace}/${pod.name}`, place);
      return [new Application(place, pod)];
    });
  }

  #ask(group: RequestGroup): Promise<Seen[]> {
    const pod = this.#find(group.from);
    const key = `${pod.namespace}/${pod.name}`;
    const place = this.#places.get(key);
    if (place === undefined) throw new Error(`${group.name}: nothing can be sent from ${group.from}`);
    const client = this.#clients.get(key) ?? new Client(place);
    this.#clients.set(key, client);
    const { from: _from, to, port: given, ...rest } = group;
    const { host = '' } = rest;
    const port = given ?? (host.includes(':') ? Number(host.split(':')[1]) : 80);
    const { ip, port: dialled } = this.#cluster.addressOf(to ?? host, port, pod.namespace, !pod.inMesh);
    const named = host !== '' && !host.includes(':') && port !== 80 ? { host: `${host}:${port}` } : {};
    return client.ask({ ...rest, ...named, ip, dialled });
  }

  #find(from: string): SetPod {
    const [name = '', namespace] = from.split('/').toReversed();
    const there = this.#pods.filter((pod) => namespace === undefined || pod.namespace === namespace);
    const found = there.find((pod) => pod.name === name) ?? there.find(({ labels }) => labels['app'] === name);
    if (found === undefined) throw new Error(`there is no pod ${from}`);
    return found;
  }
}

function resultOf({ group, seen }: Answered, arrivals: ReadonlyMap<string, readonly Arrival[]>): Result {
  const tries = seen.toSorted((a, b) => a.i - b.i).map((one) => tryOf(one, arrivals.get(one.id) ?? []));
  const summary: Record<string, number> = {};
  for (const { status, backend } of tries) {
    const key = `${status ?? 'None'}|${backend ?? '-'}`;
    summary[key] = (summary[key] ?? 0) + 1;
  }
  return { name: group.name, summary, ...(tries.length > KEPT ? { first: tries.slice(0, 2) } : { tries }) };
}

function tryOf({ status, ms, headers, body, received, echo }: Seen, arrivals: readonly Arrival[]): Try {
  return {
    ...(status !== undefined && { status }),
    ...(ms !== undefined && { ms }),
    ...(headers !== undefined && { headers }),
    ...(body !== undefined && { body }),
    ...(received !== undefined && { received }),
    ...(echo !== undefined && { backend: echo.pod, seen: { headers: echo.headers, proto: echo.proto } }),
    arrivals: arrivals.toSorted((a, b) => a.t - b.t).map(({ host, uri, method }) => ({ host, uri, method })),
  };
}
